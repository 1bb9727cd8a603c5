import { z } from 'zod';
import { inboxHealth } from '../../db/webhook-events.ts';
import { migrationStatus } from '../../db/migrate.ts';
import { defineRoute, json } from '../http/define-route.ts';
import type { Services } from '../lib/services.ts';

/** Due events that wait longer than this mean that nobody works them off. */
const STUCK_AFTER_MS = 5 * 60_000;
/** A worker looks for work every second or so. */
const DEAD_AFTER_MS = 60_000;

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
  status: z.enum(['ready', 'not_ready']),
  checks: z.object({ database: check, migrations: check, inbox: check, worker: check }),
});
type Checks = z.infer<typeof readiness>['checks'];

/** Ready to serve: the database answers and is migrated, and the inbox is being worked off. */
export const readyRoute = defineRoute({
  method: 'GET',
  path: '/readyz',
  auth: 'public',
  limited: false,
  summary: 'Whether the server can do its work (503 when not)',
  response: readiness,
  others: { 503: readiness },
  handler: async (_request, { services }) => {
    const checks = await checksOf(services);
    const ready = Object.values(checks).every((result) => result === 'ok');
    return json({ status: ready ? 'ready' : 'not_ready', checks }, ready ? 200 : 503);
  },
});

async function checksOf({ database, engine, log }: Services): Promise<Checks> {
  const now = Date.now();
  const lookedAt = engine.lookedAt();
  // An engine that was never started is somebody's choice: its events wait for another process.
  const worker = lookedAt !== null && now - lookedAt > DEAD_AFTER_MS ? 'failed' : 'ok';
  try {
    // Unknown ones are a newer release's, which is on its way in: this one goes on until it is told to stop.
    const { pending } = await migrationStatus(database);
    if (pending.length > 0) {
      return { database: 'ok', migrations: 'failed', inbox: 'failed', worker };
    }
    const { dueSince } = await inboxHealth(database.knex, now);
    // While Stripe is away everything waits, and taking the servers away as well would help nobody.
    const waits = engine.reader.pausedUntil() > 0;
    const stuck = dueSince !== null && now - dueSince > STUCK_AFTER_MS && !waits;
    return { database: 'ok', migrations: 'ok', inbox: stuck ? 'failed' : 'ok', worker };
  } catch (error) {
    log.warn({ err: error }, 'not ready: the database does not answer');
    return { database: 'failed', migrations: 'failed', inbox: 'failed', worker };
  }
}
