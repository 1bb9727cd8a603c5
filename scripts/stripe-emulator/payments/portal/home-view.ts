import type Stripe from 'stripe';
import type { Context } from '../../kernel/context.ts';
import { idOf } from '../../kernel/ids.ts';
import { day, every, money } from '../../pages/format.ts';
import type {
  InvoiceView,
  MethodView,
  PortalView,
  SubscriptionView,
} from '../../pages/portal-view.ts';
import { featuresOf, periodEnd } from './actions.ts';

/** The name of a price's product. */
export function productName(ctx: Context, price: Stripe.Price): string {
  return ctx.store.find('product', idOf(price.product))?.name ?? price.id;
}

/** `$19.00 per month` */
export function priceText(price: Stripe.Price, quantity: number): string {
  const { recurring } = price;
  const per =
    recurring === null ? '' : ` per ${every(recurring.interval, recurring.interval_count)}`;
  if (price.billing_scheme === 'tiered') return `tiered price${per}`;
  return `${money((price.unit_amount ?? Number(price.unit_amount_decimal ?? 0)) * quantity, price.currency)}${per}`;
}

const STATUS_NAMES: Readonly<Record<string, string>> = {
  active: 'Active',
  trialing: 'Trial',
  past_due: 'Past due',
  unpaid: 'Unpaid',
  incomplete: 'Incomplete',
  paused: 'Paused',
};

function detailOf(subscription: Stripe.Subscription): string {
  const end =
    subscription.cancel_at ?? (subscription.cancel_at_period_end ? periodEnd(subscription) : null);
  if (end !== null) return `Your subscription will be canceled on ${day(end)}.`;
  if (subscription.status === 'trialing' && subscription.trial_end !== null)
    return `Your free trial ends on ${day(subscription.trial_end)}.`;
  if (subscription.status === 'paused') return 'Your subscription is paused.';
  return `Renews on ${day(periodEnd(subscription))}.`;
}

function subscriptionView(
  ctx: Context,
  session: Stripe.BillingPortal.Session,
  subscription: Stripe.Subscription,
): SubscriptionView {
  const features = featuresOf(ctx, session);
  const ending = subscription.cancel_at_period_end || subscription.cancel_at !== null;
  const names = subscription.items.data.map((item) => productName(ctx, item.price));
  const prices = subscription.items.data.map((item) => priceText(item.price, item.quantity ?? 1));
  const settled = subscription.status === 'active' || subscription.status === 'trialing';
  return {
    id: subscription.id,
    name: names.join(' + '),
    price: prices.join(' + '),
    status: ending ? 'Ends soon' : (STATUS_NAMES[subscription.status] ?? subscription.status),
    good: settled && !ending,
    detail: detailOf(subscription),
    canCancel:
      features.subscription_cancel.enabled && !ending && subscription.status !== 'incomplete',
    canRenew: ending,
    canUpdate:
      features.subscription_update.enabled && settled && subscription.items.data.length === 1,
  };
}

function methodViews(ctx: Context, customer: Stripe.Customer): MethodView[] {
  const subscribed = ctx.store
    .by('subscription', 'customer', customer.id)
    .map((each) => idOf(each.default_payment_method));
  const fallback =
    idOf(customer.invoice_settings.default_payment_method) ?? subscribed.find((id) => id !== null);
  return ctx.store.by('payment_method', 'customer', customer.id).map((method) => ({
    id: method.id,
    label:
      method.card === undefined
        ? `Bank account ending in ${method.sepa_debit?.last4 ?? method.us_bank_account?.last4 ?? ''}`
        : `${title(method.card.brand)} ending in ${method.card.last4}`,
    expires:
      method.card === undefined
        ? ''
        : `Expires ${String(method.card.exp_month).padStart(2, '0')} / ${method.card.exp_year}`,
    isDefault: method.id === fallback,
  }));
}

const title = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function invoiceView(invoice: Stripe.Invoice): InvoiceView {
  const open = invoice.status === 'open';
  return {
    id: invoice.id,
    date: day(invoice.created),
    amount: money(invoice.total, invoice.currency),
    status: title(invoice.status ?? 'draft'),
    good: invoice.status === 'paid',
    pdf: invoice.invoice_pdf ?? null,
    canPay: open || invoice.status === 'uncollectible',
  };
}

/** What the portal's home shows of a customer. */
export function homeView(
  ctx: Context,
  session: Stripe.BillingPortal.Session,
  said: { notice: string | null; error: string | null },
): PortalView {
  const customer = ctx.store.need('customer', session.customer);
  const configuration = ctx.store.need('billing_portal.configuration', idOf(session.configuration));
  const { features, business_profile: profile } = configuration;
  const live = ctx.store
    .by('subscription', 'customer', customer.id)
    .filter(({ status }) => status !== 'canceled' && status !== 'incomplete_expired');
  const invoices = ctx.store
    .by('invoice', 'customer', customer.id)
    .filter(({ status }) => status !== 'draft');
  return {
    path: `/p/session/${session.id}`,
    seller: ctx.settings.businessName,
    headline: profile.headline,
    returnUrl: session.return_url,
    person: [customer.name, customer.email]
      .filter((part) => part !== null && part !== undefined)
      .join(', '),
    ...said,
    subscriptions: live.toReversed().map((each) => subscriptionView(ctx, session, each)),
    methods: features.payment_method_update.enabled ? methodViews(ctx, customer) : null,
    invoices: features.invoice_history.enabled
      ? invoices.toReversed().slice(0, 24).map(invoiceView)
      : null,
  };
}
