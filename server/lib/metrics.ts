import { AsyncLocalStorage } from 'node:async_hooks';
import {
  AggregatorRegistry,
  collectDefaultMetrics,
  Counter,
  Histogram,
  Registry,
  type MetricObjectWithValues,
  type MetricValue,
} from 'prom-client';
import type { StripeCall } from '../../adapters/stripe-gateway.ts';

/** Seconds: from what a cached answer takes to what a time-out does. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** Seconds: an event may wait for an outage of hours. */
const AGE_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 43_200];

/** The figures of one process, as another process can add them to its own. */
export type Figures = MetricObjectWithValues<MetricValue<string>>[];

export interface Metrics {
  /** Requests by route (its pattern, never its path) and status. */
  requests: Histogram<'method' | 'route' | 'status'>;
  /** Requests that were refused for coming too often. */
  limited: Counter<'by'>;
  /** Bearer tokens that were refused, by the kind of route. */
  refusedTokens: Counter<'by'>;
  /** Processing of a customer: claimed, read from Stripe, decided, written. */
  customers: Histogram<'outcome'>;
  /** Webhook events dealt with, or failed and left to wait. */
  events: Counter<'outcome'>;
  /** From an event's arrival to its being dealt with. */
  eventAge: Histogram;
  /** Mails, webhooks and other effects of the outbox. */
  effects: Counter<'kind' | 'outcome'>;
  /** Rows deleted because they were too old. */
  deletedRows: Counter<'table'>;
  stripeCall: (call: StripeCall) => void;
  /** What Stripe's clock said last, and when by ours; both in ms. */
  stripeClock: { date: number; asked: number; answered: number } | null;
  /** This process's figures. */
  figures: () => Promise<Figures>;
  /** Prometheus text of this process and, when it is one of several, of the others. */
  text: () => Promise<string>;
  /** Where several processes share the port: asks all of them, this one included. */
  gather: (() => Promise<Figures[]>) | null;
}

const causes = new AsyncLocalStorage<() => void>();

/** Runs what may call Stripe; each call that follows from it is counted by `count` too. */
export function countStripeCalls<T>(count: () => void, task: () => Promise<T>): Promise<T> {
  return causes.run(count, task);
}

/** What one process counts. Figures that are in the database are not here: they are read when asked for. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const stripeCalls = new Histogram({
    name: 'tenure_stripe_call_duration_seconds',
    help: 'Attempts of calls to Stripe by resource and status ("none": no answer came)',
    labelNames: ['method', 'resource', 'status'] as const,
    buckets: BUCKETS,
    registers,
  });
  // The event loop and the garbage collector are watched once metrics are read.
  let watching = false;
  const figures = async () => {
    if (!watching) collectDefaultMetrics({ register: registry });
    watching = true;
    return registry.getMetricsAsJSON();
  };
  const metrics: Metrics = {
    requests: new Histogram({
      name: 'tenure_http_request_duration_seconds',
      help: 'HTTP requests by route and status',
      labelNames: ['method', 'route', 'status'] as const,
      buckets: BUCKETS,
      registers,
    }),
    limited: new Counter({
      name: 'tenure_http_requests_limited_total',
      help: 'Requests refused with 429 for coming too often, by what was counted',
      labelNames: ['by'] as const,
      registers,
    }),
    refusedTokens: new Counter({
      name: 'tenure_tokens_refused_total',
      help: 'Bearer tokens that were wrong or expired, by the kind of route (user, admin)',
      labelNames: ['by'] as const,
      registers,
    }),
    customers: new Histogram({
      name: 'tenure_customer_processing_seconds',
      help: 'Turns at a customer: claimed, read from Stripe, decided, written',
      labelNames: ['outcome'] as const,
      buckets: BUCKETS,
      registers,
    }),
    events: new Counter({
      name: 'tenure_events_processed_total',
      help: 'Webhook events dealt with (done, ignored) and failed attempts (failed)',
      labelNames: ['outcome'] as const,
      registers,
    }),
    eventAge: new Histogram({
      name: 'tenure_event_age_seconds',
      help: 'From the arrival of a webhook event to its being dealt with',
      buckets: AGE_BUCKETS,
      registers,
    }),
    effects: new Counter({
      name: 'tenure_effects_total',
      help: 'Mails, webhooks and other effects by kind and outcome',
      labelNames: ['kind', 'outcome'] as const,
      registers,
    }),
    deletedRows: new Counter({
      name: 'tenure_rows_deleted_total',
      help: 'Rows deleted because they were too old, by table',
      labelNames: ['table'] as const,
      registers,
    }),
    stripeCall: ({ method, resource, status, seconds, date }) => {
      stripeCalls.observe({ method, resource, status: status ?? 'none' }, seconds);
      causes.getStore()?.();
      const answered = Date.now();
      if (date !== null) {
        metrics.stripeClock = { date, asked: answered - seconds * 1000, answered };
      }
    },
    stripeClock: null,
    figures,
    gather: null,
    text: async () => {
      if (metrics.gather === null) {
        await figures();
        return registry.metrics();
      }
      return AggregatorRegistry.aggregate(await metrics.gather()).metrics();
    },
  };
  return metrics;
}
