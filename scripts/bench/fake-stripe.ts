/** A Stripe that answers reads of subscriptions and nothing else, as slowly and as seldom as it is told. */
import { createServer, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerAsChild } from './child-main.ts';
import { METER } from './environment.ts';
import { addressOf } from './listening.ts';
import { BEGUN_PER_SECOND, firstBegunAt, subscriptionObject, type EventPlan } from './payload.ts';
import { scaleCreated, scaleId, scaleState } from './population.ts';

export interface FakeStripeSettings {
  /** How long each answer takes, in ms. */
  latency: number;
  /** Reads per second beyond which it answers 429; null for no limit. */
  readsPerSecond: number | null;
  /** So many subscriptions are in its list, the newest made now (in seconds). */
  list?: { size: number; now: number };
}

export interface FakeStripeCounts {
  /** Requests answered with an object. */
  reads: number;
  /** Requests answered 429. */
  refused: number;
  /** Meter events taken in. */
  meterEvents: number;
}

const METER_EVENTS = '/v1/billing/meter_events';

const METERS = JSON.stringify({
  object: 'list',
  has_more: false,
  data: [
    {
      id: 'mtr_bench',
      object: 'billing.meter',
      event_name: METER,
      status: 'active',
      event_time_window: null,
      default_aggregation: { formula: 'sum' },
      customer_mapping: { type: 'by_id', event_payload_key: 'stripe_customer_id' },
      value_settings: { event_payload_key: 'value' },
    },
  ],
});

/** The subscriptions of one plan: those in the list are of the one that runs. */
type Population = Pick<EventPlan, 'tag' | 'subscriptions'>;

let population: Population = { tag: '', subscriptions: 0 };
const counts: FakeStripeCounts = { reads: 0, refused: 0, meterEvents: 0 };
let server: Server | null = null;
let settings: FakeStripeSettings = { latency: 0, readsPerSecond: null };
let second = { at: 0, reads: 0 };

answerAsChild({
  async start(given: FakeStripeSettings) {
    settings = given;
    server = createServer((request, response) => {
      request.resume();
      void answerAfter(request.url ?? '').then(({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(body);
      });
    });
    // The SDK keeps connections for longer than Node does by default.
    server.keepAliveTimeout = 60_000;
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  },
  address: () => Promise.resolve(addressOf(server)),
  counts: () => Promise.resolve({ ...counts }),
  async populate(plan: Population) {
    population = plan;
  },
  async stop() {
    server?.closeAllConnections();
  },
});

async function answerAfter(url: string): Promise<{ status: number; body: string }> {
  const allowed = takeTurn();
  if (settings.latency > 0) await sleep(settings.latency);
  if (!allowed) {
    counts.refused += 1;
    return { status: 429, body: error('rate_limit', 'Too many requests') };
  }
  if (url === METER_EVENTS) {
    counts.meterEvents += 1;
    return { status: 200, body: '{"object":"billing.meter_event"}' };
  }
  if (url.startsWith('/v1/billing/meters?')) return { status: 200, body: METERS };
  if (url.startsWith('/v1/subscriptions?')) {
    counts.reads += 1;
    return {
      status: 200,
      body: url.includes('current_period_start') ? begunPage(url) : listPage(url),
    };
  }
  if (url.startsWith('/v1/checkout/sessions?')) {
    const none = { object: 'list', data: [], has_more: false, url: '/v1/checkout/sessions' };
    return { status: 200, body: JSON.stringify(none) };
  }
  const id = /^\/v1\/subscriptions\/([^?]+)/.exec(url)?.[1];
  if (id === undefined) return { status: 404, body: error('resource_missing', 'Not here') };
  counts.reads += 1;
  return { status: 200, body: JSON.stringify(subscriptionObject(id)) };
}

/** Those whose period began in the span that is asked for, newest first. */
function begunPage(url: string): string {
  const query = new URL(url, 'http://stripe').searchParams;
  const from = Number(query.get('current_period_start[gte]'));
  const to = Number(query.get('current_period_start[lte]'));
  const { tag, subscriptions } = population;
  const first = Math.max(0, (from - firstBegunAt(tag)) * BEGUN_PER_SECOND);
  const last = Math.min(subscriptions, (to + 1 - firstBegunAt(tag)) * BEGUN_PER_SECOND);
  const count = Math.max(0, last - first);
  const ids = Array.from({ length: count }, (_, i) => `sub_${tag}x${last - 1 - i}`);
  const begin = ids.indexOf(query.get('starting_after') ?? '') + 1;
  const end = begin + Number(query.get('limit') ?? 10);
  return JSON.stringify({
    object: 'list',
    data: ids.slice(begin, end).map((id) => subscriptionObject(id)),
    has_more: end < ids.length,
    url: '/v1/subscriptions',
  });
}

/** Newest first, as Stripe lists them. */
function listPage(url: string): string {
  const { size, now } = settings.list ?? { size: 0, now: 0 };
  const query = new URL(url, 'http://stripe').searchParams;
  const limit = Number(query.get('limit') ?? 10);
  const after = query.get('starting_after');
  const newest = after === null ? size - 1 : Number(after.slice(scaleId(0).length - 1)) - 1;
  const oldest = Math.max(newest - limit + 1, 0);
  const data = [];
  for (let i = newest; i >= oldest; i -= 1) {
    data.push({
      ...subscriptionObject(scaleId(i)),
      created: scaleCreated(i, size, now),
      status: scaleState(i),
    });
  }
  return JSON.stringify({ object: 'list', data, has_more: oldest > 0, url: '/v1/subscriptions' });
}

/** Stripe counts by the second. */
function takeTurn(): boolean {
  if (settings.readsPerSecond === null) return true;
  const now = Math.floor(Date.now() / 1000);
  if (second.at !== now) second = { at: now, reads: 0 };
  second.reads += 1;
  return second.reads <= settings.readsPerSecond;
}

function error(code: string, message: string): string {
  return JSON.stringify({ error: { type: 'invalid_request_error', code, message } });
}
