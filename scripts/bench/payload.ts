import { createHash, createHmac } from 'node:crypto';

export const WEBHOOK_SECRET = 'whsec_of_the_benchmark';
export const SECRET_KEY = 'sk_test_benchmark';
export const PRICE = 'price_starter_monthly';

/** Which events a round delivers. */
export interface EventPlan {
  /** Makes the ids of this round unlike those of any other. */
  tag: string;
  events: number;
  /** How many subscriptions they are spread over, in bursts: an event belongs to number `i % subscriptions`. */
  subscriptions: number;
}

/** What a subscription's life sends, over and over. */
const TYPES = [
  'customer.subscription.created',
  'invoice.created',
  'invoice.finalized',
  'invoice.paid',
  'customer.subscription.updated',
] as const;

/** Seconds, on the day, so that all processes of a run agree: a period that has begun and is not over. */
const DAY = 86_400;
const CREATED = (Math.floor(Date.now() / 1000 / DAY) - 10) * DAY;
const MONTH = 30 * DAY;

/** Subscriptions of a plan began in the order of their numbers: below the 25 calls of one kind a second that Stripe allows. */
export const BEGUN_PER_SECOND = 20;

/** When the first subscription of a plan began, in seconds: each plan has one of 200 hours. */
export function firstBegunAt(tag: string): number {
  const hours = createHash('sha256').update(tag).digest().readUInt16BE(0) % 200;
  return CREATED + hours * 3_600;
}

/** When a subscription began, by its id. */
function begunAt(id: string): number {
  const [, tag = '', number = '0'] = /^sub_(.*)x(\d+)$/.exec(id) ?? [];
  return firstBegunAt(tag) + Math.floor(Number(number) / BEGUN_PER_SECOND);
}

