import { z } from 'zod';
import { saveCursor } from '../../db/cursors.ts';
import { inboxHealth } from '../../db/webhook-events.ts';
import { migrationStatus } from '../../db/migrate.ts';
import { defineRoute, json } from '../http/define-route.ts';
import { SKEW_WARNING_MS } from '../lib/clock-skew.ts';
import { withTimeout } from '../lib/limit.ts';
import type { Services } from '../lib/services.ts';

/** Due events that wait longer than this mean that no worker takes them. */
const STUCK_AFTER_MS = 5 * 60_000;
/** A worker looks for work every second or so. */
const DEAD_AFTER_MS = 30_000;
/** A delivery is answered within seconds; one that waits longer is stuck in memory. */
const UNANSWERED_AFTER_MS = 30_000;
/** A database that takes longer cannot be worked with. */
const DATABASE_TIMEOUT_MS = 5_000;

/** Stripe's signatures are taken for five minutes, less what is on its way. */
const SIGNATURES_FAIL_MS = 4 * 60_000;

/** The process is alive; touches nothing. */
export const healthRoute = defineRoute({
  method: 'GET',
  path: '/healthz',
  auth: 'public',
  limited: false,
  summary: 'Whether the process is alive',
  response: z.object({ status: z.literal('ok') }),
  handler: async () => json({ status: 'ok' }),
});

const check = z.enum(['ok', 'failed']);

const readiness = z.object({
  /** `stopping`: it was told to stop, and takes requests for a little longer. */
  status: z.enum(['ready', 'not_ready', 'stopping']),
  /** Not there while it is stopping. */
  checks: z
    .object({
      database: check,
      migrations: check,
      inbox: check,
      worker: check,
      /** `late`: missed events have not been looked for in full for ten minutes. That alone makes no server unready. */
      catchUp: z.enum(['ok', 'late']),
      /** `off`: this machine's clock is 5 s or more from Stripe's or the database's; `failed`: so far that deliveries look stale. */
      clocks: z.enum(['ok', 'off', 'failed']),
    })
    .optional(),
});
type Checks = NonNullable<z.infer<typeof readiness>['checks']>;

/** Ready to serve: the database can be written and is migrated, and what arrives is processed. */
export const readyRoute = defineRoute({
  method: 'GET',
  path: '/readyz',
  auth: 'public',
  limited: false,
  summary: 'Whether the server can do its work (503 when not)',
  response: readiness,
  others: { 503: readiness },
  handler: async (_request, { services }) => {
    if (services.lifecycle.isDraining) return json({ status: 'stopping' }, 503);
    const checks = await sharedChecks(services);
    const ready = Object.values(checks).every((result) => result !== 'failed');
    return json({ status: ready ? 'ready' : 'not_ready', checks }, ready ? 200 : 503);
  },
});

/** Looks under way: probes that come meanwhile share one. */
const looks = new WeakMap<object, Promise<Checks>>();

function sharedChecks(services: Services): Promise<Checks> {
  const { engine } = services;
  const look = looks.get(engine) ?? checksOf(services).finally(() => looks.delete(engine));
  looks.set(engine, look);
  return look;
}

async function checksOf(services: Services): Promise<Checks> {
  const { engine, log } = services;
  const lookedAt = engine.lookedAt();
  // An engine that was never started is a choice: its events wait for another process.
  const isDead = lookedAt !== null && Date.now() - lookedAt > DEAD_AFTER_MS;
  const worker = isDead ? 'failed' : 'ok';
  const isUnanswered = engine.oldestDelivery() > UNANSWERED_AFTER_MS;
  try {
    const stored = await withTimeout(storedChecks(services), DATABASE_TIMEOUT_MS);
    return { ...stored, inbox: isUnanswered ? 'failed' : stored.inbox, worker };
  } catch (error) {
    log.warn({ err: error }, 'not ready: the database cannot be written');
    return {
      database: 'failed',
      migrations: 'failed',
      inbox: 'failed',
      worker,
      catchUp: 'ok',
      clocks: 'ok',
    };
  }
}

async function storedChecks(services: Services): Promise<Omit<Checks, 'worker'>> {
  const { database, engine } = services;
  // Unknown ones are a newer release's, which is on its way in: this one goes on until it is told to stop.
  const { pending } = await migrationStatus(database);
  if (pending.length > 0) {
    return { database: 'ok', migrations: 'failed', inbox: 'failed', catchUp: 'ok', clocks: 'ok' };
  }
  const db = database.knex;
  // Reading alone works on a full disk and on a standby.
  await saveCursor(db, 'readyz', '');
  const now = database.clock.now();
  const { dueSince } = await inboxHealth(db, now);
  // While Stripe is unreachable everything waits, and taking the servers out of service would not help.
  const waits = engine.reader.pausedUntil() > 0;
  const isStuck = dueSince !== null && now - dueSince > STUCK_AFTER_MS && !waits;
  const catchUp = (await engine.isCatchUpLate()) ? 'late' : 'ok';
  return {
    database: 'ok',
    migrations: 'ok',
    inbox: isStuck ? 'failed' : 'ok',
    catchUp,
    clocks: await clockCheck(services),
  };
}

async function clockCheck({ clockOffsets, log }: Services): Promise<Checks['clocks']> {
  const stripe = Math.abs(clockOffsets.stripe() ?? 0);
  if (stripe > SIGNATURES_FAIL_MS) return 'failed';
  const database = Math.abs(await clockOffsets.database());
  if (Math.max(stripe, database) < SKEW_WARNING_MS) return 'ok';
  log.warn(
    { stripe, database },
    'the clock of this machine differs from Stripe’s or the database’s, in ms',
  );
  return 'off';
}
