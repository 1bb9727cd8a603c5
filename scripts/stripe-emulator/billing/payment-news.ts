import type Stripe from 'stripe';
import type { PaymentNews } from '../contracts.ts';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { attempt } from '../kernel/journal.ts';
import { settle, subscriptionOf } from './collect.ts';
import { onInvoiceFailed, onInvoicePaid } from './status.ts';

/** An intent settled outside `attemptPayment`: what that means for the invoice it pays. */
export function onPayment(ctx: Context, intent: Stripe.PaymentIntent, news: PaymentNews): void {
  const [payment] = ctx.store.by('invoice_payment', 'payment_intent', intent.id);
  const invoice = ctx.store.find('invoice', idOf(payment?.invoice));
  if (invoice === undefined || invoice.status === 'paid' || invoice.status === 'void') return;
  attempt(ctx, idOf(invoice.customer), () => {
    if (news === 'succeeded') {
      const charge = idOf(intent.latest_charge);
      settle(ctx, invoice, { paymentIntent: intent.id, charge, outOfBand: false });
    } else if (news === 'processing') {
      onInvoicePaid(ctx, invoice);
    } else if (news === 'failed' || news === 'requires_action') {
      countFailure(ctx, invoice, news);
    }
  });
}

/** A customer's own failed try: told like any failure; it plans no retry of its own. */
function countFailure(
  ctx: Context,
  invoice: Stripe.Invoice,
  news: 'failed' | 'requires_action',
): void {
  const apply = () => {
    invoice.attempted = true;
    if (invoice.attempt_count === 0) invoice.attempt_count = 1;
    if (news === 'requires_action') ctx.emit('invoice.payment_action_required', invoice);
    else ctx.emit('invoice.payment_failed', invoice);
  };
  ctx.update('invoice', invoice, { event: 'invoice.updated', apply });
  onInvoiceFailed(ctx, invoice, { exhausted: false });
}

/** A succeeded setup intent that a subscription waited for gives it its default method. */
export function onSetupSucceeded(ctx: Context, intent: Stripe.SetupIntent): void {
  const customer = idOf(intent.customer);
  if (customer === null) return;
  for (const subscription of ctx.store.by('subscription', 'customer', customer)) {
    if (idOf(subscription.pending_setup_intent) !== intent.id) continue;
    const apply = () => {
      subscription.pending_setup_intent = null;
      const saves =
        subscription.payment_settings?.save_default_payment_method === 'on_subscription';
      const method = idOf(intent.payment_method);
      if (saves && method !== null) subscription.default_payment_method = method;
    };
    ctx.update('subscription', subscription, { event: 'customer.subscription.updated', apply });
  }
}

/** `invoice.overdue`, and the subscription past due, when a sent invoice's due date passes. */
export function onOverdue(ctx: Context, invoice: Stripe.Invoice): void {
  if (invoice.status !== 'open') return;
  ctx.emit('invoice.overdue', invoice);
  if (subscriptionOf(ctx, invoice) !== undefined)
    onInvoiceFailed(ctx, invoice, { exhausted: false });
}
