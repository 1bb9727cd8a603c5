import { createHash, timingSafeEqual } from 'node:crypto';
import { Gauge, Registry } from 'prom-client';
import { mrrByCurrency, stateCounts } from '../../db/counters.ts';
import { returnSums } from '../../db/return-figures.ts';
import { outboxHealth } from '../../db/outbox.ts';
import { inboxHealth } from '../../db/webhook-events.ts';
import { LIFECYCLE_STATES } from '../../state/types.ts';
import { bearerToken } from '../http/authenticate.ts';
import { operatorOfRequest } from '../http/operators.ts';
import type { Config } from '../config/config.ts';
import { AppError } from '../http/errors.ts';
import { defineRoute } from '../http/define-route.ts';
import { isProxied } from '../http/page-origin.ts';
import type { Services } from '../lib/services.ts';

/** For Prometheus: what this server counts, and what the database says of inbox, outbox and states. */
export const metricsRoute = defineRoute({
  method: 'GET',
  path: '/metrics',
  auth: 'public',
  limited: false,
  summary: 'Figures for Prometheus',
  description:
    'Takes METRICS_TOKEN or the admin token as bearer token. Without METRICS_TOKEN and with a test key, also ' +
    'direct requests from the same machine.',
  response: null,
  produces: 'text/plain',
  errors: ['unauthenticated'],
  handler: async (request, { services, address }) => {
    if (!mayRead(services.config, request, address)) {
      throw new AppError('unauthenticated', 'A token for metrics is needed.', {
        headers: { 'www-authenticate': 'Bearer' },
      });
    }
    const [counted, stored] = await Promise.all([services.metrics.text(), storedFigures(services)]);
    return new Response(`${counted}\n${stored}`, {
      headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
    });
  },
});

function mayRead(config: Config, request: Request, address: string | null): boolean {
  if (operatorOfRequest(request, config)) return true;
  const given = bearerToken(request);
  if (config.metricsToken !== null) {
    return given !== null && timingSafeEqual(sha256(given), sha256(config.metricsToken));
  }
  if (config.stripe.live || given !== null || isProxied(request)) return false;
  return /^(127\.|::1$|::ffff:127\.)/.test(address ?? '');
}

function sha256(value: string): Buffer {
  return createHash('sha256').update(value).digest();
}

/** Cheap to ask for: counters that every commit keeps, and indexes on what waits. */
async function storedFigures({
  clockOffsets,
  database,
  engine,
  log,
  usage,
}: Services): Promise<string> {
  const registry = new Registry();
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  const up = gauge('tenure_database_up', 'Whether the database answers');
  try {
    const db = database.knex;
    const now = database.clock.now();
    const [inbox, outbox, sending, states, mrr, returned] = await Promise.all([
      inboxHealth(db, now),
      outboxHealth(db),
      usage.health(),
      stateCounts(db),
      mrrByCurrency(db),
      returnSums(db),
    ]);
    const depth = gauge('tenure_inbox_events', 'Webhook events that are not done', ['status']);
    depth.set({ status: 'waiting' }, inbox.waiting - inbox.failing);
    depth.set({ status: 'failing' }, inbox.failing);
    depth.set({ status: 'dead' }, inbox.dead);
    gauge('tenure_inbox_oldest_due_seconds', 'Age of the oldest event that is due; 0: none').set(
      inbox.oldestDueAt === null ? 0 : Math.max(0, now - inbox.oldestDueAt) / 1000,
    );
    const windows = gauge('tenure_usage_windows', 'Usage that Stripe does not have', ['status']);
    windows.set({ status: 'waiting' }, sending.waiting - sending.failing);
    windows.set({ status: 'failing' }, sending.failing);
    windows.set({ status: 'refused' }, sending.refused);
    const effects = gauge('tenure_outbox_effects', 'Effects that are not delivered', ['status']);
    effects.set({ status: 'waiting' }, outbox.waiting);
    effects.set({ status: 'dead' }, outbox.dead);
    const counts = gauge('tenure_subscriptions', 'Subscriptions by state', ['state']);
    for (const state of LIFECYCLE_STATES) counts.set({ state }, states[state] ?? 0);
    const revenue = gauge('tenure_mrr_minor_units', 'Monthly recurring revenue', ['currency']);
    for (const [currency, amount] of Object.entries(mrr)) revenue.set({ currency }, amount);
    const returns = gauge('tenure_returns', 'Refunds, disputes, warnings and credit notes', [
      'kind',
      'status',
      'currency',
    ]);
    const amounts = gauge('tenure_returned_minor_units', 'What they are about', [
      'kind',
      'status',
      'currency',
    ]);
    for (const { count, amount, ...labels } of returned) {
      returns.set(labels, count);
      amounts.set(labels, amount);
    }
    const clocks = gauge(
      'tenure_clock_offset_seconds',
      'How far the clock of this machine is ahead of another',
      ['of'],
    );
    clocks.set({ of: 'database' }, (await clockOffsets.database()) / 1000);
    const stripe = clockOffsets.stripe();
    if (stripe !== null) clocks.set({ of: 'stripe' }, stripe / 1000);
    up.set(1);
  } catch (error) {
    log.warn({ err: error }, 'metrics without the database');
    up.set(0);
  }
  gauge('tenure_usage_backlog', 'Usage records that wait in memory to be stored').set(
    usage.backlog(),
  );
  gauge('tenure_inbox_backlog', 'Deliveries that wait in memory to be stored').set(
    engine.backlog(),
  );
  return registry.metrics();
}
