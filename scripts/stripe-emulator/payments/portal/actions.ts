import type Stripe from 'stripe';
import { fullAmount } from '../../billing/prices.ts';
import type { Context } from '../../kernel/context.ts';
import { invalidRequest } from '../../kernel/errors.ts';
import { idOf } from '../../kernel/ids.ts';
import { confirmSetup, type SetupResult } from '../confirm-setup.ts';
import { detachMethod } from '../methods.ts';
import { newSetupIntent } from '../intent-objects.ts';

type Session = Stripe.BillingPortal.Session;

/** What the session lets its customer do. */
export const featuresOf = (
  ctx: Context,
  session: Session,
): Stripe.BillingPortal.Configuration['features'] =>
  ctx.store.need('billing_portal.configuration', idOf(session.configuration)).features;

/** A subscription of the session's customer. Errors: 404 for anyone else's. */
export function ownSubscription(ctx: Context, session: Session, id: string): Stripe.Subscription {
  const subscription = ctx.store.need('subscription', id);
  if (idOf(subscription.customer) === session.customer) return subscription;
  throw invalidRequest(`No such subscription: '${id}'`, {
    code: 'resource_missing',
    param: 'id',
    status: 404,
  });
}

/** The end of what has been paid for: of the item that ends first. */
export const periodEnd = (subscription: Stripe.Subscription): number =>
  Math.min(...subscription.items.data.map((item) => item.current_period_end));

/**
 * Cancels as the configuration says. In flexible billing mode the portal sets `cancel_at`, which later changes of the
 * period do not move; in classic mode `cancel_at_period_end`.
 */
export function cancelInPortal(
  ctx: Context,
  session: Session,
  change: { subscription: Stripe.Subscription; feedback: string | null; comment: string | null },
): void {
  const { subscription, feedback, comment } = change;
  const { mode, proration_behavior: proration } = featuresOf(ctx, session).subscription_cancel;
  const given = { comment, feedback, feedback_option: null, reason: 'cancellation_requested' };
  const { billing } = ctx.services;
  if (mode === 'immediately') {
    ctx.update('subscription', subscription, {
      event: null,
      apply: () => (subscription.cancellation_details = given),
    });
    billing.cancelSubscription(ctx, subscription, {
      invoiceNow: proration === 'always_invoice',
      prorate: proration !== 'none',
      reason: 'cancellation_requested',
    });
    return;
  }
  ctx.update('subscription', subscription, {
    event: null,
    apply: () => (subscription.cancellation_details = given),
  });
  const flexible = subscription.billing_mode.type === 'flexible';
  billing.setCancellation(
    ctx,
    subscription,
    flexible
      ? { cancelAt: periodEnd(subscription), cancelAtPeriodEnd: false }
      : { cancelAt: null, cancelAtPeriodEnd: true },
  );
}

/** Takes a planned cancellation back. */
export function renewInPortal(ctx: Context, subscription: Stripe.Subscription): void {
  const apply = () =>
    (subscription.cancellation_details = {
      comment: null,
      feedback: null,
      feedback_option: null,
      reason: null,
    });
  ctx.update('subscription', subscription, { event: null, apply });
  ctx.services.billing.setCancellation(ctx, subscription, {
    cancelAt: null,
    cancelAtPeriodEnd: false,
  });
}

export interface PortalItem {
  id: string | null;
  price: string | null;
  quantity?: number;
}

const PRORATIONS = ['always_invoice', 'create_prorations', 'none'] as const;

