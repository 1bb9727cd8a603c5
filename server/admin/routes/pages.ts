import { transitionsAfter, transitionsOfArrow } from '../../../db/dashboard-transitions.ts';
import { listAudit } from '../../../db/audit-log.ts';
import { inboxHealth } from '../../../db/webhook-events.ts';
import { LIFECYCLE_EVENTS, LIFECYCLE_STATES } from '../../../state/types.ts';
import { eventPage } from '../pages/views/event.ts';
import { eventsPage, replayPage } from '../pages/views/events.ts';
import { lifecyclePage, WINDOWS } from '../pages/views/lifecycle.ts';
import {
  auditPage,
  messagePage,
  metricsPage,
  timePage,
  transitionsPage,
} from '../pages/views/others.ts';
import { subscriptionPage } from '../pages/views/subscription.ts';
import { subscriptionsPage } from '../pages/views/subscriptions.ts';
import { eventsView, eventView, noSuchEvent } from '../pages/queries/events.ts';
import { lifecycleView, windowOf } from '../pages/queries/lifecycle.ts';
import { metricsView } from '../pages/queries/metrics.ts';
import { momentOf } from '../pages/queries/moment.ts';
import { moveItem, subscriptionView } from '../pages/queries/subscription.ts';
import { subscriptionsView } from '../pages/queries/subscriptions.ts';
import { comingUp } from '../pages/test-clock.ts';
import { adminPage, frameOf, type PageContext } from './admin-page.ts';
import { findSubscription } from '../../../db/subscriptions.ts';
import { query as linkQuery } from '../../http/pages/html.ts';
import { accountPath } from '../pages/act-forms/act-form.ts';
import { searchAccounts } from '../pages/queries/search.ts';
import { page, redirect } from '../../http/pages/respond.ts';

const PAGE = 50;

const lifecycle = adminPage({
  path: '/admin',
  role: 'viewer',
  summary: 'The lifecycle with its live counts',
  handler: async (context) => {
    const window = windowOf(context.query.get('window'));
    const view = await lifecycleView(context.services, window);
    return page(lifecyclePage(await frameOf(context), view));
  },
});

const subscriptions = adminPage({
  path: '/admin/subscriptions',
  role: 'viewer',
  summary: 'Subscriptions by state, customer or e-mail',
  handler: async (context) => {
    const { query, services } = context;
    const view = await subscriptionsView(services, {
      state: query.get('state'),
      q: query.get('q') ?? '',
      duplicate: query.get('duplicate') === '1',
      foreign: query.get('foreign') === '1',
      plan: query.get('plan'),
      from: query.get('from'),
      to: query.get('to'),
      oldestFirst: query.get('sort') === 'oldest',
      after: query.get('after'),
    });
    return page(subscriptionsPage(await frameOf(context), view));
  },
});

const subscription = adminPage({
  path: '/admin/subscriptions/:id',
  role: 'viewer',
  summary: 'One subscription with its history',
  handler: async (context) => {
    const { params, query, services } = context;
    const view = await subscriptionView(services, params['id'] ?? '', {
      check: query.get('check') === '1',
      invoices: query.get('invoices') === '1',
      at: momentOf(query.get('at')),
    });
    if (!view) return missing(context, 'There is no such subscription here.');
    return page(subscriptionPage(await frameOf(context), view));
  },
});

const events = adminPage({
  path: '/admin/events',
  role: 'viewer',
  summary: 'The webhook inbox',
  handler: async (context) => {
    const { query, services } = context;
    const field = (name: string): string => query.get(name) ?? '';
    const filter = {
      status: field('status'),
      type: field('type'),
      q: field('q'),
      since: field('since'),
      until: field('until'),
    };
    const view = await eventsView(services, filter, query.get('after'));
    return page(eventsPage(await frameOf(context), view));
  },
});

const event = adminPage({
  path: '/admin/events/:id',
  role: 'viewer',
  summary: 'One webhook event',
  handler: async (context) => {
    const view = await eventView(context.services, context.params['id'] ?? '');
    if (!view) return missing(context, noSuchEvent(context.services));
    return page(eventPage(await frameOf(context), view));
  },
});

const replay = adminPage({
  path: '/admin/events/replay',
  role: 'support',
  summary: 'Asks before many events are replayed',
  handler: async (context) => {
    const health = await inboxHealth(context.services.database.knex, Date.now());
    const status = context.query.get('status') === 'failed' ? 'failed' : 'dead';
    const total = status === 'dead' ? health.dead : health.failing;
    return page(replayPage(await frameOf(context), { status, total }));
  },
});

