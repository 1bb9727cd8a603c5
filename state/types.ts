/**
 * The words of the lifecycle. Everything here is plain data: no clock, no I/O.
 * Times are milliseconds since the epoch (UTC); amounts are integer minor units.
 */

/** The states of a subscription's life, in the order in which a customer meets them. */
export const LIFECYCLE_STATES = [
  'none',
  'incomplete',
  'trialing',
  'active',
  'downgrading',
  'cancel_pending',
  'past_due',
  'unpaid',
  'paused',
  'canceled',
] as const;
export type LifecycleState = (typeof LIFECYCLE_STATES)[number];

/** The stored `status`: `downgrading` is `active` with a pending lower plan; `none` is never stored. */
export type SubscriptionStatus = Exclude<LifecycleState, 'none' | 'downgrading'>;

/** What can happen to a subscription. Names are recorded in the history and shown on the chart. */
export const LIFECYCLE_EVENTS = [
  'trial_started',
  'paid',
  'payment_pending',
  'expired',
  'trial_ended_unpaid',
  'trial_ended_without_method',
  'cancel_scheduled',
  'cancel_undone',
  'canceled',
  'upgraded',
  'renewed',
  'downgrade_scheduled',
  'downgrade_undone',
  'period_ended',
  'payment_failed',
  'payment_succeeded',
  'retries_exhausted',
  'paused',
  'resumed',
  'reactivated',
] as const;
export type LifecycleEventType = (typeof LIFECYCLE_EVENTS)[number];

/** What a user may ask for; each is checked against the machine before Stripe is called. */
export type Action =
  | 'checkout'
  | 'change'
  | 'quantity'
  | 'cancel'
  | 'resume'
  | 'pause'
  | 'reactivate'
  | 'update_payment_method';

export type BillingInterval = 'day' | 'week' | 'month' | 'year';

/** All that a subscription will hold; told where it is or will be more than one item. */
export interface ItemsThen {
  items: { priceId: string; quantity: number | null }[];
}

export interface ItemFacts {
  id: string;
  priceId: string;
  productId: string | null;
  quantity: number | null;
  currency: string;
  /** Minor units; null for tiered prices and for fractions of a minor unit. */
  unitAmount: number | null;
  interval: BillingInterval;
  intervalCount: number;
  metered: boolean;
  periodStart: number | null;
  periodEnd: number | null;
}

/** A line of an invoice that bills a price for a whole period; times in ms. */
export interface InvoiceLine {
  priceId: string;
  end: number;
}

/** The invoice that bills the plan for a period. */
export interface PlanInvoice {
  id: string;
  status: string | null;
  /** End of the period that it pays for. */
  periodEnd: number;
  createdAt: number | null;
  dueAt: number | null;
}

/** What one Stripe subscription object says, the same whichever API version wrote it. */
export interface SubscriptionFacts {
  id: string;
  customerId: string;
  /** Stripe's own word, kept even if unknown to us. */
  stripeStatus: string;
  items: ItemFacts[];
  currency: string;
  currentPeriodStart: number | null;
  currentPeriodEnd: number | null;
  trialStart: number | null;
  trialEnd: number | null;
  cancelAt: number | null;
  cancelAtPeriodEnd: boolean;
  canceledAt: number | null;
  endedAt: number | null;
  cancellationReason: string | null;
  /** Why Stripe paused it (`pause_requested`, `trial_end_without_payment_method`, …). */
  pauseReason?: string | null;
  pauseCollection: { behavior: string; resumesAt: number | null } | null;
  scheduleId: string | null;
  /** The schedule's next phase, when the schedule was expanded and has one that differs. */
  nextPhase: ({ priceId: string; quantity: number | null; at: number } & Partial<ItemsThen>) | null;
  /** False when `nextPhase` is unknown, because the schedule came as an id only (webhook payloads). */
  scheduleExpanded?: boolean;
  /** A change that waits for its payment (`pending_if_incomplete`). */
  pendingUpdate:
    | ({ priceId: string | null; quantity: number | null; expiresAt: number } & Partial<ItemsThen>)
    | null;
  latestInvoiceId: string | null;
  /** What the latest invoice says, when it was expanded. */
  latestInvoice?: LatestInvoice | null;
  /** Of the read alone, never stored: what the latest invoice bills for whole periods, and when it was made. */
  latestInvoiceLines?: InvoiceLine[];
  latestInvoiceTimes?: { createdAt: number | null; dueAt: number | null };
  /** Id of the item that carries the plan, once the catalogue was asked. */
  planItemId?: string;
  /** The invoice of the plan's present period, remembered over later invoices. */
  planInvoice?: PlanInvoice | null;
  collectionMethod: string;
  defaultPaymentMethodId: string | null;
  /** Fingerprint of the default card, when it was expanded. */
  cardFingerprint: string | null;
  billingMode: 'classic' | 'flexible' | null;
  metadata: Record<string, string>;
  livemode: boolean;
  createdAt: number;
}

