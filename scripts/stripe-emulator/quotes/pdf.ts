import { PDFDocument, StandardFonts } from 'pdf-lib';
import type { Emulator } from '../kernel/emulator.ts';
import { resourceMissing } from '../kernel/errors.ts';
import { RawAnswer, type Registry } from '../kernel/registry.ts';
import { money } from '../pages/format.ts';
import { keptLines, priced } from './lines.ts';

/** One A4 page: a title and lines of text. Letters outside Latin-1 become question marks. */
async function onePage(title: string, lines: readonly string[]): Promise<Uint8Array> {
  const document = await PDFDocument.create();
  document.setTitle(title);
  document.setCreator('Local Stripe emulator');
  const font = await document.embedFont(StandardFonts.Helvetica);
  const page = document.addPage([595, 842]);
  const latin = (text: string) => text.replaceAll(/[^\x20-\xff]/g, '?');
  page.drawText(latin(title), { x: 56, y: 770, size: 20, font });
  for (const [index, line] of lines.slice(0, 40).entries()) {
    page.drawText(latin(line), { x: 56, y: 735 - index * 17, size: 10, font });
  }
  return document.save();
}

function pdfAnswer(name: string, body: Uint8Array): RawAnswer {
  return new RawAnswer(
    200,
    { 'Content-Type': 'application/pdf', 'Content-Disposition': `inline; filename="${name}.pdf"` },
    body,
  );
}

/** The PDF of a quote (with the API key), and of a credit note (by the address that it carries). */
export function registerPdfs(registry: Registry, emulator: Emulator): void {
  registry.raw('GET', '/v1/quotes/:id/pdf', async (request) => {
    const key = String(request.headers['authorization'] ?? '').replace(/^Bearer /, '');
    const ctx = emulator.context(emulator.accountOf(key === '' ? null : key));
    const quote = ctx.store.need('quote', request.path['id'] ?? '');
    const lines = priced(ctx, keptLines(ctx, quote.id), []).map(
      ({ line, price, subtotal }) =>
        `${line.quantity ?? ''} x ${price.nickname ?? price.id}: ${money(subtotal, price.currency)}`,
    );
    const total =
      quote.currency === null ? '' : `Total: ${money(quote.amount_total, quote.currency)}`;
    return pdfAnswer(
      `Quote-${quote.number ?? quote.id}`,
      await onePage(`Quote ${quote.number ?? '(draft)'}`, [...lines, '', total]),
    );
  });
  registry.raw('GET', '/credit_notes/:id/pdf', async (request) => {
    const id = request.path['id'] ?? '';
    const note = emulator.accountHolding(id)?.store.find('credit_note', id);
    if (note === undefined) throw resourceMissing('credit_note', id);
    const lines = note.lines.data.map(
      (line) =>
        `${line.quantity ?? 1} x ${line.description ?? ''}: ${money(line.amount, note.currency)}`,
    );
    return pdfAnswer(
      note.number,
      await onePage(`Credit note ${note.number}`, [
        ...lines,
        '',
        `Total: ${money(note.total, note.currency)}`,
      ]),
    );
  });
}
