import { z } from 'zod';
import { operatorActor } from '../../../state/roles.ts';
import { recordAudit } from '../../../db/audit-log.ts';
import { stateCounts } from '../../../db/counters.ts';
import { machineArrows } from '../../../state/machine.ts';
import { STATES } from '../../../state/states.ts';
import { LIFECYCLE_STATES } from '../../../state/types.ts';
import { liveHub } from '../pages/live.ts';
import { eventsView, eventView, noSuchEvent, replayEvents } from '../pages/queries/events.ts';
import { trafficOf, windowOf } from '../pages/queries/lifecycle.ts';
import { subscriptionView } from '../pages/queries/subscription.ts';
import { subscriptionsView } from '../pages/queries/subscriptions.ts';
import { AppError } from '../../http/errors.ts';
import { defineRoute, json } from '../../http/define-route.ts';
import {
  eventDetails,
  eventListItem,
  lifecycleEvent,
  state,
  subscriptionDetails,
  subscriptionListItem,
  time,
} from './schemas.ts';
import { statsRoute } from './stats.ts';

/** ms since the epoch, wherever a view holds them, as ISO 8601. */
function withIsoTimes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((each) => withIsoTimes(each));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      name,
      typeof each === 'number' && TIMES.has(name)
        ? new Date(each).toISOString()
        : withIsoTimes(each),
    ]),
  );
}

const TIMES = new Set(
  'at since until createdAt receivedAt processedAt nextAttemptAt failedAt deliveredAt periodEnd trialEnd now'.split(
    ' ',
  ),
);

const lifecycle = defineRoute({
  method: 'GET',
  path: '/admin/api/lifecycle',
  auth: 'admin',
  role: 'viewer',
  summary: 'The machine as data, with live counts and traffic',
  query: z.strictObject({ window: z.enum(['24h', '7d', '30d']).default('24h') }),
  response: z.object({
    states: z.array(
      z.object({
        state,
        group: z.string(),
        label: z.string(),
        description: z.string(),
        count: z.int(),
      }),
    ),
    arrows: z.array(
      z.object({
        from: state,
        to: state,
        event: lifecycleEvent,
        description: z.string(),
        count: z.int(),
      }),
    ),
    window: z.string(),
  }),
  handler: async (_request, { services, query }) => {
    const db = services.database.knex;
    const window = windowOf(query.window);
    const [counts, traffic] = await Promise.all([stateCounts(db), trafficOf(services, window)]);
    return json({
      window,
      states: LIFECYCLE_STATES.map((name) => ({
        state: name,
        group: STATES[name].group,
        label: STATES[name].label,
        description: STATES[name].description,
        count: counts[name] ?? 0,
      })),
      arrows: machineArrows().map((arrow) => ({
        ...arrow,
        count:
          traffic.find(
            ({ from, to, event }) =>
              from === arrow.from && to === arrow.to && event === arrow.event,
          )?.count ?? 0,
      })),
    });
  },
});

const subscriptions = defineRoute({
  method: 'GET',
  path: '/admin/api/subscriptions',
  auth: 'admin',
  role: 'viewer',
  summary: 'Subscriptions by state, id, customer or the beginning of an e-mail address',
  query: z.strictObject({
    state: state.optional(),
    q: z.string().max(200).default(''),
    /** Those of other programs in the Stripe account, and those without an account, instead of ours. */
    foreign: z.enum(['true', 'false']).default('false'),
    cursor: z.string().max(400).optional(),
  }),
  response: z.object({
    subscriptions: z.array(subscriptionListItem),
    nextCursor: z.string().nullable(),
  }),
  handler: async (_request, { services, query }) => {
    const view = await subscriptionsView(services, {
      state: query.state ?? null,
      q: query.q,
      duplicate: false,
      foreign: query.foreign === 'true',
      after: query.cursor ?? null,
    });
    return json(withIsoTimes({ subscriptions: view.rows, nextCursor: view.next }));
  },
});

