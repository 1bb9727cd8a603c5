import type Stripe from 'stripe';
import { call } from './errors.ts';

export interface CancellationDetails {
  feedback?: Stripe.SubscriptionUpdateParams.CancellationDetails.Feedback;
  comment?: string;
}

/** What a read, and the answer of a write, must contain for the facts to be complete: the coming phase, the card, failed attempts. */
export const EXPAND = ['schedule', 'default_payment_method', 'latest_invoice'];

/** Subscriptions: reads that feed the processor, and the commands of people. */
export function subscriptionCalls(stripe: Stripe) {
  async function withAllItems(subscription: Stripe.Subscription): Promise<Stripe.Subscription> {
    if (!subscription.items.has_more) return subscription;
    // A nested list holds ten at most; the rest has to be asked for.
    const data = await call(() =>
      stripe.subscriptionItems
        .list({ subscription: subscription.id, limit: 100 })
        .autoPagingToArray({ limit: 1000 }),
    );
    return { ...subscription, items: { ...subscription.items, data, has_more: false } };
  }

  return {
    /** One fresh read with schedule, card and every item; `not_found` when Stripe has none. */
    retrieveSubscription: async (id: string): Promise<Stripe.Subscription> =>
      withAllItems(await call(() => stripe.subscriptions.retrieve(id, { expand: EXPAND }))),

    /** Every subscription of a customer, ended ones too, newest first. */
    subscriptionsOf: (customerId: string): Promise<Stripe.Subscription[]> =>
      call(() =>
        stripe.subscriptions
          .list({ customer: customerId, status: 'all', limit: 100 })
          .autoPagingToArray({ limit: 1000 }),
      ),

    /** Schedules of a customer whose subscription is still to begin, with their prices. */
    comingSchedules: async (customerId: string): Promise<Stripe.SubscriptionSchedule[]> => {
      const schedules = await call(() =>
        stripe.subscriptionSchedules
          .list({
            customer: customerId,
            scheduled: true,
            limit: 100,
            expand: ['data.phases.items.price'],
          })
          .autoPagingToArray({ limit: 1000 }),
      );
      return schedules.filter(({ status }) => status === 'not_started');
    },

    /** A page (100) of all subscriptions of the account, for `verify`; those on a test clock only with its id. */
    listSubscriptions: (
      startingAfter: string | null,
      testClock?: string,
    ): Promise<Stripe.ApiList<Stripe.Subscription>> =>
      call(() =>
        stripe.subscriptions.list({
          status: 'all',
          limit: 100,
          starting_after: startingAfter ?? undefined,
          test_clock: testClock,
          expand: EXPAND.map((path) => `data.${path}`),
        }),
      ),

    /**
     * A page (100) of the subscriptions whose present period began between two times (ms, both included), ended ones
     * too. Of those with more than ten items some are missing, and `items.has_more` says so.
     */
    subscriptionsBegun: (span: {
      from: number;
      to: number;
      startingAfter: string | null;
    }): Promise<Stripe.ApiList<Stripe.Subscription>> =>
      call(() =>
        stripe.subscriptions.list({
          status: 'all',
          limit: 100,
          current_period_start: {
            gte: Math.floor(span.from / 1000),
            lte: Math.floor(span.to / 1000),
          },
          starting_after: span.startingAfter ?? undefined,
          expand: EXPAND.map((path) => `data.${path}`),
        }),
      ),

    /** With the period that ends first; with `at` (seconds) then, and nothing is credited for what is left of others. */
    cancelAtPeriodEnd: (
      id: string,
      { at, ...details }: CancellationDetails & { at?: number },
      idempotencyKey: string,
    ): Promise<Stripe.Subscription> =>
      call(() =>
        stripe.subscriptions.update(
          id,
          {
            ...(at === undefined
              ? { cancel_at_period_end: true }
              : { cancel_at: at, proration_behavior: 'none' }),
            cancellation_details: details,
            expand: EXPAND,
          },
          { idempotencyKey },
        ),
      ),

    /** Clears a scheduled end, whichever of Stripe's two fields holds it. */
    undoCancel: (
      id: string,
      scheduledBy: 'cancel_at' | 'cancel_at_period_end',
      idempotencyKey: string,
    ): Promise<Stripe.Subscription> =>
      call(() =>
        stripe.subscriptions.update(
          id,
          {
            ...(scheduledBy === 'cancel_at' ? { cancel_at: '' } : { cancel_at_period_end: false }),
            expand: EXPAND,
          },
          { idempotencyKey },
        ),
      ),

    /** With `invoiceUsage`, what was used and is on no invoice yet is billed now; else it never is. */
    cancelNow: (
      id: string,
      { invoiceUsage, ...details }: CancellationDetails & { invoiceUsage?: boolean },
      idempotencyKey: string,
    ): Promise<Stripe.Subscription> =>
      call(() =>
        stripe.subscriptions.cancel(
          id,
          {
            cancellation_details: details,
            invoice_now: invoiceUsage === true ? true : undefined,
            expand: EXPAND,
          },
          { idempotencyKey },
        ),
      ),

    /** Moves the end of a trial (seconds), or ends it now: then the first period is billed at once. */
    setTrialEnd: (
      id: string,
      trialEnd: number | 'now',
      idempotencyKey: string,
    ): Promise<Stripe.Subscription> =>
      call(() =>
        stripe.subscriptions.update(
          id,
          { trial_end: trialEnd, proration_behavior: 'none' },
          { idempotencyKey },
        ),
      ),

    /** Later invoices stay drafts, and nothing is charged; `metadata` says why. */
    stopCollection: (
      id: string,
      metadata: Record<string, string>,
      idempotencyKey: string,
    ): Promise<Stripe.Subscription> =>
      call(() =>
        stripe.subscriptions.update(
          id,
          { pause_collection: { behavior: 'keep_as_draft' }, metadata },
          { idempotencyKey },
        ),
      ),

    /** Ends a pause of collection; invoices are charged again from the next one. */
    resumeCollection: (
      id: string,
      metadata: Record<string, string>,
      idempotencyKey: string,
    ): Promise<Stripe.Subscription> =>
      call(() =>
        stripe.subscriptions.update(
          id,
          { pause_collection: '', metadata, expand: EXPAND },
          { idempotencyKey },
        ),
      ),

    /** A new period begins and is charged now; `card_declined` changes nothing. */
    restartPeriod: (id: string, idempotencyKey: string): Promise<Stripe.Subscription> =>
      call(() =>
        stripe.subscriptions.update(
          id,
          {
            billing_cycle_anchor: { type: 'now' },
            proration_behavior: 'none',
            payment_behavior: 'error_if_incomplete',
            expand: EXPAND,
          },
          { idempotencyKey },
        ),
      ),

    /** Resumes a paused subscription; it is active once its invoice is paid. */
    resumePaused: (id: string, idempotencyKey: string): Promise<Stripe.Subscription> =>
      call(() =>
        stripe.subscriptions.resume(
          id,
          {
            billing_cycle_anchor: { type: 'now' },
            payment_behavior: 'resume_on_payment_success',
            expand: EXPAND,
          },
          { idempotencyKey },
        ),
      ),

    /** Detaches the schedule and keeps the subscription as it is now. */
    releaseSchedule: (
      scheduleId: string,
      idempotencyKey: string,
    ): Promise<Stripe.SubscriptionSchedule> =>
      call(() => stripe.subscriptionSchedules.release(scheduleId, {}, { idempotencyKey })),
  };
}

export type SubscriptionCalls = ReturnType<typeof subscriptionCalls>;
