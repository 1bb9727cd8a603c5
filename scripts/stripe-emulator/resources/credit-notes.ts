import type Stripe from 'stripe';
import { changeBalance } from '../balance/service.ts';
import { markPaid } from '../billing/invoice-state.ts';
import { creditLines, linesOf } from '../credit-notes/lines.ts';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf, newId } from '../kernel/ids.ts';
import { listStored, nestedList, pageOf } from '../kernel/lists.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p, PAGE, paramsOf, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { refundCharge } from '../payments/refund.ts';

const createParams = paramsOf<Stripe.CreditNoteCreateParams>()({
  invoice: p.required(p.str),
  amount: p.int,
  credit_amount: p.amount,
  effective_at: p.timestamp,
  email_type: p.harmless,
  lines: creditLines,
  memo: p.str,
  metadata: p.metadata,
  out_of_band_amount: p.amount,
  reason: p.oneOf(['duplicate', 'fraudulent', 'order_change', 'product_unsatisfactory']),
  refund_amount: p.amount,
  refunds: p.arr(
    p.obj({
      amount_refunded: p.amount,
      refund: p.str,
      type: p.oneOf(['payment_record_refund', 'refund']),
      payment_record_refund: p.unserved,
    }),
  ),
  shipping_cost: p.unserved,
});
type Params = Values<typeof createParams>;
const listParams = {
  ...PAGE,
  created: p.timeRange,
  customer: p.str,
  customer_account: p.unserved,
  invoice: p.str,
};

/** Credit notes: `/v1/credit_notes`. */
export function registerCreditNotes(registry: Registry): void {
  registry.post('/v1/credit_notes', createParams, issue);
  registry.get('/v1/credit_notes', listParams, (ctx, params) =>
    listStored(ctx, 'credit_note', {
      url: '/v1/credit_notes',
      page: params,
      where: (note) =>
        (params.customer === undefined || idOf(note.customer) === params.customer) &&
        (params.invoice === undefined || idOf(note.invoice) === params.invoice),
    }),
  );
  registry.get('/v1/credit_notes/preview', createParams, (ctx, params) =>
    build(ctx, ctx.store.need('invoice', params.invoice, 'invoice'), params),
  );
  registry.get('/v1/credit_notes/preview/lines', { ...createParams, ...PAGE }, (ctx, params) => {
    const note = build(ctx, ctx.store.need('invoice', params.invoice, 'invoice'), params);
    return pageOf(note.lines.data, { url: '/v1/credit_notes/preview/lines', page: params });
  });
  registry.get('/v1/credit_notes/:id', {}, (ctx, _params, { id }) =>
    ctx.store.need('credit_note', id),
  );
  registry.get('/v1/credit_notes/:id/lines', PAGE, (ctx, page, { id }) =>
    pageOf(ctx.store.need('credit_note', id).lines.data, {
      url: `/v1/credit_notes/${id}/lines`,
      page,
    }),
  );
  registry.post(
    '/v1/credit_notes/:id',
    { memo: p.str, metadata: p.metadata },
    (ctx, params, { id }) => {
      const note = ctx.store.need('credit_note', id);
      return ctx.update('credit_note', note, {
        event: 'credit_note.updated',
        apply() {
          note.memo = params.memo ?? note.memo;
          note.metadata = mergeMetadata(note.metadata ?? {}, params.metadata);
        },
      });
    },
  );
  registry.post('/v1/credit_notes/:id/void', {}, (ctx, _params, { id }) =>
    voidNote(ctx, ctx.store.need('credit_note', id)),
  );
}

function issue(ctx: Context, params: Params): Stripe.CreditNote {
  const invoice = ctx.store.need('invoice', params.invoice, 'invoice');
  const note = build(ctx, invoice, params);
  ctx.add('credit_note', note);
  if (note.type === 'pre_payment') lower(ctx, invoice, note.amount);
  else payBack(ctx, invoice, { note, params });
  ctx.emit('credit_note.created', note);
  return note;
}

/** The credit note as it would be; nothing is stored. */
function build(ctx: Context, invoice: Stripe.Invoice, params: Params): Stripe.CreditNote {
  if (
    invoice.status !== 'open' &&
    invoice.status !== 'paid' &&
    invoice.status !== 'uncollectible'
  ) {
    throw invalidRequest(
      'You can only create a credit note for an invoice that is finalized and not void.',
      { param: 'invoice' },
    );
  }
  const lines = linesOf(invoice, params);
  const amount = lines.reduce((sum, line) => sum + line.amount, 0);
  const paid = invoice.status === 'paid';
  refuseAmounts(invoice, { amount, paid, params });
  const id = newId('cn');
  const number = notesOf(ctx, invoice).length + 1;
  const now = ctx.nowFor(idOf(invoice.customer));
  return {
    id,
    object: 'credit_note',
    amount,
    amount_shipping: 0,
    created: now,
    currency: invoice.currency,
    customer: idOf(invoice.customer) ?? '',
    customer_account: null,
    customer_balance_transaction: null,
    discount_amount: 0,
    discount_amounts: [],
    effective_at: params.effective_at ?? now,
    invoice: invoice.id,
    lines: nestedList(lines, `/v1/credit_notes/${id}/lines`),
    livemode: false,
    memo: params.memo ?? null,
    metadata: mergeMetadata({}, params.metadata),
    number: `${invoice.number ?? 'DRAFT'}-CN-${String(number).padStart(2, '0')}`,
    out_of_band_amount: params.out_of_band_amount ?? null,
    pdf: `${ctx.baseUrl}/credit_notes/${id}/pdf`,
    post_payment_amount: paid ? amount : 0,
    pre_payment_amount: paid ? 0 : amount,
    pretax_credit_amounts: [],
    reason: params.reason ?? null,
    refunds: [],
    shipping_cost: null,
    status: 'issued',
    subtotal: amount,
    subtotal_excluding_tax: amount,
    total: amount,
    total_excluding_tax: amount,
    total_taxes: [],
    type: paid ? 'post_payment' : 'pre_payment',
    voided_at: null,
  };
}

