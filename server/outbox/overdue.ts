import { leadJob } from '../../db/cursors.ts';
import { enqueueEffects } from '../../db/outbox.ts';
import { pastDueSince, type SubscriptionRow } from '../../db/subscriptions.ts';
import { finalActionOf } from '../../state/effects.ts';
import type { EngineContext } from '../sync/context.ts';
import { createLoop, type Loop } from '../lib/poll-loop.ts';

const JOB = 'overdue';
const DAY = 86_400_000;
const PAGE = 100;

/**
 * Ends dunning by time: attempts are made by Stripe, as many as its settings say, and some subscriptions have none (sent
 * invoices, a payment that the bank must confirm). `GRACE_MAX_DAYS` after the first failure the final action follows
 * unless another attempt is planned.
 */
export function createOverdueLoop(ctx: EngineContext): Loop {
  const { core, options, owner } = ctx;
  const every = options.overdueEvery;
  const enabled = every > 0 && core.config.dunning.finalAction !== 'none';
  return createLoop({
    async round() {
      if (!enabled) return false;
      const terms = { owner, now: Date.now(), duration: Math.max(2 * every, 10_000) };
      if (await leadJob(core.database.knex, JOB, terms)) await endOverdue(ctx);
      return false;
    },
    rest: () => (enabled ? every : DAY),
    failed: (error) => core.log.warn({ err: error }, 'could not look for overdue debts'),
    afterError: Math.max(every, 1_000),
  });
}

async function endOverdue(ctx: EngineContext): Promise<void> {
  const { database, config } = ctx.core;
  const before = ctx.clock.now() - config.dunning.maxDays * DAY;
  let afterId = '';
  for (;;) {
    const rows = await pastDueSince(database.knex, before, { afterId, limit: PAGE });
    for (const row of rows) await endOne(ctx, row);
    afterId = rows.at(-1)?.id ?? '';
    if (rows.length < PAGE) return;
  }
}

async function endOne(ctx: EngineContext, row: SubscriptionRow): Promise<void> {
  const { core } = ctx;
  const invoiceId = row.facts.latestInvoiceId;
  const effect = invoiceId && finalActionOf(row, invoiceId, core.config.dunning);
  if (!effect) return;
  const invoice = await ctx.reader.read((stripe) => stripe.retrieveInvoice(invoiceId));
  if (invoice.status !== 'open' || invoice.next_payment_attempt !== null) return;
  if ((await enqueueEffects(core.database.knex, [effect], Date.now())) > 0) ctx.effectsWaiting();
}
