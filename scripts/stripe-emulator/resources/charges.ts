import type Stripe from 'stripe';
import { openDispute } from '../payments/disputes.ts';
import type { Context } from '../kernel/context.ts';
import { ApiError, invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { listStored, nestedList } from '../kernel/lists.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p, PAGE, paramsOf, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { book } from '../payments/confirm-payment.ts';
import { newCharge } from '../payments/charge-objects.ts';
import { askBank } from '../payments/decide.ts';
import { captureIntent } from '../payments/direct-payment.ts';
import { newPaymentIntent, tellDecline } from '../payments/intent-objects.ts';
import {
  addMethod,
  cardMethod,
  cardOf,
  markChecked,
  methodFor,
  legacyCard,
  tokenCard,
} from '../payments/methods.ts';
import { requireChargeable } from '../payments/min-amount.ts';
import { customerIn, ignored, metadataOf, shipping, shippingOf } from '../payments/params.ts';

const CREATE = paramsOf<Stripe.ChargeCreateParams>()({
  ...ignored('radar_options', 'shipping'),
  application_fee: p.unserved,
  application_fee_amount: p.unserved,
  destination: p.unserved,
  on_behalf_of: p.unserved,
  transfer_data: p.unserved,
  amount: p.required(p.int),
  capture: p.bool,
  currency: p.required(p.currency),
  customer: p.str,
  description: p.str,
  metadata: p.metadata,
  receipt_email: p.str,
  source: p.str,
  statement_descriptor: p.str,
  statement_descriptor_suffix: p.str,
  transfer_group: p.str,
});

const UPDATE = paramsOf<Stripe.ChargeUpdateParams>()({
  customer: p.str,
  description: p.str,
  fraud_details: p.obj({ user_report: p.clearable(p.oneOf(['fraudulent', 'safe'])) }),
  metadata: p.metadata,
  receipt_email: p.str,
  shipping,
  transfer_group: p.str,
});

const CAPTURE = paramsOf<Stripe.ChargeCaptureParams>()({
  ...ignored('receipt_email', 'transfer_group'),
  application_fee: p.unserved,
  application_fee_amount: p.unserved,
  transfer_data: p.unserved,
  amount: p.amount,
  statement_descriptor: p.str,
  statement_descriptor_suffix: p.str,
});

const LIST = paramsOf<Stripe.ChargeListParams>()({
  ...PAGE,
  created: p.timeRange,
  customer: p.str,
  payment_intent: p.str,
  transfer_group: p.str,
});

/** What is charged, and the card as the charge shows it. */
function sourceOf(
  ctx: Context,
  params: Values<typeof CREATE>,
): { method: Stripe.PaymentMethod; source: Stripe.Card | null } {
  if (params.source?.startsWith('tok_') === true) {
    const { card, entry } = tokenCard(ctx, params.source, 'source');
    const method = addMethod(ctx, cardMethod(card, entry), { id: ctx.store.newId('card') });
    const shown = legacyCard(ctx, method.id, { card, entry, customer: null });
    return { method, source: { ...shown, cvc_check: 'pass' } };
  }
  const fallback = idOf(ctx.store.find('customer', params.customer)?.default_source);
  const id = params.source ?? fallback;
  if (id === null)
    throw invalidRequest('Must provide source or customer.', { code: 'parameter_missing' });
  const method = methodFor(ctx, id, 'source');
  return { method, source: structuredClone(ctx.store.find('card', method.id) ?? null) };
}

/** The way to charge before payment intents: one call, no authentication. */
function create(ctx: Context, params: Values<typeof CREATE>): Stripe.Charge {
  requireChargeable(params.amount, params.currency);
  const customer = customerIn(ctx, params.customer);
  const { method, source } = sourceOf(ctx, params);
  const card = cardOf(method);
  const answer =
    card === undefined
      ? null
      : askBank(card, { purpose: 'charge', offSession: true, authenticated: true, setUp: true });
  const decline = answer?.kind === 'declined' ? answer.decline : null;
  markChecked(ctx, method);
  const created = ctx.nowFor(customer);
  const intent = newPaymentIntent({
    id: '',
    created,
    amount: params.amount,
    currency: params.currency,
    customer,
    description: params.description ?? null,
    choice: { types: ['card'], automatic: null },
    captureMethod: params.capture === false ? 'manual' : 'automatic',
    confirmationMethod: 'automatic',
    metadata: metadataOf(params.metadata),
    receiptEmail: params.receipt_email ?? null,
    setupFutureUsage: null,
    orderReference: null,
  });
  const captured = params.capture !== false;
  const charge = newCharge({
    id: ctx.store.newId('charge'),
    created,
    intent,
    method,
    decline,
    authenticated: false,
    state: 'succeeded',
    captured,
    receiptBase: ctx.baseUrl,
  });
  charge.payment_intent = null;
  delete charge.radar_options;
  charge.source = source;
  ctx.add('charge', charge);
  if (decline !== null) {
    ctx.emit('charge.failed', charge);
    const {
      payment_method: _method,
      doc_url: _doc,
      ...told
    } = tellDecline(decline, { charge: charge.id, method: null });
    throw new ApiError(402, { ...told, type: 'card_error' });
  }
  if (captured) book(ctx, charge);
  ctx.emit('charge.succeeded', charge);
  const dispute = card?.dispute ?? null;
  if (dispute !== null && captured) openDispute(ctx, charge, dispute);
  return charge;
}

function capture(ctx: Context, charge: Stripe.Charge, amount: number | undefined): Stripe.Charge {
  const intent = ctx.store.find('payment_intent', idOf(charge.payment_intent));
  if (intent !== undefined) {
    captureIntent(ctx, intent, amount);
    return charge;
  }
  if (charge.captured)
    throw invalidRequest(`Charge ${charge.id} has already been captured.`, {
      code: 'charge_already_captured',
    });
  const apply = () => {
    charge.captured = true;
    charge.amount_captured = amount ?? charge.amount;
  };
  ctx.update('charge', charge, { event: null, apply });
  book(ctx, charge);
  ctx.emit('charge.captured', charge);
  return charge;
}

/** `/v1/charges`. */
export function registerCharges(registry: Registry): void {
  registry.includable('charge', 'refunds', (ctx, id) =>
    nestedList(ctx.store.by('refund', 'charge', id).toReversed(), `/v1/charges/${id}/refunds`),
  );
  registry.post('/v1/charges', CREATE, create);
  registry.get('/v1/charges', LIST, (ctx, params) => {
    const by = params.payment_intent === undefined ? params.customer : params.payment_intent;
    const index = params.payment_intent === undefined ? 'customer' : 'payment_intent';
    return listStored(ctx, 'charge', {
      url: '/v1/charges',
      page: params,
      ...(by === undefined ? {} : { by: [index, by] }),
    });
  });
  registry.get('/v1/charges/:id', {}, (ctx, _params, { id }) => ctx.store.need('charge', id));
  registry.post('/v1/charges/:id', UPDATE, (ctx, params, { id }) => {
    const charge = ctx.store.need('charge', id);
    const customer = customerIn(ctx, params.customer);
    const apply = () => {
      charge.customer = customer ?? charge.customer;
      charge.description = params.description ?? charge.description;
      charge.metadata = mergeMetadata(charge.metadata, params.metadata);
      charge.receipt_email = params.receipt_email ?? charge.receipt_email;
      charge.transfer_group = params.transfer_group ?? charge.transfer_group;
      if (params.shipping !== undefined) charge.shipping = shippingOf(params.shipping);
      const report = params.fraud_details?.user_report;
      if (report !== undefined)
        charge.fraud_details = report === null ? {} : { user_report: report };
    };
    return ctx.update('charge', charge, { event: 'charge.updated', apply });
  });
  registry.post('/v1/charges/:id/capture', CAPTURE, (ctx, params, { id }) =>
    capture(ctx, ctx.store.need('charge', id), params.amount),
  );
}
