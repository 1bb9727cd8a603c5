import type Stripe from 'stripe';
import { call } from './errors.ts';
import type { OwnerMetadata } from './client.ts';
import { EXPAND } from './subscriptions.ts';
import { billFor, type ItemChange, type PhaseItem } from './previews.ts';

export interface ChangeRequest {
  subscriptionId: string;
  items: ItemChange[];
  /** Seconds. Null changes without proration. */
  prorationDate: number | null;
  /** A new period begins now; flexible billing keeps the old one unless asked. */
  restartPeriod: boolean;
  /** For a preview: these discounts of the subscription and no others. */
  discounts?: string[];
}

/** What a subscription becomes at the end of its present period. */
export interface NextPhase {
  items: PhaseItem[];
  interval: 'day' | 'week' | 'month' | 'year';
  /** Default 1. */
  intervalCount?: number;
  /** Seconds; default the end of the present phase. */
  startsAt?: number;
}

export interface NewSubscription {
  customerId: string;
  userId: string;
  items: PhaseItem[];
  /** Null for the one that Stripe chooses. */
  currency: string | null;
  trialDays: number | null;
  trialEnd: 'cancel' | 'pause';
  paymentMethodId: string;
  promotionCodeId: string | null;
  automaticTax: boolean;
  /** Tax rates of the subscription before it, that were set by hand. */
  taxRates: string[];
}

/** Changes of a subscription: what they would cost, and carrying them out. */
export function planChangeCalls(stripe: Stripe, ownerMetadata: OwnerMetadata) {
  return {
    /** The invoice that a change makes at once; without proration, the next renewal's. */
    previewChange: (request: ChangeRequest): Promise<Stripe.Invoice> =>
      call(() => stripe.invoices.createPreview(previewParams(request))),

    /** The same with the subscription as it is now; null where Stripe did not send that along. */
    previewChangeOf: async (
      request: ChangeRequest,
    ): Promise<{ invoice: Stripe.Invoice; subscription: Stripe.Subscription | null }> => {
      const params = { ...previewParams(request), expand: EXPAND.map((path) => `${OF}.${path}`) };
      const invoice = await call(() => stripe.invoices.createPreview(params));
      const told = invoice.parent?.subscription_details?.subscription ?? null;
      return { invoice, subscription: typeof told === 'string' ? null : told };
    },

    /** Changes now. A prorated change that is not paid waits in `pending_update` and gives nothing away. */
    changeSubscription: (
      request: ChangeRequest,
      idempotencyKey: string,
    ): Promise<Stripe.Subscription> =>
      call(() =>
        stripe.subscriptions.update(
          request.subscriptionId,
          {
            ...changeParams(request),
            payment_behavior: request.prorationDate === null ? undefined : 'pending_if_incomplete',
            expand: EXPAND,
          },
          { idempotencyKey },
        ),
      ),

    /** A schedule that continues the subscription as it is; it changes nothing by itself. */
    createSchedule: (
      subscriptionId: string,
      idempotencyKey: string,
    ): Promise<Stripe.SubscriptionSchedule> =>
      call(() =>
        stripe.subscriptionSchedules.create(
          { from_subscription: subscriptionId },
          { idempotencyKey },
        ),
      ),

    retrieveSchedule: (id: string): Promise<Stripe.SubscriptionSchedule> =>
      call(() => stripe.subscriptionSchedules.retrieve(id)),

    /**
     * Keeps the schedule's present phase and puts `next` after it, in place of what was there. Answers the subscription;
     * null where it did not come along.
     */
    scheduleNextPhase: async (
      { schedule, userId }: { schedule: Stripe.SubscriptionSchedule; userId: string },
      next: NextPhase,
      idempotencyKey: string,
    ): Promise<Stripe.Subscription | null> => {
      const params = {
        ...phasesThen(schedule, next),
        // Stripe takes none with `from_subscription`.
        metadata: ownerMetadata(userId),
        expand: EXPAND_SUBSCRIPTION,
      };
      const { subscription, ...rest } = await call(() =>
        stripe.subscriptionSchedules.update(schedule.id, params, { idempotencyKey }),
      );
      if (subscription === null || typeof subscription === 'string') return null;
      return { ...subscription, schedule: { ...rest, subscription: subscription.id } };
    },

    /** Stops invoices and the period, and bills usage now; with `creditUnused` what was not used becomes credit. */
    pauseSubscription: (
      id: string,
      { creditUnused }: { creditUnused: boolean },
      idempotencyKey: string,
    ): Promise<Stripe.Subscription> =>
      call(() =>
        stripe.subscriptions.pause(
          id,
          {
            invoicing_behavior: 'invoice',
            bill_for: billFor(creditUnused),
            expand: EXPAND,
          },
          { idempotencyKey },
        ),
      ),

    /** Voids what would be charged until `resumesAt` (seconds; null: until resumed). */
    voidCollection: (
      id: string,
      resumesAt: number | null,
      idempotencyKey: string,
    ): Promise<Stripe.Subscription> =>
      call(() =>
        stripe.subscriptions.update(
          id,
          {
            pause_collection: { behavior: 'void', resumes_at: resumesAt ?? undefined },
            expand: EXPAND,
          },
          { idempotencyKey },
        ),
      ),

    /** A new subscription charged to a saved card; `card_declined` makes none. */
    createSubscription: (
      input: NewSubscription,
      idempotencyKey: string,
    ): Promise<Stripe.Subscription> =>
      call(() =>
        stripe.subscriptions.create(creationParams(input, ownerMetadata(input.userId)), {
          idempotencyKey,
        }),
      ),

    /** Applies a promotion code to a subscription's next invoices; null takes every discount off. */
    setDiscount: (
      id: string,
      promotionCodeId: string | null,
      idempotencyKey: string,
    ): Promise<Stripe.Subscription> =>
      call(() =>
        stripe.subscriptions.update(
          id,
          {
            discounts: promotionCodeId === null ? '' : [{ promotion_code: promotionCodeId }],
            expand: EXPAND,
          },
          { idempotencyKey },
        ),
      ),
  };
}

