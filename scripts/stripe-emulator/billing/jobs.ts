import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { ApiError } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import type { Registry } from '../kernel/registry.ts';
import { expire } from './cancel.ts';
import { retry } from './collect.ts';
import { advanceInvoice, runCycle } from './cycle.ts';
import { reschedule } from './due-dates.ts';
import { markVoid } from './invoice-state.ts';
import { onOverdue } from './payment-news.ts';
import { billPendingItems } from './pending-interval.ts';
import { preview } from './preview.ts';
import { hasEnded } from './subscription-object.ts';
import { expirePendingUpdate } from './subscription-update.ts';

type SubscriptionJob = (ctx: Context, subscription: Stripe.Subscription) => void;
type InvoiceJob = (ctx: Context, invoice: Stripe.Invoice) => void;

const SUBSCRIPTION_JOBS: Record<string, SubscriptionJob> = {
  cycle: runCycle,
  upcoming: announceRenewal,
  trial_will_end(ctx, subscription) {
    if (subscription.status === 'trialing')
      ctx.emit('customer.subscription.trial_will_end', subscription);
  },
  expire(ctx, subscription) {
    if (subscription.status === 'incomplete') expire(ctx, subscription);
  },
  resume_collection: resumeCollection,
  pending_expires: expirePendingUpdate,
  pending_items: billPendingItems,
};

const INVOICE_JOBS: Record<string, InvoiceJob> = {
  advance: advanceInvoice,
  retry,
  overdue: onOverdue,
  void_unpaid_resume(ctx, invoice) {
    if (invoice.status === 'open') markVoid(ctx, invoice);
  },
};

/** The due work of subscriptions and invoices. */
export function registerBillingJobs(registry: Registry): void {
  for (const [name, run] of Object.entries(SUBSCRIPTION_JOBS)) {
    registry.job(`subscription.${name}`, (ctx, id) => {
      const subscription = ctx.store.find('subscription', id);
      if (subscription !== undefined && !hasEnded(subscription)) run(ctx, subscription);
    });
  }
  for (const [name, run] of Object.entries(INVOICE_JOBS)) {
    registry.job(`invoice.${name}`, (ctx, id) => {
      const invoice = ctx.store.find('invoice', id);
      if (invoice !== undefined) run(ctx, invoice);
    });
  }
}

/** `invoice.upcoming` carries the next invoice without an id. */
function announceRenewal(ctx: Context, subscription: Stripe.Subscription): void {
  const ends = subscription.cancel_at_period_end || subscription.cancel_at !== null;
  if (ends || subscription.status === 'paused') return;
  const invoice = upcoming(ctx, subscription);
  if (invoice === null) return;
  Reflect.deleteProperty(invoice, 'id');
  ctx.emit('invoice.upcoming', invoice);
}

/** The next invoice, or null where a renewal bills nothing. */
function upcoming(ctx: Context, subscription: Stripe.Subscription): Stripe.Invoice | null {
  try {
    return preview(ctx, idOf(subscription.customer), () => ({ kind: 'renewal', subscription }));
  } catch (error) {
    if (error instanceof ApiError && error.body.code === 'invoice_upcoming_none') return null;
    throw error;
  }
}

/** The date at which paused collection goes on by itself. */
function resumeCollection(ctx: Context, subscription: Stripe.Subscription): void {
  const now = ctx.nowFor(idOf(subscription.customer));
  if ((subscription.pause_collection?.resumes_at ?? Infinity) > now) return;
  const apply = () => {
    subscription.pause_collection = null;
  };
  ctx.update('subscription', subscription, { event: 'customer.subscription.updated', apply });
  reschedule(ctx, subscription);
}
