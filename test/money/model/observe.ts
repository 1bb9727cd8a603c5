/** What Stripe has of an account, read by the official SDK and by nothing of ours. */
import type Stripe from 'stripe';

export interface PlanPrice {
  plan: string;
  rank: number;
  amount: number;
  interval: 'month' | 'year';
}

/** The catalogue as the model knows it. */
export interface Catalogue {
  plans: Map<string, PlanPrice>;
  callsPrice: string;
  addonPrice: string;
  /** What is bought once. */
  oncePrice: string;
  coupon: string;
}

export interface Books {
  subscriptions: Stripe.Subscription[];
  /** Newest first. */
  invoices: Stripe.Invoice[];
  charges: Stripe.Charge[];
  disputes: Stripe.Dispute[];
  /** In the customer's favour. */
  credit: number;
}

export const EMPTY: Books = {
  subscriptions: [],
  invoices: [],
  charges: [],
  disputes: [],
  credit: 0,
};

export async function readBooks(stripe: Stripe, customer: string | null): Promise<Books> {
  if (customer === null) return EMPTY;
  const [subscriptions, invoices, charges, person] = await Promise.all([
    stripe.subscriptions.list({
      customer,
      status: 'all',
      limit: 100,
      expand: ['data.schedule', 'data.default_payment_method'],
    }),
    stripe.invoices.list({ customer, limit: 100, expand: ['data.payments', 'data.discounts'] }),
    stripe.charges.list({ customer, limit: 100 }),
    stripe.customers.retrieve(customer),
  ]);
  const disputed = charges.data.filter((charge) => charge.disputed).map(({ id }) => id);
  const disputes = disputed.length > 0 ? (await stripe.disputes.list({ limit: 100 })).data : [];
  return {
    subscriptions: subscriptions.data,
    invoices: invoices.data,
    charges: charges.data,
    disputes: disputes.filter(({ charge }) => disputed.includes(idOf(charge))),
    credit: person.deleted ? 0 : 0 - person.balance,
  };
}

export const ENDED: ReadonlySet<string> = new Set(['canceled', 'incomplete_expired']);

export function liveOf(books: Books): Stripe.Subscription | null {
  return books.subscriptions.find(({ status }) => !ENDED.has(status)) ?? null;
}

/** The item of the best plan, with its period in seconds. */
export function planItemOf(subscription: Stripe.Subscription, { plans }: Catalogue) {
  const known = subscription.items.data.flatMap((item) => {
    const plan = plans.get(item.price.id);
    return plan ? [{ item, plan }] : [];
  });
  const best = known.toSorted((a, b) => b.plan.rank - a.plan.rank)[0];
  if (!best) return null;
  const { current_period_start: start, current_period_end: end, quantity } = best.item;
  return { ...best, start, end, quantity: quantity ?? 1 };
}

/** The id of what may have been expanded. */
export function idOf(value: string | { id: string } | null | undefined): string {
  return typeof value === 'string' ? value : (value?.id ?? '');
}

export function subscriptionOf({ parent }: Stripe.Invoice): string | null {
  const found = parent?.subscription_details?.subscription;
  return (typeof found === 'string' ? found : found?.id) ?? null;
}

export function priceOf(line: Stripe.InvoiceLineItem): string {
  const price = line.pricing?.price_details?.price;
  return (typeof price === 'string' ? price : price?.id) ?? '';
}

export function isProration({ parent }: Stripe.InvoiceLineItem): boolean {
  return (parent?.subscription_item_details ?? parent?.invoice_item_details)?.proration === true;
}

export function netOf({ amount, discount_amounts }: Stripe.InvoiceLineItem): number {
  return amount - (discount_amounts ?? []).reduce((sum, each) => sum + each.amount, 0);
}

/** The charges that paid an invoice. */
export function chargesOf(invoice: Stripe.Invoice, { charges }: Books): Stripe.Charge[] {
  const intents = (invoice.payments?.data ?? []).map(({ payment }) => idOf(payment.payment_intent));
  return charges.filter(
    ({ payment_intent, status }) =>
      intents.includes(idOf(payment_intent)) && status === 'succeeded',
  );
}

/** The bill of the plan for the present period: the newest invoice with a line for all of it. */
export function billOf(
  books: Books,
  subscription: Stripe.Subscription,
  catalogue: Catalogue,
): Stripe.Invoice | null {
  const item = planItemOf(subscription, catalogue);
  if (!item) return null;
  const found = books.invoices.filter(
    (invoice) =>
      subscriptionOf(invoice) === subscription.id &&
      invoice.lines.data.some(
        (line) =>
          !isProration(line) &&
          catalogue.plans.has(priceOf(line)) &&
          line.period.end === item.end &&
          Boolean(line.parent?.subscription_item_details),
      ),
  );
  return found.toSorted((a, b) => b.created - a.created)[0] ?? null;
}

/** Disputes that hold money back now, or took it for good. */
export function adverse({ disputes }: Books): Stripe.Dispute[] {
  return disputes.filter(({ status }) => status !== 'won' && !status.startsWith('warning'));
}

/** What was taken with a charge and kept, in minor units. */
export function keptOf(charge: Stripe.Charge, books: Books): number {
  const { status, paid, amount_captured, amount_refunded, id } = charge;
  if (status !== 'succeeded' || !paid) return 0;
  const held = adverse(books).filter((dispute) => idOf(dispute.charge) === id);
  const gone = held.reduce((sum, { amount }) => sum + amount, amount_refunded);
  return Math.max(amount_captured - gone, 0);
}

/** Money taken and kept, in minor units. */
export function kept(books: Books): number {
  return books.charges.reduce((sum, charge) => sum + keptOf(charge, books), 0);
}
