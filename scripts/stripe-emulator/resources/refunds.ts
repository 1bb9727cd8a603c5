import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { listStored } from '../kernel/lists.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p, PAGE, paramsOf, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { ignored, metadataOf } from '../payments/params.ts';
import { cancelRefund, refundCharge, SETTLE_REFUND, settleRefund } from '../payments/refund.ts';

const CREATE = paramsOf<Stripe.RefundCreateParams>()({
  ...ignored('currency', 'customer', 'instructions_email'),
  origin: p.unserved,
  refund_application_fee: p.unserved,
  reverse_transfer: p.unserved,
  amount: p.int,
  charge: p.str,
  metadata: p.metadata,
  payment_intent: p.str,
  reason: p.oneOf(['duplicate', 'fraudulent', 'requested_by_customer']),
});

const LIST = paramsOf<Stripe.RefundListParams>()({
  ...PAGE,
  charge: p.str,
  created: p.timeRange,
  payment_intent: p.str,
});

function chargeOf(ctx: Context, params: Values<typeof CREATE>): Stripe.Charge {
  if (params.charge !== undefined) return ctx.store.need('charge', params.charge, 'charge');
  if (params.payment_intent === undefined) {
    throw invalidRequest(
      'One of the following params should be provided for this request: payment_intent or charge.',
      { code: 'parameter_missing' },
    );
  }
  const intent = ctx.store.need('payment_intent', params.payment_intent, 'payment_intent');
  const charge = ctx.store.find('charge', idOf(intent.latest_charge));
  if (charge?.paid === true) return charge;
  throw invalidRequest(
    `This PaymentIntent (${intent.id}) does not have a successful charge to refund.`,
    { param: 'payment_intent' },
  );
}

/** `/v1/refunds`, also as `/v1/charges/:id/refunds`. */
export function registerRefunds(registry: Registry): void {
  registry.job(SETTLE_REFUND, settleRefund);
  registry.post('/v1/refunds', CREATE, (ctx, params) => {
    if (params.amount !== undefined && params.amount < 1) {
      throw invalidRequest('This value must be greater than or equal to 1.', {
        code: 'parameter_invalid_integer',
        param: 'amount',
      });
    }
    const { amount = null, reason = null } = params;
    return refundCharge(ctx, {
      charge: chargeOf(ctx, params),
      amount,
      reason,
      metadata: metadataOf(params.metadata),
    });
  });
  registry.get('/v1/refunds', LIST, (ctx, params) => {
    const by = params.charge ?? params.payment_intent;
    const index = params.charge === undefined ? 'payment_intent' : 'charge';
    return listStored(ctx, 'refund', {
      url: '/v1/refunds',
      page: params,
      ...(by === undefined ? {} : { by: [index, by] }),
    });
  });
  registry.get('/v1/refunds/:id', {}, (ctx, _params, { id }) => ctx.store.need('refund', id));
  registry.post('/v1/refunds/:id', { metadata: p.metadata }, (ctx, params, { id }) => {
    const refund = ctx.store.need('refund', id);
    const apply = () => (refund.metadata = mergeMetadata(refund.metadata ?? {}, params.metadata));
    ctx.update('refund', refund, { event: 'refund.updated', apply });
    ctx.emit('charge.refund.updated', refund);
    return refund;
  });
  registry.post('/v1/refunds/:id/cancel', {}, (ctx, _params, { id }) =>
    cancelRefund(ctx, ctx.store.need('refund', id)),
  );
  registry.get('/v1/charges/:id/refunds', PAGE, (ctx, params, { id }) =>
    listStored(ctx, 'refund', {
      url: `/v1/charges/${id}/refunds`,
      page: params,
      by: ['charge', id],
    }),
  );
}
