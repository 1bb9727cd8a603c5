import type Stripe from 'stripe';
import type { PauseRequest } from '../billing/pause.ts';
import { p, paramsOf, type Values } from '../kernel/params.ts';

/** How a pause is asked for, and previewed. */
export const pauseFields = paramsOf<Stripe.SubscriptionPauseParams>()({
  bill_for: p.obj({
    outstanding_usage_through: p.obj({ type: p.required(p.oneOf(['none', 'now'])) }),
    unused_time_from: p.obj({
      type: p.required(p.oneOf(['item_current_period_start', 'none', 'now'])),
    }),
  }),
  invoicing_behavior: p.oneOf(['invoice', 'pending_invoice_item']),
  type: p.oneOf(['subscription']),
});

/** The pause that these parameters ask for. */
export function pauseOf(params: Values<typeof pauseFields>): PauseRequest {
  return {
    creditFrom: params.bill_for?.unused_time_from?.type ?? 'none',
    billUsage: params.bill_for?.outstanding_usage_through?.type === 'now',
    invoice: params.invoicing_behavior === 'invoice',
  };
}