export interface LatestInvoice {
  status: string | null;
  attemptCount: number;
  /** While it is open: what is still to be paid, and when Stripe tries to collect it; null when it does not. */
  amountRemaining?: number;
  nextAttemptAt?: number | null;
}

/** Why a subscription gives no access although its state would. */
export interface Restriction {
  reason: 'disputed' | 'refunded';
  since: number;
  /** When it ends by itself: with the period that was refunded. null: when the dispute is won. */
  until: number | null;
  /** True when collection was paused at Stripe because of it. */
  collectionPaused?: boolean;
}

/** One row of `subscriptions`: what Stripe says, and what the machine made of it. */
export interface StoredSubscription {
  id: string;
  customerId: string;
  /** The account that pays (its user's id, where accounts are not configured); null while it is not known. */
  userId: string | null;
  /** True for one that is not ours: it counts nowhere and nothing follows from it. */
  foreign?: boolean;
  state: LifecycleState;
  status: SubscriptionStatus;
  facts: SubscriptionFacts;
  /** Plan id of the catalogue; null when the price belongs to none. */
  plan: string | null;
  /** Failed payment attempts of the invoice that is open now; 0 when none failed. */
  failedAttempts: number;
  /** When the present run of failed payments began. */
  pastDueSince: number | null;
  /** When `state` was entered (business time). */
  since: number;
  /** Monthly recurring revenue in minor units of `facts.currency`; 0 unless it earns. */
  mrr: number;
  /** What money that came back does to access; only `sync/` sets it, beside the rest of the row. */
  restriction?: Restriction | null;
  /** The version of its plan's terms that it was sold; null for the first one. The database keeps it. */
  termsVersion?: number | null;
}

export type CauseType =
  | 'event'
  | 'request'
  | 'verify'
  | 'catch_up'
  | 'dunning'
  | 'trial_ledger'
  | 'link'
  | 'import';

/** Why something moved: a Stripe event, a request of a user, a repair. */
export interface Cause {
  type: CauseType;
  id: string;
  /** `stripe`, `user:<id>`, `admin`, `operator:<name>`, `cli:<name>` of a command, `system`. */
  actor: string;
  /** Business time of the cause (for Stripe events: `created`). */
  at: number;
  /** Of the request that asked for it, where `id` is not it. */
  requestId?: string;
  /** What follows is noted in the outbox and not sent: it was told before. */
  quiet?: boolean;
}

/** One line of the history. */
export interface Transition {
  from: LifecycleState;
  to: LifecycleState;
  event: LifecycleEventType;
  /** True when the machine does not allow it and it was adopted from Stripe anyway. */
  unexpected: boolean;
  /** True when it came to be known after newer facts had been recorded. */
  late: boolean;
  /** A few words of what Stripe said: status, reason, amount, decline code. */
  detail: Record<string, string | number | boolean | null>;
}

export type AccessLevel = 'full' | 'grace' | 'none';

export interface Access {
  level: AccessLevel;
  until: number | null;
  reason: string;
}
