/** Raw Stripe objects as they come over the wire, and rows, for the tests of state/. */
import type { Catalogue } from '../../state/catalogue.ts';
import { decideRow } from '../../state/decide.ts';
import { readSubscription } from '../../state/subscription-facts.ts';
import type { LifecycleState, StoredSubscription } from '../../state/types.ts';

export type Raw = Record<string, unknown>;

export const DAY = 86_400;
export const T0 = Date.parse('2026-11-01T00:00:00Z') / 1000;
export const SETTINGS = { maxAttempts: 3, finalAction: 'cancel' } as const;

export const CATALOGUE: Catalogue = {
  plans: [
    {
      id: 'starter',
      name: 'Starter',
      rank: 1,
      features: ['projects'],
      limits: { projects: 3 },
      prices: {
        monthly: { priceId: 'price_starter_month', amount: 1000, currency: 'usd' },
        yearly: { priceId: 'price_starter_year', amount: 10_000, currency: 'usd' },
      },
    },
    {
      id: 'pro',
      name: 'Pro',
      rank: 2,
      features: ['projects', 'sso'],
      limits: { projects: null },
      prices: {
        monthly: { priceId: 'price_pro_month', amount: 3000, currency: 'usd' },
        yearly: { priceId: 'price_pro_year', amount: 30_000, currency: 'usd' },
      },
    },
  ],
  products: [],
};

const AMOUNTS: Record<string, number> = {
  price_starter_month: 1000,
  price_starter_year: 10_000,
  price_pro_month: 3000,
  price_pro_year: 30_000,
};

export function rawItem(changes: Raw = {}, priceId = 'price_pro_month'): Raw {
  return {
    id: 'si_1',
    object: 'subscription_item',
    quantity: 1,
    current_period_start: T0,
    current_period_end: T0 + 30 * DAY,
    price: {
      id: priceId,
      object: 'price',
      product: 'prod_1',
      currency: 'usd',
      billing_scheme: 'per_unit',
      unit_amount: AMOUNTS[priceId] ?? 500,
      unit_amount_decimal: String(AMOUNTS[priceId] ?? 500),
      recurring: {
        interval: priceId.endsWith('year') ? 'year' : 'month',
        interval_count: 1,
        usage_type: 'licensed',
      },
    },
    ...changes,
  };
}

/** An active subscription to Pro as endive writes it. */
export function rawSubscription(changes: Raw = {}): Raw {
  return {
    id: 'sub_1',
    object: 'subscription',
    customer: 'cus_1',
    status: 'active',
    currency: 'usd',
    items: { object: 'list', data: [rawItem()], has_more: false },
    trial_start: null,
    trial_end: null,
    cancel_at: null,
    cancel_at_period_end: false,
    canceled_at: null,
    ended_at: null,
    cancellation_details: { reason: null, feedback: null, comment: null },
    pause_collection: null,
    schedule: null,
    pending_update: null,
    latest_invoice: 'in_1',
    collection_method: 'charge_automatically',
    default_payment_method: 'pm_1',
    billing_mode: { type: 'flexible' },
    metadata: {},
    livemode: false,
    created: T0,
    ...changes,
  };
}

export function itemList(...items: Raw[]): Raw {
  return { object: 'list', data: items, has_more: false };
}

/** What must be different about a subscription for it to be in a state. */
export const CHANGES_FOR: Record<LifecycleState, Raw> = {
  none: {},
  incomplete: { status: 'incomplete' },
  trialing: { status: 'trialing', trial_start: T0, trial_end: T0 + 14 * DAY },
  active: { status: 'active' },
  downgrading: { status: 'active', schedule: downgradeSchedule() },
  cancel_pending: { status: 'active', cancel_at: T0 + 30 * DAY, canceled_at: T0 + DAY },
  past_due: { status: 'past_due' },
  unpaid: { status: 'unpaid' },
  paused: { status: 'paused' },
  canceled: { status: 'canceled', ended_at: T0 + 20 * DAY, canceled_at: T0 + 20 * DAY },
};

export function downgradeSchedule(priceId = 'price_starter_month'): Raw {
  const boundary = T0 + 30 * DAY;
  return {
    id: 'sub_sched_1',
    object: 'subscription_schedule',
    status: 'active',
    subscription: 'sub_1',
    current_phase: { start_date: T0, end_date: boundary },
    phases: [
      { start_date: T0, end_date: boundary, items: [{ price: 'price_pro_month', quantity: 1 }] },
      { start_date: boundary, end_date: null, items: [{ price: priceId, quantity: 1 }] },
    ],
  };
}

/** A stored row in the given state. */
export function storedIn(state: LifecycleState, changes: Raw = {}): StoredSubscription {
  const facts = readSubscription(rawSubscription({ ...CHANGES_FOR[state], ...changes }));
  const { next } = decideRow({
    stored: null,
    facts,
    signals: [],
    catalogue: CATALOGUE,
    settings: SETTINGS,
    userId: 'user_1',
    now: T0 * 1000,
  });
  return next;
}

export function rawEvent(type: string, object: Raw, changes: Raw = {}): Raw {
  return {
    id: `evt_${type}`,
    object: 'event',
    type,
    created: T0,
    api_version: '2026-10-28.endive',
    livemode: false,
    data: { object },
    request: { id: null, idempotency_key: null },
    ...changes,
  };
}

export function rawInvoice(changes: Raw = {}): Raw {
  return {
    id: 'in_1',
    object: 'invoice',
    number: 'T-0001',
    status: 'open',
    customer: 'cus_1',
    amount_due: 3000,
    amount_paid: 0,
    currency: 'usd',
    attempt_count: 1,
    next_payment_attempt: T0 + 3 * DAY,
    billing_reason: 'subscription_cycle',
    hosted_invoice_url: 'https://invoice.test/in_1',
    invoice_pdf: 'https://invoice.test/in_1.pdf',
    parent: {
      type: 'subscription_details',
      subscription_details: { subscription: 'sub_1', metadata: {} },
    },
    ...changes,
  };
}