const subscription = defineRoute({
  method: 'GET',
  path: '/admin/api/subscriptions/:id',
  auth: 'admin',
  role: 'viewer',
  summary: 'One subscription with its timeline',
  response: subscriptionDetails,
  errors: ['not_found'],
  handler: async (_request, { services, params }) => {
    const wish = { check: false, invoices: false, at: null };
    const view = await subscriptionView(services, params['id'] ?? '', wish);
    if (!view) throw new AppError('not_found', 'There is no such subscription here.');
    const { moment: _moment, was: _was, believed: _believed, ...present } = view;
    const { businessNow: _now, check: _check, invoices: _invoices, ...rest } = present;
    return json(withIsoTimes(rest));
  },
});

const events = defineRoute({
  method: 'GET',
  path: '/admin/api/events',
  auth: 'admin',
  role: 'viewer',
  summary: 'The webhook inbox, newest first',
  query: z.strictObject({
    status: z.enum(['waiting', 'failed', 'dead', 'done', 'ignored']).optional(),
    type: z.string().max(200).default(''),
    q: z.string().max(200).default(''),
    since: z.string().max(40).default(''),
    until: z.string().max(40).default(''),
    cursor: z.string().max(400).optional(),
  }),
  response: z.object({
    events: z.array(eventListItem),
    nextCursor: z.string().nullable(),
    searchedBackTo: time.nullable(),
  }),
  handler: async (_request, { services, query }) => {
    const { cursor, status, ...filter } = query;
    const view = await eventsView(services, { ...filter, status: status ?? '' }, cursor ?? null);
    const { searchedBackTo } = view;
    return json({
      events: withIsoTimes(view.rows),
      nextCursor: view.next,
      searchedBackTo: searchedBackTo === null ? null : new Date(searchedBackTo).toISOString(),
    });
  },
});

const event = defineRoute({
  method: 'GET',
  path: '/admin/api/events/:id',
  auth: 'admin',
  role: 'viewer',
  summary: 'One webhook event: payload, attempts, what it moved',
  response: eventDetails,
  errors: ['not_found'],
  handler: async (_request, { services, params }) => {
    const view = await eventView(services, params['id'] ?? '');
    if (!view) throw new AppError('not_found', noSuchEvent(services));
    return json(withIsoTimes(view));
  },
});

const replay = defineRoute({
  method: 'POST',
  path: '/admin/api/events/:id/replay',
  auth: 'admin',
  role: 'support',
  summary: 'Lets an event be processed again',
  response: z.object({ replayed: z.int() }),
  status: 202,
  errors: ['not_found'],
  handler: async (_request, { services, params, operator }) => {
    const id = params['id'] ?? '';
    if (!(await eventView(services, id))) {
      throw new AppError('not_found', noSuchEvent(services));
    }
    const replayed = await replayEvents(services, [id]);
    await recordAudit(services.database.knex, {
      actor: operatorActor(operator),
      action: 'events.replay',
      target: id,
      detail: { count: replayed },
    });
    return json({ replayed }, 202);
  },
});

const stream = defineRoute({
  method: 'GET',
  path: '/admin/api/stream',
  auth: 'admin',
  role: 'viewer',
  summary: 'Server-sent events: `transition` for each line of the history, `stats` with the counts',
  description: 'Resumes behind `Last-Event-ID` (or `?after`), in order, without a hole.',
  response: null,
  produces: 'text/event-stream',
  handler: async (request, { services }) => {
    const query = new URL(request.url).searchParams;
    const last = request.headers.get('last-event-id') ?? query.get('after') ?? '';
    const after = /^\d{1,15}$/.test(last) ? Number(last) : null;
    return new Response(liveHub(services).stream(after), {
      headers: {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store, no-transform',
        'x-accel-buffering': 'no',
      },
    });
  },
});

export const API = [
  lifecycle,
  statsRoute,
  subscriptions,
  subscription,
  events,
  event,
  replay,
  stream,
];
