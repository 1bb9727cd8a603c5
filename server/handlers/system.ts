import { z } from 'zod';
import { inboxHealth } from '../../db/webhook-events.ts';
import { migrationStatus } from '../../db/migrate.ts';
import { defineRoute, json } from '../route.ts';
import type { Services } from '../services.ts';

/** Due events that wait longer than this mean that nobody works them off. */
const STUCK_AFTER_MS = 5 * 60_000;

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

/** Ready to serve: the database answers and is migrated, and the inbox is being worked off. */
export const readyRoute = defineRoute({
  method: 'GET',
  path: '/readyz',
  auth: 'public',
  limited: false,
  summary: 'Whether the server can do its work (503 when not)',
  response: z.object({
    status: z.enum(['ready', 'not_ready']),
    checks: z.object({ database: check, migrations: check, inbox: check }),
  }),
  handler: async (_request, { services }) => {
    const checks = await readiness(services);
    const ready = Object.values(checks).every((result) => result === 'ok');
    return json({ status: ready ? 'ready' : 'not_ready', checks }, ready ? 200 : 503);
  },
});

type Result = z.infer<typeof check>;

async function readiness({
  database,
  log,
}: Services): Promise<{ database: Result; migrations: Result; inbox: Result }> {
  try {
    const { pending, unknown } = await migrationStatus(database);
    if (pending.length + unknown.length > 0) {
      return { database: 'ok', migrations: 'failed', inbox: 'failed' };
    }
    const now = Date.now();
    const { oldestDueAt } = await inboxHealth(database.knex, now);
    const stuck = oldestDueAt !== null && now - oldestDueAt > STUCK_AFTER_MS;
    return { database: 'ok', migrations: 'ok', inbox: stuck ? 'failed' : 'ok' };
  } catch (error) {
    log.warn({ err: error }, 'not ready: the database does not answer');
    return { database: 'failed', migrations: 'failed', inbox: 'failed' };
  }
}
