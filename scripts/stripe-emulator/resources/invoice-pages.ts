import type Stripe from 'stripe';
import { invoicePdf } from '../billing/pdf.ts';
import type { Context } from '../kernel/context.ts';
import type { Emulator } from '../kernel/emulator.ts';
import { ApiError, resourceMissing } from '../kernel/errors.ts';
import { RawAnswer, type RawRequest, type Registry } from '../kernel/registry.ts';
import { day, money } from '../pages/format.ts';
import { hostedInvoicePage } from '../pages/invoice-view.ts';
import { redirectTo, type PageResponse } from '../pages/layout.ts';
import { pageRoute, type PageVisit } from '../pages/page-route.ts';
import { fieldOf, methodOfEntry, readEntry } from '../pages/read-entry.ts';
import { emptyEntry, filled, type FormError, type PaymentEntry } from '../pages/test-cards-view.ts';
import { authenticationUrl } from '../payments/confirm-payment.ts';

/** The addresses that `invoice_pdf` and `hosted_invoice_url` carry; the secret in them is what lets one in. */
export function registerInvoicePages(registry: Registry, emulator: Emulator): void {
  registry.raw('GET', '/i/:account/:secret/pdf', async (request) => {
    const id = request.url.searchParams.get('in') ?? '';
    const invoice = emulator.accountHolding(id)?.store.find('invoice', id);
    if (invoice === undefined || !isTheirs(invoice, request.path['secret']))
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
  });
  registry.raw('GET', '/i/:account/:secret', byQuery(pageRoute(emulator, show)));
  registry.raw('POST', '/i/:account/:secret', byQuery(pageRoute(emulator, submit)));
}

type Handler = (request: RawRequest) => Promise<RawAnswer>;

/** The invoice's id is in the query, where pages look for it in the path. */
const byQuery =
  (handle: Handler): Handler =>
  (request) =>
    handle({ ...request, path: { ...request.path, id: request.url.searchParams.get('in') ?? '' } });

const isTheirs = (invoice: Stripe.Invoice, secret: string | undefined): boolean =>
  secret !== undefined && invoice.invoice_pdf?.includes(`/${secret}/pdf`) === true;

function invoiceOf({ ctx, id, path }: PageVisit): Stripe.Invoice {
  const invoice = ctx.store.need('invoice', id);
  if (!isTheirs(invoice, path['secret'])) throw resourceMissing('invoice', id);
  return invoice;
}

function show(visit: PageVisit): PageResponse {
  const fill = visit.query.get('fill');
  const entry = fill === null ? emptyEntry : filled(emptyEntry, fill);
  return shown(visit.ctx, invoiceOf(visit), { entry, error: declineOf(visit) });
}

/** Why the last try failed, for somebody who comes back from the bank's page. */
function declineOf(visit: PageVisit): FormError | null {
  const intent = visit.ctx.store.find('payment_intent', visit.query.get('payment_intent'));
  const message = intent?.last_payment_error?.message;
  return visit.query.get('redirect_status') !== 'failed' || message === undefined
    ? null
    : { field: null, message };
}

function submit(visit: PageVisit): PageResponse {
  const { ctx, form } = visit;
  const invoice = invoiceOf(visit);
  if (!canBePaid(invoice)) return shown(ctx, invoice, { entry: emptyEntry, error: null });
  const entry = readEntry(form);
  const made = methodOfEntry(ctx, entry);
  if ('error' in made) return shown(ctx, invoice, { entry, error: made.error });
  try {
    ctx.services.billing.payInvoice(ctx, invoice, {
      paymentMethod: made.method.id,
      offSession: false,
      outOfBand: false,
    });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const bank = bankPage(ctx, invoice, error);
    if (bank !== null) return redirectTo(bank);
    const field = fieldOf(error.body.param);
    return shown(ctx, invoice, { entry, error: { field, message: error.message } });
  }
  return redirectTo(pathOf(invoice));
}

/** Where the holder authenticates; the browser then comes back to the invoice. */
function bankPage(ctx: Context, invoice: Stripe.Invoice, error: ApiError): string | null {
  const intent = ctx.store.find('payment_intent', error.body.payment_intent?.id);
  if (intent?.status !== 'requires_action') return null;
  const url = authenticationUrl(ctx, intent);
  const back = { return_url: invoice.hosted_invoice_url ?? null, url };
  const apply = () => {
    intent.next_action = { redirect_to_url: back, type: 'redirect_to_url' };
  };
  ctx.update('payment_intent', intent, { event: null, apply });
  return url;
}

const canBePaid = (invoice: Stripe.Invoice): boolean =>
  (invoice.status === 'open' || invoice.status === 'uncollectible') && invoice.amount_due > 0;

function pathOf(invoice: Stripe.Invoice): string {
  const url = new URL(invoice.hosted_invoice_url ?? '/', 'http://localhost');
  return `${url.pathname}${url.search}`;
}

function shown(
  ctx: Context,
  invoice: Stripe.Invoice,
  form: { entry: PaymentEntry; error: FormError | null },
): PageResponse {
  const { currency } = invoice;
  const paid = invoice.status === 'paid';
  return hostedInvoicePage({
    path: pathOf(invoice),
    seller: ctx.settings.businessName,
    number: invoice.number ?? invoice.id,
    customer: invoice.customer_name ?? invoice.customer_email ?? '',
    amount: money(paid ? invoice.amount_paid : invoice.amount_due, currency),
    status: STATUS[invoice.status ?? 'draft'] ?? 'Draft',
    good: paid,
    detail: detailOf(invoice),
    lines: invoice.lines.data.map((line) => ({
      label: line.description ?? 'Item',
      note:
        line.period.end > line.period.start
          ? `${day(line.period.start)} to ${day(line.period.end)}`
          : '',
      amount: money(line.amount, currency),
    })),
    totals: totalsOf(invoice),
    pdf: invoice.invoice_pdf ?? null,
    payment: canBePaid(invoice) ? form : null,
  });
}

const STATUS: Readonly<Record<string, string>> = {
  open: 'Open',
  paid: 'Paid',
  uncollectible: 'Uncollectible',
  void: 'Void',
};

function detailOf(invoice: Stripe.Invoice): string {
  const { paid_at: paid, voided_at: voided } = invoice.status_transitions;
  if (paid !== null) return `on ${day(paid)}`;
  if (voided !== null) return `since ${day(voided)}; nothing is due`;
  return invoice.due_date === null ? 'due now' : `due on ${day(invoice.due_date)}`;
}

function totalsOf(invoice: Stripe.Invoice): { label: string; amount: string; strong: boolean }[] {
  const { currency } = invoice;
  const sum = (parts: readonly { amount: number }[] | null) =>
    (parts ?? []).reduce((total, part) => total + part.amount, 0);
  const rows: [string, number][] = [];
  const off = sum(invoice.total_discount_amounts);
  const tax = sum(invoice.total_taxes);
  if (off !== 0) rows.push(['Discount', -off]);
  if (tax !== 0) rows.push(['Tax', tax]);
  if (invoice.amount_due !== invoice.total) rows.push(['Total', invoice.total]);
  if (invoice.status === 'paid') rows.push(['Amount paid', invoice.amount_paid]);
  else rows.push(['Amount due', invoice.amount_due]);
  return rows.map(([label, amount], at) => ({
    label,
    amount: money(amount, currency),
    strong: at === rows.length - 1,
  }));
}
