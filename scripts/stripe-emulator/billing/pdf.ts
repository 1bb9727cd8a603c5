import { PDFDocument, StandardFonts, rgb, type PDFFont, type PDFPage } from 'pdf-lib';
import type Stripe from 'stripe';
import { shownAmount } from './money.ts';

const PAGE: [number, number] = [595, 842];
const MARGIN = 56;
const BOTTOM = 90;
const GREY = rgb(0.4, 0.4, 0.45);

interface Pen {
  document: PDFDocument;
  page: PDFPage;
  plain: PDFFont;
  bold: PDFFont;
  y: number;
}

/** The invoice as a PDF: parties, lines, totals; as many A4 pages as it takes. */
export async function invoicePdf(invoice: Stripe.Invoice): Promise<Uint8Array> {
  const document = await PDFDocument.create();
  document.setTitle(`Invoice ${invoice.number ?? invoice.id}`);
  document.setCreator('Local Stripe emulator');
  const pen: Pen = {
    document,
    page: document.addPage(PAGE),
    plain: await document.embedFont(StandardFonts.Helvetica),
    bold: await document.embedFont(StandardFonts.HelveticaBold),
    y: PAGE[1] - MARGIN,
  };
  head(pen, invoice);
  for (const line of invoice.lines.data) row(pen, lineTexts(line), { bold: false });
  totals(pen, invoice);
  write(pen, 'Made by a local Stripe emulator: no real money.', { size: 8, grey: true });
  return document.save();
}

function head(pen: Pen, invoice: Stripe.Invoice): void {
  write(pen, 'Invoice', { size: 24, bold: true });
  pen.y -= 8;
  const facts: [string, string][] = [
    ['Invoice number', invoice.number ?? 'Draft'],
    ['Date of issue', shownDay(invoice.effective_at ?? invoice.created)],
    ...(invoice.due_date === null
      ? []
      : [['Date due', shownDay(invoice.due_date)] satisfies [string, string]]),
    ['Status', invoice.status ?? ''],
    ['From', invoice.account_name ?? ''],
    [
      'Bill to',
      [invoice.customer_name, invoice.customer_email].filter((part) => part !== null).join(', '),
    ],
  ];
  for (const [name, value] of facts) write(pen, `${name}: ${value}`, { size: 10 });
  pen.y -= 16;
  const due = shownAmount(invoice.amount_due, invoice.currency);
  write(pen, `${due} due${invoice.due_date === null ? '' : ` ${shownDay(invoice.due_date)}`}`, {
    size: 15,
    bold: true,
  });
  pen.y -= 12;
  row(pen, ['Description', 'Qty', 'Amount'], { bold: true });
  pen.page.drawLine({
    start: { x: MARGIN, y: pen.y + 6 },
    end: { x: PAGE[0] - MARGIN, y: pen.y + 6 },
    thickness: 0.5,
    color: GREY,
  });
  pen.y -= 8;
}

function lineTexts(line: Stripe.InvoiceLineItem): [string, string, string] {
  return [
    line.description ?? '',
    String(line.quantity ?? 1),
    shownAmount(line.amount, line.currency),
  ];
}

const sum = (amounts: readonly number[]): number =>
  amounts.reduce((total, amount) => total + amount, 0);

function totals(pen: Pen, invoice: Stripe.Invoice): void {
  pen.y -= 8;
  const { currency } = invoice;
  const off = sum((invoice.total_discount_amounts ?? []).map((share) => share.amount));
  const tax = sum((invoice.total_taxes ?? []).map((share) => share.amount));
  const rows: [string, number][] = [
    ['Subtotal', sum(invoice.lines.data.map((line) => line.amount))],
  ];
  if (off !== 0) rows.push(['Discount', -off]);
  if (tax !== 0) rows.push(['Tax', tax]);
  rows.push(['Total', invoice.total]);
  if (invoice.starting_balance !== 0)
    rows.push(['Applied balance', invoice.amount_due - invoice.total]);
  rows.push(['Amount due', invoice.amount_due]);
  for (const [name, amount] of rows)
    row(pen, ['', name, shownAmount(amount, currency)], { bold: name === 'Amount due' });
  pen.y -= 24;
}

/** Text on the left, one in the middle, an amount flush right. */
function row(pen: Pen, texts: [string, string, string], style: { bold: boolean }): void {
  turnPage(pen);
  const font = style.bold ? pen.bold : pen.plain;
  const [left, middle, right] = texts.map(printable);
  const draw = (text: string, x: number) =>
    pen.page.drawText(text, { x, y: pen.y, size: 10, font });
  draw(shortened(left ?? '', font, 290), MARGIN);
  draw(middle ?? '', 370);
  draw(right ?? '', PAGE[0] - MARGIN - font.widthOfTextAtSize(right ?? '', 10));
  pen.y -= 18;
}

function write(
  pen: Pen,
  text: string,
  style: { size: number; bold?: boolean; grey?: boolean },
): void {
  turnPage(pen);
  const font = style.bold === true ? pen.bold : pen.plain;
  const color = style.grey === true ? GREY : rgb(0.1, 0.1, 0.15);
  pen.page.drawText(printable(text), { x: MARGIN, y: pen.y, size: style.size, font, color });
  pen.y -= style.size * 1.5;
}

function turnPage(pen: Pen): void {
  if (pen.y > BOTTOM) return;
  pen.page = pen.document.addPage(PAGE);
  pen.y = PAGE[1] - MARGIN;
}

function shortened(text: string, font: PDFFont, width: number): string {
  let kept = text;
  while (kept.length > 1 && font.widthOfTextAtSize(kept, 10) > width) kept = kept.slice(0, -1);
  return kept === text ? text : `${kept.slice(0, -1)}...`;
}

/** The standard fonts know Latin-1 and a few signs; other letters are shown as question marks. */
function printable(text: string): string {
  return text.replaceAll(/[^\u0020-\u007E\u00A0-\u00FF\u20AC]/g, '?');
}

function shownDay(at: number): string {
  const options = { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' } as const;
  return new Intl.DateTimeFormat('en-US', options).format(new Date(at * 1000));
}