/** Moves a subscription to other prices or quantities, prorated as the configuration says. */
export function updateInPortal(
  ctx: Context,
  session: Session,
  change: { subscription: Stripe.Subscription; items: PortalItem[] },
): void {
  const features = featuresOf(ctx, session).subscription_update;
  const waits = features.schedule_at_period_end.conditions.some(({ type }) =>
    holds(ctx, change, type),
  );
  if (waits && change.subscription.status !== 'trialing') {
    const items = change.items.map(({ id, price, quantity }) => ({
      ...(id === null ? {} : { id }),
      ...(price === null ? {} : { price }),
      ...(quantity === undefined ? {} : { quantity }),
    }));
    ctx.services.schedules.changeAtPeriodEnd(ctx, change.subscription, items);
    return;
  }
  const { proration_behavior: proration, billing_cycle_anchor: anchor } = features;
  ctx.services.billing.updateItems(ctx, change.subscription, {
    items: change.items.map(({ id, price, quantity }) => ({
      ...(id === null ? {} : { id }),
      ...(price === null ? {} : { price }),
      ...(quantity === undefined ? {} : { quantity }),
    })),
    replace: false,
    prorationBehavior: PRORATIONS.find((each) => each === proration) ?? 'none',
    prorationDate: null,
    billingCycleAnchor: anchor === 'now' ? 'now' : 'unchanged',
  });
}

/** Whether a condition of `schedule_at_period_end` makes the change wait. */
function holds(
  ctx: Context,
  change: { subscription: Stripe.Subscription; items: PortalItem[] },
  condition: string,
): boolean {
  return change.items.some(({ id, price, quantity }) => {
    const item = change.subscription.items.data.find((candidate) => candidate.id === id);
    if (item === undefined) return false;
    const next = ctx.store.find('price', price) ?? item.price;
    if (condition === 'shortening_interval') return daysOf(next) < daysOf(item.price);
    const { currency } = change.subscription;
    const present = item.quantity ?? 1;
    const now = fullAmount(ctx, item.price, { quantity: present, currency });
    return fullAmount(ctx, next, { quantity: quantity ?? present, currency }) < now;
  });
}

const DAYS: Record<string, number> = { day: 1, week: 7, month: 30, year: 365 };

const daysOf = (price: Stripe.Price): number =>
  (DAYS[price.recurring?.interval ?? ''] ?? 0) * (price.recurring?.interval_count ?? 1);

/** Makes a saved method the one that later invoices are paid with, also for subscriptions that name one of their own. */
export function makeDefault(ctx: Context, customerId: string, method: string): void {
  const customer = ctx.store.need('customer', customerId);
  const apply = () => (customer.invoice_settings.default_payment_method = method);
  ctx.update('customer', customer, { event: 'customer.updated', apply });
  for (const subscription of ctx.store.by('subscription', 'customer', customerId)) {
    if (subscription.default_payment_method === null || subscription.status === 'canceled')
      continue;
    ctx.update('subscription', subscription, {
      event: 'customer.subscription.updated',
      apply: () => (subscription.default_payment_method = method),
    });
  }
}

/** A saved method of the session's customer. Errors: 404 for anyone else's. */
export function ownMethod(ctx: Context, session: Session, id: string): Stripe.PaymentMethod {
  const method = ctx.store.need('payment_method', id);
  if (idOf(method.customer) === session.customer) return method;
  throw invalidRequest(`No such PaymentMethod: '${id}'`, {
    code: 'resource_missing',
    param: 'id',
    status: 404,
  });
}

export const removeMethod = (ctx: Context, session: Session, id: string): Stripe.PaymentMethod =>
  detachMethod(ctx, ownMethod(ctx, session, id));

/** Saves a new method by a setup intent, as the portal does. */
export function addInPortal(
  ctx: Context,
  session: Session,
  how: { method: Stripe.PaymentMethod; returnUrl: string },
): { intent: Stripe.SetupIntent; result: SetupResult } {
  const intent = newSetupIntent({
    id: ctx.store.newId('setup_intent'),
    created: ctx.nowFor(session.customer),
    customer: session.customer,
    description: null,
    choice: { types: ['card'], automatic: null },
    metadata: {},
    usage: 'off_session',
  });
  ctx.add('setup_intent', intent);
  ctx.note('setup_intent', intent.id)['portalSession'] = session.id;
  ctx.emit('setup_intent.created', intent);
  const result = confirmSetup(ctx, intent, {
    method: how.method,
    authenticated: false,
    returnUrl: how.returnUrl,
  });
  if (result.kind === 'succeeded') makeDefault(ctx, session.customer, how.method.id);
  return { intent, result };
}
