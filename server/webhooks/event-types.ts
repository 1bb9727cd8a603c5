import type { Stripe } from 'stripe';

export type WebhookEventType = Stripe.WebhookEndpointCreateParams.EnabledEvent;

/** What a webhook endpoint has to be subscribed to: everything that changes something here, and no more. */
export const WEBHOOK_EVENT_TYPES = [
  'charge.dispute.closed',
  'charge.dispute.created',
  'charge.dispute.funds_reinstated',
  'charge.dispute.funds_withdrawn',
  'charge.dispute.updated',
  'charge.refund.updated',
  'charge.refunded',
  'checkout.session.async_payment_failed',
  'checkout.session.async_payment_succeeded',
  'checkout.session.completed',
  'credit_note.created',
  'credit_note.updated',
  'credit_note.voided',
  'customer.deleted',
  'customer.subscription.created',
  'customer.subscription.deleted',
  'customer.subscription.paused',
  'customer.subscription.pending_update_applied',
  'customer.subscription.pending_update_expired',
  'customer.subscription.resumed',
  'customer.subscription.trial_will_end',
  'customer.subscription.updated',
  'customer.updated',
  'entitlements.active_entitlement_summary.updated',
  'invoice.created',
  'invoice.deleted',
  'invoice.finalization_failed',
  'invoice.finalized',
  'invoice.marked_uncollectible',
  'invoice.overdue',
  'invoice.overpaid',
  'invoice.paid',
  'invoice.payment_action_required',
  'invoice.payment_attempt_required',
  'invoice.payment_failed',
  'invoice.payment_succeeded',
  'invoice.sent',
  'invoice.updated',
  'invoice.voided',
  'invoice.will_be_due',
  'radar.early_fraud_warning.created',
  'radar.early_fraud_warning.updated',
  'refund.created',
  'refund.failed',
  'refund.updated',
  'subscription_schedule.aborted',
  'subscription_schedule.canceled',
  'subscription_schedule.completed',
  'subscription_schedule.created',
  'subscription_schedule.expiring',
  'subscription_schedule.released',
  'subscription_schedule.updated',
] as const satisfies readonly WebhookEventType[];

/** With a test key, the clock that moves is worth hearing of. */
const TEST_ONLY = [
  'test_helpers.test_clock.advancing',
  'test_helpers.test_clock.ready',
] as const satisfies readonly WebhookEventType[];

/** Where the server takes Stripe's deliveries. */
export const WEBHOOK_PATH = '/api/webhooks/stripe';

/** The events that an endpoint of this mode is subscribed to. */
export function webhookEventTypes(live: boolean): WebhookEventType[] {
  return live ? [...WEBHOOK_EVENT_TYPES] : [...WEBHOOK_EVENT_TYPES, ...TEST_ONLY];
}
