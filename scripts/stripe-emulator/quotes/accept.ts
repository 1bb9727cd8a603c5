import type Stripe from 'stripe';
import type { CreateSubscriptionParams } from '../contracts.ts';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import type { PlanLine } from '../payments/checkout/plan.ts';
import { addPendingItems } from '../resources/add-invoice-items.ts';
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
  const terms = termsOf(ctx, quote);
  if (recurring.length > 0) {
    const subscription = ctx.services.billing.createSubscription(ctx, {
      ...subscriptionParams(quote, { customer, lines: recurring }),
      ...terms,
      defaultTaxRates: (quote.default_tax_rates ?? []).map((rate) => idOf(rate)),
      automaticTax: quote.automatic_tax.enabled,
      finish(made) {
        addPendingItems(ctx, made, once.map(itemOf));
      },
    });
    quote.subscription = subscription.id;
    quote.invoice = idOf(subscription.latest_invoice);
  } else if (quote.currency !== null) {
    const rates = (quote.default_tax_rates ?? []).map((rate) => idOf(rate));
    const invoice = ctx.services.billing.createInvoice(ctx, {
      customer,
      currency: quote.currency,
      items: once.map((line) => ({
        price: line.price,
        quantity: line.quantity ?? 1,
        taxRates: line.taxRates ?? rates,
      })),
      ...terms,
      metadata: {},
      description: quote.description,
      paidBy: null,
    });
    quote.invoice = invoice.id;
  }
  quote.status = 'accepted';
  quote.status_transitions.accepted_at = now;
  ctx.account.revision += 1;
  ctx.emit('quote.accepted', quote);
  return quote;
}

const itemOf = (line: PlanLine) => ({
  price: line.price,
  quantity: line.quantity ?? 1,
  ...(line.taxRates === undefined ? {} : { tax_rates: line.taxRates }),
});

/** How what comes of a quote is paid, and its discounts. */
function termsOf(
  ctx: Context,
  quote: Stripe.Quote,
): Required<Pick<CreateSubscriptionParams, 'discounts' | 'collectionMethod' | 'daysUntilDue'>> {
  const sends = quote.collection_method === 'send_invoice';
  return {
    collectionMethod: sends ? 'send_invoice' : 'charge_automatically',
    daysUntilDue: sends ? (quote.invoice_settings.days_until_due ?? 30) : null,
    discounts: quote.discounts.flatMap((discount) => {
      const coupon = idOf(ctx.store.find('discount', idOf(discount))?.source.coupon);
      return coupon === null ? [] : [{ coupon }];
    }),
  };
}

function modeOf(
  given: Stripe.Quote['subscription_data']['billing_mode'],
): Stripe.Subscription.BillingMode {
  if (given.type === 'classic') return { type: 'classic', flexible: null };
  const proration_discounts =
    given.flexible?.proration_discounts === 'itemized' ? 'itemized' : 'included';
  return { type: 'flexible', flexible: { proration_discounts } };
}

function subscriptionParams(
  quote: Stripe.Quote,
  order: { customer: string; lines: readonly PlanLine[] },
): CreateSubscriptionParams {
  const { subscription_data: data } = quote;
  return {
    customer: order.customer,
    items: order.lines.map((line) => ({
      price: line.price,
      quantity: line.quantity ?? undefined,
      taxRates: line.taxRates,
    })),
    trialEnd: null,
    trialPeriodDays: data.trial_period_days,
    defaultPaymentMethod: null,
    metadata: data.metadata ?? {},
    description: data.description,
    discounts: [],
    trialSettings: null,
    billingMode: modeOf(data.billing_mode),
    billingCycleAnchor: null,
    prorationBehavior: 'create_prorations',
    paidBy: null,
  };
}