/** One delivery as Stripe makes it: a whole HTTP request with the body pretty-printed and signed. */
export function deliveries(plan: EventPlan, target: { host: string; path: string }): Buffer[] {
  const now = Math.floor(Date.now() / 1000);
  return Array.from({ length: plan.events }, (_, i) => {
    const body = eventBody(plan, i);
    const digest = createHmac('sha256', WEBHOOK_SECRET).update(`${now}.${body}`).digest('hex');
    const head =
      `POST ${target.path} HTTP/1.1\r\nhost: ${target.host}\r\nuser-agent: Stripe/1.0\r\n` +
      `content-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
      `stripe-signature: t=${now},v1=${digest}\r\n\r\n`;
    return Buffer.from(head + body);
  });
}

function eventBody(plan: EventPlan, i: number): string {
  const subscription = `sub_${plan.tag}x${i % plan.subscriptions}`;
  const turn = Math.floor(i / plan.subscriptions);
  const type = plan.events === plan.subscriptions ? TYPES[0] : TYPES[turn % TYPES.length];
  const object = type?.startsWith('invoice.')
    ? invoiceObject(subscription, turn)
    : subscriptionObject(subscription);
  const event = {
    id: `evt_${plan.tag}x${i}`,
    object: 'event',
    api_version: '2026-10-28.endive',
    created: CREATED + turn,
    data: { object },
    livemode: false,
    pending_webhooks: 1,
    request: { id: `req_${plan.tag}x${i}`, idempotency_key: null },
    type,
  };
  return JSON.stringify(event, null, 2);
}

/** A subscription as Stripe answers it, of about four kilobytes. */
export function subscriptionObject(id: string): Record<string, unknown> {
  const begun = begunAt(id);
  const price = {
    id: PRICE,
    object: 'price',
    active: true,
    billing_scheme: 'per_unit',
    created: CREATED,
    currency: 'usd',
    custom_unit_amount: null,
    livemode: false,
    lookup_key: null,
    metadata: {},
    nickname: null,
    product: 'prod_starter',
    recurring: {
      interval: 'month',
      interval_count: 1,
      meter: null,
      trial_period_days: null,
      usage_type: 'licensed',
    },
    tax_behavior: 'unspecified',
    tiers_mode: null,
    transform_quantity: null,
    type: 'recurring',
    unit_amount: 2000,
    unit_amount_decimal: '2000',
  };
  return {
    id,
    object: 'subscription',
    application: null,
    application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null },
    billing_cycle_anchor: begun,
    billing_cycle_anchor_config: null,
    billing_mode: { type: 'flexible', flexible: { proration_discounts: 'included' } },
    billing_thresholds: null,
    cancel_at: null,
    cancel_at_period_end: false,
    canceled_at: null,
    cancellation_details: { comment: null, feedback: null, reason: null },
    collection_method: 'charge_automatically',
    created: begun,
    currency: 'usd',
    customer: id.replace('sub_', 'cus_'),
    customer_account: null,
    days_until_due: null,
    default_payment_method: null,
    default_source: null,
    default_tax_rates: [],
    description: null,
    discounts: [],
    ended_at: null,
    invoice_settings: { account_tax_ids: null, issuer: { type: 'self' } },
    items: {
      object: 'list',
      data: [
        {
          id: id.replace('sub_', 'si_'),
          object: 'subscription_item',
          billing_thresholds: null,
          created: begun,
          current_period_end: begun + MONTH,
          current_period_start: begun,
          discounts: [],
          metadata: {},
          price,
          quantity: 1,
          subscription: id,
          tax_rates: [],
        },
      ],
      has_more: false,
      total_count: 1,
      url: `/v1/subscription_items?subscription=${id}`,
    },
    latest_invoice: null,
    livemode: false,
    metadata: { user_id: id.replace('sub_', 'user_') },
    next_pending_invoice_item_invoice: null,
    on_behalf_of: null,
    pause_collection: null,
    payment_settings: {
      payment_method_options: null,
      payment_method_types: null,
      save_default_payment_method: 'off',
    },
    pending_invoice_item_interval: null,
    pending_setup_intent: null,
    pending_update: null,
    schedule: null,
    start_date: begun,
    status: 'active',
    test_clock: null,
    transfer_data: null,
    trial_end: null,
    trial_settings: { end_behavior: { missing_payment_method: 'create_invoice' } },
    trial_start: null,
  };
}

function invoiceObject(subscription: string, turn: number): Record<string, unknown> {
  const begun = begunAt(subscription);
  return {
    id: subscription.replace('sub_', `in_${Math.floor(turn / TYPES.length)}x`),
    object: 'invoice',
    amount_due: 2000,
    amount_paid: 2000,
    amount_remaining: 0,
    attempt_count: 1,
    attempted: true,
    auto_advance: false,
    billing_reason: 'subscription_create',
    collection_method: 'charge_automatically',
    created: begun,
    currency: 'usd',
    customer: subscription.replace('sub_', 'cus_'),
    customer_email: 'person@example.com',
    hosted_invoice_url: 'https://invoice.stripe.com/i/acct_bench/test_bench',
    invoice_pdf: 'https://pay.stripe.com/invoice/acct_bench/test_bench/pdf',
    lines: {
      object: 'list',
      data: [
        {
          id: subscription.replace('sub_', 'il_'),
          object: 'line_item',
          amount: 2000,
          currency: 'usd',
          description: '1 × Starter (at $20.00 / month)',
          metadata: {},
          period: { end: begun + MONTH, start: begun },
          pricing: {
            price_details: { price: PRICE, product: 'prod_starter' },
            type: 'price_details',
            unit_amount_decimal: '2000',
          },
          quantity: 1,
        },
      ],
      has_more: false,
      total_count: 1,
    },
    livemode: false,
    metadata: {},
    next_payment_attempt: null,
    number: 'BENCH-0001',
    parent: {
      quote_details: null,
      subscription_details: { metadata: {}, subscription },
      type: 'subscription_details',
    },
    period_end: begun,
    period_start: begun,
    status: 'paid',
    status_transitions: { finalized_at: begun, paid_at: begun },
    subtotal: 2000,
    total: 2000,
  };
}