const transitions = adminPage({
  path: '/admin/transitions',
  role: 'viewer',
  summary: 'The transitions along an arrow of the chart',
  handler: async (context) => {
    const { query, services } = context;
    const from = (query.get('from') ?? '').split(',');
    const window = query.get('window') ?? '';
    const wish = {
      from: LIFECYCLE_STATES.filter((state) => from.includes(state)),
      to: LIFECYCLE_STATES.find((state) => state === query.get('to')) ?? null,
      event: LIFECYCLE_EVENTS.find((name) => name === query.get('event')) ?? null,
      unexpected: query.get('unexpected') === '1',
    };
    const rows = await transitionsOfArrow(services.database.knex, {
      ...wish,
      since: Object.hasOwn(WINDOWS, window)
        ? services.clock.now() - WINDOWS[windowOf(window)].milliseconds
        : null,
      beforeId: idOf(query.get('before')),
      limit: PAGE + 1,
    });
    return page(
      transitionsPage(await frameOf(context), {
        ...wish,
        window,
        rows: rows.slice(0, PAGE).map((row) => moveItem(row)),
        next: nextId(rows),
        firstPage: !query.has('before'),
      }),
    );
  },
});

const metrics = adminPage({
  path: '/admin/metrics',
  role: 'viewer',
  summary: 'MRR, trials, churn and recovered payments',
  handler: async (context) => {
    const { query, services } = context;
    const wish = {
      span: query.get('span'),
      currency: query.get('currency'),
      cohorts: query.get('cohorts') === '1',
    };
    return page(metricsPage(await frameOf(context), await metricsView(services, wish)));
  },
});

const time = adminPage({
  path: '/admin/time',
  role: 'viewer',
  summary: 'Time travel on the test clock',
  handler: async (context) => {
    const { query, services } = context;
    if (services.config.stripe.live)
      return missing(context, 'There is no time travel with a live key.');
    const [since, from] = [idOf(query.get('since')), idOf(query.get('from'))];
    const coming = services.config.stripe.testClock
      ? await comingUp(services)
      : { nextEvent: null, nextPeriodEnd: null };
    const moves = since === null ? [] : await transitionsAfter(services.database.knex, since, 200);
    const meanwhile =
      since === null || from === null ? null : { from, moves: moves.map((row) => moveItem(row)) };
    return page(timePage(await frameOf(context), { ...coming, since: meanwhile }));
  },
});

const audit = adminPage({
  path: '/admin/audit',
  role: 'viewer',
  summary: 'What operators did',
  handler: async (context) => {
    const before = idOf(context.query.get('before'));
    const rows = await listAudit(context.services.database.knex, {
      limit: PAGE + 1,
      ...(before !== null && { beforeId: before }),
    });
    return page(
      auditPage(await frameOf(context), {
        rows: rows.slice(0, PAGE).map((row) => ({ ...row, detail: JSON.stringify(row.detail) })),
        next: nextId(rows),
        firstPage: before === null,
      }),
    );
  },
});

const search = adminPage({
  path: '/admin/search',
  role: 'viewer',
  summary: 'Finds an account, subscription, customer, invoice, payment or event',
  handler: async ({ query, services }) => {
    const q = (query.get('q') ?? '').trim();
    if (q.startsWith('evt_')) return redirect(`/admin/events/${encodeURIComponent(q)}`);
    if (q.startsWith('sub_') && (await findSubscription(services.database.knex, q))) {
      return redirect(`/admin/subscriptions/${encodeURIComponent(q)}`);
    }
    const { accounts } = await searchAccounts(services, q);
    const [only, ...others] = accounts;
    if (only && others.length === 0) return redirect(accountPath(only.id, '?money=1'));
    // A customer without an account may have subscriptions all the same.
    const list = q.startsWith('cus_') && !only ? 'subscriptions' : 'accounts';
    return redirect(`/admin/${list}${linkQuery({ q })}`);
  },
});

/** A line of the history for a list. */
function idOf(text: string | null): number | null {
  return /^\d{1,15}$/.test(text ?? '') ? Number(text) : null;
}

/** The cursor behind a page that was read with one row more than it shows. */
function nextId(rows: readonly { id: number }[]): string | null {
  const last = rows[PAGE - 1];
  return rows.length > PAGE && last ? String(last.id) : null;
}

async function missing(context: PageContext, words: string): Promise<Response> {
  return page(messagePage(await frameOf(context), { title: 'Not found', words }), 404);
}

export const PAGES = [
  lifecycle,
  subscriptions,
  subscription,
  events,
  event,
  replay,
  transitions,
  metrics,
  time,
  audit,
  search,
];
