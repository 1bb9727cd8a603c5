import { createHash } from 'node:crypto';
import type Stripe from 'stripe';
import type { EventRecord } from './events.ts';
import type { RequestLog } from './request-log.ts';
import type { Journal } from './journal.ts';
import { Scheduler } from './scheduler.ts';
import { Store } from './store.ts';
import { plainRender, WebhookSender } from './webhooks.ts';

/** What Stripe keeps in its Dashboard rather than in the API. `POST /_emulator/settings` changes it. */
export interface AccountSettings {
  /** Days after the previous failure of each automatic retry; its length is the number of retries. */
  retryDays: number[];
  /** What happens to a subscription when the last retry failed. */
  finalAction: 'cancel' | 'unpaid' | 'past_due' | 'pause';
  /** Days before a renewal that `invoice.upcoming` is sent; 0 = never. */
  upcomingDays: number;
  /** Seconds a renewal's invoice stays a draft. */
  draftSeconds: number;
  /** Days on a test clock until a bank tells how a debit went, beside the seconds of the test number. */
  debitDays: number;
  /** Version of calls without `Stripe-Version`, and of events. */
  apiVersion: string;
  /** Whether the account starts with a default portal configuration. */
  defaultPortalConfiguration: boolean;
  country: string;
  currency: string;
  businessName: string;
}

export const API_VERSION = '2026-10-28.endive';

export function defaultSettings(): AccountSettings {
  return {
    retryDays: [3, 5, 7],
    finalAction: 'cancel',
    upcomingDays: 7,
    draftSeconds: 3_600,
    debitDays: 0,
    apiVersion: API_VERSION,
    defaultPortalConfiguration: true,
    country: 'US',
    currency: 'usd',
    businessName: 'Local test account',
  };
}

/** The answer kept under an idempotency key; `running` until the first call has one. */
export interface IdempotentAnswer {
  fingerprint: string;
  path: string;
  at: number;
  running: boolean;
  status: number;
  body: string;
  requestId: string;
}

/** Tiers and other currencies of a price. */
export interface PriceDetails {
  tiers: Stripe.Price.Tier[] | null;
  currencyOptions: Record<string, Stripe.Price.CurrencyOptions>;
}

const KEPT_EVENTS = 50_000;

/** Everything that belongs to one API key. */
export class Account {
  readonly key: string;
  readonly id: string;
  store = new Store();
  scheduler = new Scheduler();
  webhooks: WebhookSender;
  settings = defaultSettings();
  events: EventRecord[] = [];
  readonly eventsById = new Map<string, EventRecord>();
  readonly idempotency = new Map<string, IdempotentAnswer>();
  readonly requests: RequestLog[] = [];
  /** Parts of prices that show only when expanded. */
  readonly priceDetails = new Map<string, PriceDetails>();
  /** Running numbers, for instance of invoice numbers per customer. */
  readonly counters = new Map<string, number>();
  /** Bumped on each write, so that the file is only written when something changed. */
  revision = 0;
  /** Open while an attempt runs whose effects may be taken back. */
  journal: Journal | null = null;
  /** While due work runs, the moment it was due (Unix seconds), by clock. */
  private readonly runningAt = new Map<string | null, number>();

  constructor(key: string, retrySchedule: readonly number[]) {
    this.key = key;
    this.id = `acct_${createHash('sha256').update(key).digest('base64url').replaceAll(/[-_]/g, 'x').slice(0, 16)}`;
    this.webhooks = new WebhookSender({
      retrySchedule,
      render: plainRender,
      onChange: () => (this.revision += 1),
    });
  }

  /** Unix seconds: of a test clock, or real time. */
  now(clock: string | null = null): number {
    const running = this.runningAt.get(clock);
    if (running !== undefined) return running;
    const frozen = this.store.find('test_helpers.test_clock', clock)?.frozen_time;
    return frozen ?? Math.floor(Date.now() / 1000);
  }

  /** Runs work as if it were `at` on that clock. */
  at(time: number, clock: string | null, work: () => void): void {
    const outer = this.runningAt.get(clock);
    this.runningAt.set(clock, time);
    try {
      work();
    } finally {
      if (outer === undefined) this.runningAt.delete(clock);
      else this.runningAt.set(clock, outer);
    }
  }

  /** The next number of a named sequence, from 1. */
  count(name: string): number {
    const last = this.counters.get(name) ?? 0;
    const next = last + 1;
    this.journal?.remember(() => this.counters.set(name, last));
    this.counters.set(name, next);
    return next;
  }

  keep(event: EventRecord): void {
    this.events.push(event);
    this.eventsById.set(event.id, event);
    if (this.events.length <= KEPT_EVENTS) return;
    for (const dropped of this.events.splice(0, KEPT_EVENTS / 10))
      this.eventsById.delete(dropped.id);
  }
}