function notesOf(ctx: Context, invoice: Stripe.Invoice): Stripe.CreditNote[] {
  return ctx.store.by('credit_note', 'invoice', invoice.id);
}

function refuseAmounts(
  invoice: Stripe.Invoice,
  { amount, paid, params }: { amount: number; paid: boolean; params: Params },
): void {
  const left = paid
    ? invoice.amount_paid - invoice.post_payment_credit_notes_amount
    : invoice.amount_remaining;
  if (amount > left) {
    throw invalidRequest(
      `The credit note amount (${amount}) is greater than the amount that can be credited on this invoice (${left}).`,
      {
        param: 'amount',
      },
    );
  }
  const refunds = (params.refunds ?? []).reduce(
    (sum, refund) => sum + (refund.amount_refunded ?? 0),
    0,
  );
  const split =
    (params.credit_amount ?? 0) +
    (params.refund_amount ?? 0) +
    (params.out_of_band_amount ?? 0) +
    refunds;
  if (!paid && split > 0) {
    throw invalidRequest(
      'You can only refund or credit the customer for an invoice that is paid.',
      { param: 'refund_amount' },
    );
  }
  if (paid && split !== amount) {
    throw invalidRequest(
      `The sum of refund amount, credit amount and out of band amount (${split}) must equal the credit note amount (${amount}).`,
    );
  }
}

/** An open invoice asks for less; with nothing left, it is paid. */
function lower(ctx: Context, invoice: Stripe.Invoice, amount: number): void {
  ctx.update('invoice', invoice, {
    event: 'invoice.updated',
    apply() {
      invoice.pre_payment_credit_notes_amount += amount;
      invoice.amount_due -= amount;
      invoice.amount_remaining -= amount;
    },
  });
  if (amount > 0 && invoice.amount_remaining === 0)
    markPaid(ctx, invoice, { paymentIntent: null, charge: null, outOfBand: false });
}

function payBack(
  ctx: Context,
  invoice: Stripe.Invoice,
  { note, params }: { note: Stripe.CreditNote; params: Params },
): void {
  ctx.update('invoice', invoice, {
    event: 'invoice.updated',
    apply() {
      invoice.post_payment_credit_notes_amount += note.amount;
    },
  });
  if (params.credit_amount !== undefined && params.credit_amount > 0) {
    note.customer_balance_transaction = changeBalance(ctx, {
      customer: idOf(note.customer),
      amount: -params.credit_amount,
      currency: note.currency,
      type: 'credit_note',
      invoice: invoice.id,
      creditNote: note.id,
    }).id;
  }
  for (const refund of params.refunds ?? []) {
    if (refund.refund !== undefined) attachRefund(note, refund.refund, refund.amount_refunded ?? 0);
  }
  if (params.refund_amount === undefined || params.refund_amount === 0) return;
  const charge = chargeOf(ctx, invoice);
  const refund = refundCharge(ctx, {
    charge,
    amount: params.refund_amount,
    reason: null,
    metadata: {},
  });
  attachRefund(note, refund.id, params.refund_amount);
}

function attachRefund(note: Stripe.CreditNote, refund: string, amount: number): void {
  note.refunds.push({
    amount_refunded: amount,
    payment_record_refund: null,
    refund,
    type: 'refund',
  });
}

function chargeOf(ctx: Context, invoice: Stripe.Invoice): Stripe.Charge {
  for (const payment of ctx.store.by('invoice_payment', 'invoice', invoice.id).toReversed()) {
    const intent = ctx.store.find('payment_intent', idOf(payment.payment.payment_intent));
    const charge = ctx.store.find('charge', idOf(intent?.latest_charge));
    if (charge !== undefined) return charge;
  }
  throw invalidRequest('This invoice has no payment that can be refunded.', {
    param: 'refund_amount',
  });
}

function voidNote(ctx: Context, note: Stripe.CreditNote): Stripe.CreditNote {
  const invoice = ctx.store.need('invoice', idOf(note.invoice));
  if (note.status === 'void' || note.type === 'post_payment' || invoice.status === 'paid') {
    throw invalidRequest('You can only void a credit note on an open invoice.');
  }
  ctx.update('invoice', invoice, {
    event: 'invoice.updated',
    apply() {
      invoice.pre_payment_credit_notes_amount -= note.amount;
      invoice.amount_due += note.amount;
      invoice.amount_remaining += note.amount;
    },
  });
  note.status = 'void';
  note.voided_at = ctx.nowFor(idOf(note.customer));
  ctx.account.revision += 1;
  ctx.emit('credit_note.voided', note);
  return note;
}
