import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { p, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { confirmSession } from '../payments/checkout/confirm-session.ts';
import { setupRefused } from '../payments/confirm-setup.ts';
import { methodFor } from '../payments/methods.ts';
import { ignored } from '../payments/params.ts';
import { paymentRefused } from '../payments/service.ts';

const CONFIRM = {
  ...ignored(
    'eid',
    'guid',
    'key',
    'last_displayed_line_item_group_details',
    'muid',
    'return_url',
    'shipping',
    'sid',
    'version',
  ),
  expected_amount: p.int,
  expected_payment_method_type: p.harmless,
  payment_method: p.str,
};

/** What the hosted page reads and posts, which the official CLI does too; Stripe does not document it. */
function pageFor(ctx: Context, session: Stripe.Checkout.Session): object {
  return {
    id: `ppage_${session.id.slice(8, 32)}`,
    object: 'checkout.session',
    session_id: session.id,
    currency: session.currency,
    customer: session.customer,
    customer_email: session.customer_email,
    livemode: false,
    mode: session.mode,
    payment_intent:
      ctx.store.find(
        'payment_intent',
        typeof session.payment_intent === 'string' ? session.payment_intent : null,
      ) ?? null,
    payment_method_types: session.payment_method_types,
    payment_status: session.payment_status,
    setup_intent: session.setup_intent,
    state: session.status === 'complete' ? 'succeeded' : 'active',
    status: session.status,
    success_url: session.success_url,
    total_summary: {
      due: session.amount_total,
      subtotal: session.amount_subtotal,
      total: session.amount_total,
    },
    url: session.url,
  };
}

function confirm(
  ctx: Context,
  session: Stripe.Checkout.Session,
  params: Values<typeof CONFIRM>,
): object {
  if (
    params.expected_amount !== undefined &&
    params.expected_amount !== (session.amount_total ?? 0)
  ) {
    throw invalidRequest(
      'The amount has been updated. Please review the new total and try again.',
      { code: 'checkout_amount_mismatch', param: 'expected_amount' },
    );
  }
  const method = params.payment_method === undefined ? null : methodFor(ctx, params.payment_method);
  const { email = null, name = null } = method?.billing_details ?? {};
  const result = confirmSession(ctx, session, { method, email, name });
  if (result.kind === 'declined') {
    throw result.intent.object === 'payment_intent'
      ? paymentRefused(result.intent)
      : setupRefused(result.intent);
  }
  return pageFor(ctx, session);
}

/** `/v1/payment_pages/:session`. */
export function registerPaymentPages(registry: Registry): void {
  registry.get('/v1/payment_pages/:id', ignored('key', 'eid'), (ctx, _params, { id }) =>
    pageFor(ctx, ctx.store.need('checkout.session', id)),
  );
  registry.post('/v1/payment_pages/:id/confirm', CONFIRM, (ctx, params, { id }) =>
    confirm(ctx, ctx.store.need('checkout.session', id), params),
  );
}
