import { requeueEvents, type NewEvent } from '../../db/webhook-events.ts';
import type { Receipt } from '../lib/engine-types.ts';
import { withTimeout } from '../lib/limit.ts';
import type { EngineContext } from '../sync/context.ts';
import type { Inbox } from './inbox.ts';
import type { CustomerRunner } from '../sync/customer-runner.ts';
import type { Worker } from '../sync/worker.ts';

/**
 * Takes one delivery: stores it and, unless `WEBHOOK_ACK=stored`, processes it before it is acknowledged.
 * Throws only when it could not be stored.
 */
export async function receiveEvent(
  parts: { ctx: EngineContext; inbox: Inbox; runner: CustomerRunner; worker: Worker },
  event: NewEvent,
): Promise<Receipt> {
  const { ctx, inbox, runner } = parts;
  const db = ctx.core.database.knex;
  const isNew = await inbox.store(event);
  if (isNew && event.status === 'ignored') return { isNew, problem: null };
  const seen = isNew ? null : await runner.statusOf(event.id);
  if (seen?.status === 'done' || seen?.status === 'ignored') return { isNew, problem: null };
  // Sent again by Stripe or by hand: that is a reason to try a dead letter again.
  if (seen?.status === 'dead') await requeueEvents(db, [event.id], Date.now());
  if (ctx.core.config.webhookAck === 'stored') {
    parts.worker.arrived();
    ctx.changes.announceWork();
    return { isNew, problem: null };
  }
  try {
    const customer = seen?.subject ?? event.subject;
    const before = seen?.status === 'dead' ? null : seen;
    // It goes on when the delivery is answered; whatever holds it up must not hold up the answer.
    await withTimeout(
      runner.processEvent({ id: event.id, customer }, before),
      ctx.options.ackTimeout,
    );
    return { isNew, problem: null };
  } catch (problem) {
    parts.worker.wake();
    return { isNew, problem };
  }
}
