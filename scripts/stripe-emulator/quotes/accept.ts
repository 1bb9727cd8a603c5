import type Stripe from 'stripe';
import type { CreateSubscriptionParams } from '../contracts.ts';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { keptLines } from './lines.ts';

/** Turns an open quote into its subscription, or into an invoice when nothing in it recurs. */
export function acceptQuote(ctx: Context, quote: Stripe.Quote): Stripe.Quote {
  const customer = idOf(quote.customer);
  const now = ctx.nowFor(customer);
  if (customer === null) throw invalidRequest('This quote has no customer.', { param: 'customer' });
  if (quote.expires_at <= now)
    throw invalidRequest('This quote has expired.', { code: 'quote_expired' });
  const lines = keptLines(ctx, quote.id);
  const recurring = lines.filter((line) => ctx.store.need('price', line.price).recurring !== null);
  const once = lines.filter((line) => !recurring.includes(line));
  if (recurring.length > 0) {
    const subscription = ctx.services.billing.createSubscription(
      ctx,
      subscriptionParams(quote, { customer, lines: recurring }),
    );
    quote.subscription = subscription.id;
    quote.invoice = idOf(subscription.latest_invoice);
  }
  if (once.length > 0 && quote.currency !== null) {
    const invoice = ctx.services.billing.createInvoice(ctx, {
      customer,
      currency: quote.currency,
      items: once.map((line) => ({ price: line.price, quantity: line.quantity ?? 1 })),
      metadata: {},
      description: quote.description,
      paidBy: null,
    });
    quote.invoice ??= invoice.id;
  }
  quote.status = 'accepted';
  quote.status_transitions.accepted_at = now;
  ctx.account.revision += 1;
  ctx.emit('quote.accepted', quote);
  return quote;
}

function subscriptionParams(
  quote: Stripe.Quote,
  order: { customer: string; lines: { price: string; quantity: number | null }[] },
): CreateSubscriptionParams {
  const { subscription_data: data } = quote;
  return {
    customer: order.customer,
    items: order.lines.map((line) => ({ price: line.price, quantity: line.quantity ?? undefined })),
    trialEnd: null,
    trialPeriodDays: data.trial_period_days,
    defaultPaymentMethod: null,
    metadata: data.metadata ?? {},
    description: data.description,
    discounts: [],
    trialSettings: null,
    billingMode: null,
    billingCycleAnchor: null,
    prorationBehavior: 'create_prorations',
    paidBy: null,
  };
}
