import type Stripe from 'stripe';
import { collect, finalizeInvoice, methodFor } from '../billing/collect.ts';
import { intentOf, markUncollectible, markVoid, paymentOf } from '../billing/invoice-state.ts';
import { payInvoice } from '../billing/one-off.ts';
import { latestFinalized, setStatus } from '../billing/status.ts';
import { expirePendingUpdate } from '../billing/subscription-update.ts';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { attempt } from '../kernel/journal.ts';
import { invoiceAt } from './invoices.ts';
import { listStored, nestedList, pageOf } from '../kernel/lists.ts';
import { p, PAGE, paramsOf, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';

const payParams = paramsOf<Stripe.InvoicePayParams>()({
  forgive: p.unserved,
  mandate: p.harmless,
  off_session: p.bool,
  paid_out_of_band: p.bool,
  payment_method: p.str,
  source: p.str,
});
const paymentsListParams = {
  ...PAGE,
  created: p.timeRange,
  invoice: p.str,
  payment: p.obj({
    payment_intent: p.str,
    payment_record: p.unserved,
    type: p.required(p.oneOf(['payment_intent', 'payment_record'])),
  }),
  status: p.oneOf(['canceled', 'open', 'paid']),
};

/** What moves an invoice on, and what shows how it was paid. */
export function registerInvoiceActions(registry: Registry): void {
  registry.post('/v1/invoices/:id/finalize', { auto_advance: p.bool }, (ctx, params, path) =>
    finalizeByHand(ctx, ctx.store.need('invoice', path.id), params.auto_advance),
  );
  registry.post('/v1/invoices/:id/pay', payParams, pay);
  registry.post('/v1/invoices/:id/send', {}, send);
  registry.post('/v1/invoices/:id/void', {}, voidInvoice);
  registry.post('/v1/invoices/:id/mark_uncollectible', {}, uncollectible);
  registry.get('/v1/invoices/:id/lines', { ...PAGE }, (ctx, page, path) => {
    const invoice = ctx.store.need('invoice', path.id);
    return pageOf(invoice.lines.data, { url: invoice.lines.url, page, kind: 'line_item' });
  });
  registry.post(
    '/v1/invoices/:id/attach_payment',
    { payment_intent: p.str, payment_record: p.unserved },
    (ctx, params, path) => {
      const invoice = ctx.store.need('invoice', path.id);
      const intent = ctx.store.need(
        'payment_intent',
        params.payment_intent ?? '',
        'payment_intent',
      );
      paymentOf(ctx, invoice, intent.id);
      if (intent.status === 'succeeded') ctx.services.billing.onPayment(ctx, intent, 'succeeded');
      return invoice;
    },
  );
  registry.get('/v1/invoice_payments', paymentsListParams, listPayments);
  registry.get('/v1/invoice_payments/:id', {}, (ctx, _params, path) =>
    ctx.store.need('invoice_payment', path.id),
  );
  registry.includable('invoice', 'payments', (ctx, id) =>
    nestedList(ctx.store.by('invoice_payment', 'invoice', id), '/v1/invoices/payments'),
  );
  registry.includable('invoice', 'confirmation_secret', (ctx, id) => {
    const intent = ctx.store.find('payment_intent', intentOf(ctx, ctx.store.need('invoice', id)));
    const secret = intent?.client_secret ?? null;
    return secret === null ? null : { client_secret: secret, type: 'payment_intent' };
  });
}

/** Finalizing an invoice that advances by itself also takes the money, an hour later in Stripe's case, at once here. */
function finalizeByHand(
  ctx: Context,
  invoice: Stripe.Invoice,
  advance: boolean | undefined,
): Stripe.Invoice {
  return attempt(ctx, idOf(invoice.customer), () => {
    if (advance !== undefined) invoice.auto_advance = advance;
    if (invoice.status !== 'draft') {
      throw invalidRequest(
        `This invoice is already finalized, you can't re-finalize a non-draft invoice.`,
        { code: 'invoice_not_editable' },
      );
    }
    finalizeInvoice(ctx, invoice);
    if (invoice.status !== 'open' || invoice.collection_method === 'send_invoice') return invoice;
    if (invoice.auto_advance === true)
      collect(ctx, invoice, { method: null, offSession: true, kind: 'first' });
    else prepareIntent(ctx, invoice);
    return invoice;
  });
}

/** A finalized invoice has an intent that waits for a call to pay. */
function prepareIntent(ctx: Context, invoice: Stripe.Invoice): void {
  const intent = ctx.services.payments.preparePayment(ctx, {
    customer: idOf(invoice.customer) ?? '',
    amount: invoice.amount_due,
    currency: invoice.currency,
    paymentMethod: methodFor(ctx, invoice),
    offSession: false,
    invoice,
    paymentIntent: null,
    setupFutureUsage: null,
    description: `Payment for Invoice`,
    metadata: {},
  });
  paymentOf(ctx, invoice, intent.id);
}

function pay(ctx: Context, params: Values<typeof payParams>, path: { id: string }): Stripe.Invoice {
  const invoice = ctx.store.need('invoice', path.id);
  const given = params.payment_method ?? params.source;
  const paymentMethod = given === undefined ? null : given;
  return payInvoice(ctx, invoice, {
    paymentMethod,
    offSession: params.off_session ?? true,
    outOfBand: params.paid_out_of_band ?? false,
  });
}

function send(ctx: Context, _params: object, path: { id: string }): Stripe.Invoice {
  const invoice = invoiceAt(ctx, path.id);
  if (invoice.status === 'paid')
    throw invalidRequest(
      'This invoice cannot be sent right now. Please contact us via https://support.stripe.com/contact with details, so we can help.',
    );
  if (invoice.collection_method !== 'send_invoice') {
    throw invalidRequest(
      'You can only manually send an invoice if its collection method is `send_invoice`.',
    );
  }
  if (invoice.customer_email === null) {
    throw invalidRequest('Invoices can only be sent to customers with an email address.', {
      code: 'customer_missing_email',
    });
  }
  return attempt(ctx, idOf(invoice.customer), () => {
    if (invoice.status === 'draft') finalizeInvoice(ctx, invoice);
    ctx.emit('invoice.sent', invoice);
    return invoice;
  });
}

const notOpen = (): Error =>
  invalidRequest("You can only pass in open invoices. This invoice isn't open.");

function voidInvoice(ctx: Context, _params: object, path: { id: string }): Stripe.Invoice {
  const invoice = ctx.store.need('invoice', path.id);
  if (invoice.status === 'paid')
    throw invalidRequest('Invoices with `paid` payments cannot be voided.');
  if (invoice.status !== 'open' && invoice.status !== 'uncollectible') throw notOpen();
  return attempt(ctx, idOf(invoice.customer), () => {
    markVoid(ctx, invoice);
    afterVoid(ctx, invoice);
    return invoice;
  });
}

/** A voided first invoice expires its subscription; otherwise the older invoices decide. */
function afterVoid(ctx: Context, invoice: Stripe.Invoice): void {
  const subscription = ctx.store.find(
    'subscription',
    idOf(invoice.parent?.subscription_details?.subscription),
  );
  if (subscription === undefined) return;
  // The change that waited for this invoice is given up with it.
  if (ctx.note('subscription', subscription.id)['pendingInvoice'] === invoice.id)
    expirePendingUpdate(ctx, subscription);
  if (subscription.status === 'incomplete' && invoice.billing_reason === 'subscription_create') {
    ctx.services.billing.cancelSubscription(ctx, subscription, {
      invoiceNow: false,
      prorate: false,
      reason: null,
    });
    return;
  }
  const latest = latestFinalized(ctx, subscription);
  const settled =
    latest === undefined || latest.status === 'paid' || latest.status === 'uncollectible';
  if (subscription.status === 'past_due' && settled) setStatus(ctx, subscription, 'active');
}

function uncollectible(ctx: Context, _params: object, path: { id: string }): Stripe.Invoice {
  const invoice = ctx.store.need('invoice', path.id);
  if (invoice.status === 'uncollectible')
    throw invalidRequest('This invoice has already been marked uncollectible.');
  if (invoice.status !== 'open') throw notOpen();
  return attempt(ctx, idOf(invoice.customer), () => {
    markUncollectible(ctx, invoice, 'user_forgiven');
    const subscription = ctx.store.find(
      'subscription',
      idOf(invoice.parent?.subscription_details?.subscription),
    );
    if (subscription === undefined) return invoice;
    const decides = latestFinalized(ctx, subscription)?.id === invoice.id;
    if (subscription.status === 'past_due' && decides) setStatus(ctx, subscription, 'active');
    if (ctx.note('subscription', subscription.id)['resumeInvoice'] === invoice.id)
      ctx.services.billing.finishResume(ctx, subscription);
    return invoice;
  });
}

function listPayments(
  ctx: Context,
  params: Values<typeof paymentsListParams>,
): Stripe.ApiList<Stripe.InvoicePayment> {
  const intent = params.payment?.payment_intent;
  const by: ['payment_intent' | 'invoice', string] | undefined =
    intent !== undefined
      ? ['payment_intent', intent]
      : params.invoice === undefined
        ? undefined
        : ['invoice', params.invoice];
  return listStored(ctx, 'invoice_payment', {
    url: '/v1/invoice_payments',
    page: params,
    by,
    where: (payment) =>
      (params.invoice === undefined || idOf(payment.invoice) === params.invoice) &&
      (params.status === undefined || payment.status === params.status),
  });
}
