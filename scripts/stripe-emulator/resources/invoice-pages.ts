import { invoicePdf } from '../billing/pdf.ts';
import type { Emulator } from '../kernel/emulator.ts';
import { resourceMissing } from '../kernel/errors.ts';
import { RawAnswer, type RawRequest, type Registry } from '../kernel/registry.ts';

/** The addresses that `invoice_pdf` and `hosted_invoice_url` carry; the secret in them is what lets one in. */
export function registerInvoicePages(registry: Registry, emulator: Emulator): void {
  const pdf = async (request: RawRequest) => {
    const id = request.url.searchParams.get('in') ?? '';
    const invoice = emulator.accountHolding(id)?.store.find('invoice', id);
    const secret = request.path['secret'] ?? '';
    if (invoice?.invoice_pdf?.includes(`/${secret}/pdf`) !== true)
      throw resourceMissing('invoice', id);
    const name = `Invoice-${invoice.number ?? invoice.id}.pdf`;
    return new RawAnswer(
      200,
      {
        'Content-Type': 'application/pdf',
        'Content-Disposition': `inline; filename="${name.replaceAll(/[^\w.-]/g, '_')}"`,
      },
      await invoicePdf(invoice),
    );
  };
  registry.raw('GET', '/i/:account/:secret/pdf', pdf);
}