/** Where an invoice names its subscription. */
const OF = 'parent.subscription_details.subscription';

function previewParams(request: ChangeRequest): Stripe.InvoiceCreatePreviewParams {
  const { discounts } = request;
  return {
    subscription: request.subscriptionId,
    subscription_details: changeParams(request),
    ...(discounts === undefined
      ? {}
      : { discounts: discounts.length > 0 ? discounts.map((discount) => ({ discount })) : '' }),
    expand: ['discounts.source.coupon'],
  };
}

const EXPAND_SUBSCRIPTION = EXPAND.filter((path) => path !== 'schedule').map(
  (path) => `subscription.${path}`,
);

function changeParams(request: ChangeRequest) {
  const { items, prorationDate, restartPeriod } = request;
  return {
    items,
    proration_behavior: prorationDate === null ? ('none' as const) : ('always_invoice' as const),
    proration_date: prorationDate ?? undefined,
    billing_cycle_anchor: restartPeriod ? { type: 'now' as const } : undefined,
  };
}

function phasesThen(
  schedule: Stripe.SubscriptionSchedule,
  next: NextPhase,
): Stripe.SubscriptionScheduleUpdateParams {
  const start = schedule.current_phase?.start_date;
  const current = schedule.phases.find((phase) => phase.start_date === start) ?? schedule.phases[0];
  if (!current) throw new Error(`Schedule ${schedule.id} has no phase`);
  return {
    end_behavior: 'release',
    proration_behavior: 'none',
    phases: [
      {
        start_date: current.start_date,
        end_date: next.startsAt ?? current.end_date,
        trial_end: current.trial_end ?? undefined,
        items: current.items.map(phaseItem),
        ...settingsOf(current),
      },
      {
        items: next.items,
        duration: { interval: next.interval, interval_count: next.intervalCount ?? 1 },
        proration_behavior: 'none',
        ...settingsOf(current),
      },
    ],
  };
}

function phaseItem(
  item: Stripe.SubscriptionSchedule.Phase.Item,
): Stripe.SubscriptionScheduleUpdateParams.Phase.Item {
  return {
    price: idOf(item.price),
    quantity: item.quantity,
    tax_rates: named(item.tax_rates),
    discounts: item.discounts.length > 0 ? item.discounts.map(discountOf) : undefined,
  };
}

/**
 * A phase that does not name these would take them off. Card and metadata are not named: a phase would put back
 * those of today over what the customer has changed by then.
 */
function settingsOf(
  phase: Stripe.SubscriptionSchedule.Phase,
): Partial<Stripe.SubscriptionScheduleUpdateParams.Phase> {
  return {
    discounts: phase.discounts.map(discountOf),
    default_tax_rates: named(phase.default_tax_rates),
    automatic_tax: phase.automatic_tax ? { enabled: phase.automatic_tax.enabled } : undefined,
    collection_method: phase.collection_method ?? undefined,
    description: phase.description ?? undefined,
  };
}

function named(rates: { id: string }[] | null | undefined): string[] | undefined {
  return rates && rates.length > 0 ? rates.map(({ id }) => id) : undefined;
}

function idOf(value: string | { id: string }): string {
  return typeof value === 'string' ? value : value.id;
}

function discountOf(stacked: Stripe.SubscriptionSchedule.Phase.Discount): {
  coupon?: string;
  discount?: string;
  promotion_code?: string;
} {
  const id = (value: string | { id: string } | null) =>
    value === null ? undefined : typeof value === 'string' ? value : value.id;
  if (stacked.discount !== null) return { discount: id(stacked.discount) };
  if (stacked.promotion_code !== null) return { promotion_code: id(stacked.promotion_code) };
  return { coupon: id(stacked.coupon) };
}

function creationParams(
  input: NewSubscription,
  owner: Record<string, string>,
): Stripe.SubscriptionCreateParams {
  const { trialDays, trialEnd } = input;
  return {
    customer: input.customerId,
    items: input.items,
    currency: input.currency ?? undefined,
    default_payment_method: input.paymentMethodId,
    off_session: true,
    payment_behavior: 'error_if_incomplete',
    discounts: input.promotionCodeId ? [{ promotion_code: input.promotionCodeId }] : undefined,
    metadata: owner,
    default_tax_rates: input.taxRates.length > 0 ? input.taxRates : undefined,
    automatic_tax: input.automaticTax ? { enabled: true } : undefined,
    expand: EXPAND,
    ...(trialDays === null
      ? {}
      : {
          trial_period_days: trialDays,
          trial_settings: { end_behavior: { missing_payment_method: trialEnd } },
        }),
  };
}

export type PlanChangeCalls = ReturnType<typeof planChangeCalls>;
