import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';

function subscriptionOf(ctx: Context, invoice: Stripe.Invoice): Stripe.Subscription | undefined {
  return ctx.store.find('subscription', idOf(invoice.parent?.subscription_details?.subscription));
}

/** Changes the status; emits `customer.subscription.updated` and lets entitlements follow. */
export function setStatus(
  ctx: Context,
  subscription: Stripe.Subscription,
  status: Stripe.Subscription.Status,
): void {
  if (subscription.status === status) return;
  const apply = () => {
    subscription.status = status;
  };
  ctx.update('subscription', subscription, { event: 'customer.subscription.updated', apply });
  ctx.services.entitlements.refresh(ctx, idOf(subscription.customer));
}

/** What a paid (or processing) invoice does to its subscription. */
export function onInvoicePaid(ctx: Context, invoice: Stripe.Invoice): void {
  const subscription = subscriptionOf(ctx, invoice);
  if (subscription === undefined) return;
  const { status } = subscription;
  const note = ctx.note('subscription', subscription.id);
  if (note['pendingInvoice'] === invoice.id)
    ctx.services.billing.applyPendingUpdate(ctx, subscription);
  if (status === 'paused' && note['resumeInvoice'] === invoice.id)
    ctx.services.billing.finishResume(ctx, subscription);
  if (status === 'incomplete' && note['creating'] !== true) {
    setStatus(ctx, subscription, trialEndAhead(ctx, subscription) ? 'trialing' : 'active');
    ctx.services.billing.reschedule(ctx, subscription);
  }
  const latest = latestFinalized(ctx, subscription);
  if ((status === 'past_due' || status === 'unpaid') && latest?.id === invoice.id)
    setStatus(ctx, subscription, 'active');
}

/** The newest invoice that decides about the status: no draft, none that is void or only pays a parked change. */
export function latestFinalized(
  ctx: Context,
  subscription: Stripe.Subscription,
): Stripe.Invoice | undefined {
  const parked = ctx.store.find('_note', `subscription:${subscription.id}`)?.data['pendingInvoice'];
  return ctx.store
    .by('invoice', 'subscription', subscription.id)
    .findLast(({ id, status }) => status !== 'draft' && status !== 'void' && id !== parked);
}

function trialEndAhead(ctx: Context, subscription: Stripe.Subscription): boolean {
  return (subscription.trial_end ?? 0) > ctx.nowFor(idOf(subscription.customer));
}

/** What a failed try does: past due, and after the last try what the account's settings say. */
export function onInvoiceFailed(
  ctx: Context,
  invoice: Stripe.Invoice,
  failure: { exhausted: boolean },
): void {
  const subscription = subscriptionOf(ctx, invoice);
  if (subscription === undefined) return;
  const note = ctx.note('subscription', subscription.id);
  if (note['pendingInvoice'] === invoice.id) return;
  if (failure.exhausted) {
    finalAction(ctx, subscription);
    return;
  }
  if (subscription.status === 'active') setStatus(ctx, subscription, 'past_due');
}

function finalAction(ctx: Context, subscription: Stripe.Subscription): void {
  if (subscription.status !== 'active' && subscription.status !== 'past_due') return;
  const { finalAction: action } = ctx.settings;
  if (action === 'cancel') {
    const how = { invoiceNow: false, prorate: false, reason: 'payment_failed' } as const;
    ctx.services.billing.cancelSubscription(ctx, subscription, how);
  } else if (action === 'pause')
    ctx.services.billing.pauseSubscription(ctx, subscription, 'final_payment_failure');
  else setStatus(ctx, subscription, action);
}
