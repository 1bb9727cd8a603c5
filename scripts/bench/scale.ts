import { randomUUID } from 'node:crypto';
import { openDatabase, type Database } from '../../db/database.ts';
import { migrate } from '../../db/migrate.ts';
import { migrations } from '../../db/migrations/index.ts';
import { backtest } from '../../server/operations/backtest.ts';
import { ADMIN_TOKEN } from './environment.ts';
import type { Verified } from './in-process.ts';
import { startFakeStripe, startTenure, type Laboratory } from './laboratory.ts';
import { waitsDuring, type Waits } from './longest-wait.ts';
import { populate, populateFigures, scaleId } from './population.ts';
import type { Row } from './report.ts';

/** Views of the dashboard and of its API that an operator opens all day. */
const VIEWS = [
  '/admin',
  '/admin/api/stats',
  '/admin/api/lifecycle',
  '/admin/api/subscriptions',
  '/admin/api/subscriptions?state=past_due',
  '/admin/subscriptions',
  '/admin/api/subscriptions/ID',
  '/admin/subscriptions/ID',
  '/admin/api/events',
  '/admin/api/events?status=dead',
  '/admin/events',
  '/admin/metrics',
  '/admin/transitions',
];

const REQUESTS = 40;

/** The dashboard, `verify` and a migration on a database of `size` subscriptions and ten times as many events. */
export async function scale(lab: Laboratory): Promise<Row[]> {
  const { size } = lab;
  if (lab.host.dialect === 'sqlite') return [];
  const now = Math.floor(Date.now() / 1000);
  const databaseUrl = await lab.host.create();
  const migration = await prepare(lab, { databaseUrl, size, now });
  const stripe = await startFakeStripe({ latency: 0, readsPerSecond: null, list: { size, now } });
  const tenure = await startTenure(lab, stripe, { databaseUrl, env: { ADMIN_TOKEN } });
  try {
    const origin = new URL(tenure.url).origin;
    const cookie = await signIn(origin);
    const views = [];
    for (const view of VIEWS) {
      const path = view.replace('ID', `sub_scale${Math.floor(size / 2)}`);
      views.push({ view, p95: await timeView(origin + path, cookie) });
    }
    const slowest = views.toSorted((a, b) => b.p95 - a.p95);
    const verified = await tenure.child.ask<Verified>('verify');
    if (verified.differences > 0) {
      lab.note(`verify found ${verified.differences} differences that are not there`);
    }
    const tested = await timeBacktest(databaseUrl);
    const shared = { figure: 'scale', database: lab.host.dialect } as const;
    return [
      {
        ...shared,
        what: `backtest of ${tested.transitions} transitions`,
        value: tested.transitions / tested.seconds,
        unit: '/s',
        target: { at: 'least', value: 1_000_000 / 60 },
        detail: { seconds: tested.seconds },
      },
      {
        ...shared,
        what: `slowest view's p95, ${size} subscriptions`,
        value: slowest[0]?.p95 ?? NaN,
        unit: 'ms',
        target: { at: 'most', value: 200 },
        detail: Object.fromEntries(slowest.map(({ view, p95 }) => [view, p95])),
      },
      {
        ...shared,
        what: `verify of ${verified.checked}: live memory it grew by`,
        value: Math.max(...verified.live) - (verified.live[0] ?? NaN),
        unit: 'MB',
        target: { at: 'most', value: 10 },
        detail: {
          'live MB': verified.live.map((each) => each.toFixed(1)).join(', '),
          'resident MB at most': Math.round(verified.resident),
          seconds: verified.seconds,
          differences: verified.differences,
        },
      },
      {
        ...shared,
        what: 'longest wait of a writer in migrations',
        value: migration.longest,
        unit: 'ms',
        target: { at: 'most', value: 500 },
        detail: {
          'migrations 2 and later, ms': migration.taken,
          'writes meanwhile': migration.calls,
        },
      },
    ];
  } finally {
    await tenure.child.stop();
    await stripe.stop();
  }
}

/** How long the whole history takes under two sets of rules, in this process. */
async function timeBacktest(databaseUrl: string) {
  const database = openDatabase(databaseUrl, { poolSize: 2 });
  const policy = { maxAttempts: 3, finalAction: 'cancel', onDispute: 'suspend' } as const;
  try {
    const started = performance.now();
    const { transitions } = await backtest(database.knex, {
      asConfigured: { ...policy, grace: 'period_end' },
      underPolicy: { ...policy, grace: { days: 3 } },
      now: Date.now(),
    });
    return { transitions, seconds: (performance.now() - started) / 1000 };
  } finally {
    await database.close();
  }
}

/** What the migrations after the first cost on the filled database: ms in all, and what a writer saw of them. */
async function prepare(
  lab: Laboratory,
  { databaseUrl, size, now }: { databaseUrl: string; size: number; now: number },
): Promise<Waits & { taken: number }> {
  const database = openDatabase(databaseUrl, { poolSize: 3 });
  try {
    await migrate(database, { list: migrations.slice(0, 1) });
    const filling = performance.now();
    await populate(database, size, now);
    lab.note(`filled in ${Math.round((performance.now() - filling) / 1000)} s`);
    await lab.host.calm();
    const started = performance.now();
    let taken = NaN;
    const migrating = migrate(database).then(() => (taken = performance.now() - started));
    const waits = await waitsDuring(migrating, (n) => writeAgain(database, scaleId(n % size)));
    await populateFigures(database);
    return { ...waits, taken };
  } finally {
    await database.close();
  }
}

/** What a server of the release before goes on doing while a newer one migrates: an event, and its subscription. */
async function writeAgain({ knex }: Database, id: string): Promise<void> {
  await knex.raw(
    `INSERT INTO webhook_events (id, type, subject, payload, livemode, flags, source, created_at, received_at, status,
       attempts, next_attempt_at) VALUES (?, 'ping', 'none', '{}', false, '', 'webhook', 0, 0, 'done', 1, 0)`,
    [`evt_meanwhile_${randomUUID()}`],
  );
  await knex('subscriptions').where({ id }).update({ updated_at: Date.now() });
}

/** The cookie of a session, as an operator's browser has one. */
async function signIn(origin: string): Promise<string> {
  const response = await fetch(`${origin}/admin/login`, {
    method: 'POST',
    body: new URLSearchParams({ token: ADMIN_TOKEN, back: '/admin' }),
    redirect: 'manual',
  });
  const cookie = response.headers.get('set-cookie')?.split(';')[0];
  if (!cookie) throw new Error(`the dashboard answered ${response.status} to the admin token`);
  return cookie;
}

async function timeView(url: string, cookie: string): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < REQUESTS; i += 1) {
    const started = performance.now();
    const response = await fetch(url, { headers: { cookie }, redirect: 'manual' });
    await response.arrayBuffer();
    times.push(performance.now() - started);
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  }
  times.sort((a, b) => a - b);
  return times[Math.ceil(times.length * 0.95) - 1] ?? NaN;
}
