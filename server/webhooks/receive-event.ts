import { requeueEvents, type NewEvent } from '../../db/webhook-events.ts';
import { AppError } from '../http/errors.ts';
import type { Receipt } from '../lib/engine-types.ts';
import { TimedOut, withTimeout } from '../lib/limit.ts';
import type { EngineContext } from '../sync/context.ts';
import type { Inbox } from './inbox.ts';
import type { CustomerRunner } from '../sync/customer-runner.ts';
import type { Worker } from '../sync/worker.ts';

interface Parts {
  ctx: EngineContext;
  inbox: Inbox;
  runner: CustomerRunner;
  worker: Worker;
}

/** How far a delivery has come. */
interface Taken {
  /** null while it is not known to be stored. */
  isNew: boolean | null;
}

/**
 * Takes one delivery: stores it and, unless `WEBHOOK_ACK=stored`, processes it before it is acknowledged; all of it within
 * `ackTimeout`. What is under way then goes on; whatever holds it up must not hold up the answer. Throws only when the
 * event is not stored, as far as is known.
 */
export async function receiveEvent(parts: Parts, event: NewEvent): Promise<Receipt> {
  const taken: Taken = { isNew: null };
  try {
    return await withTimeout(take(parts, event, taken), parts.ctx.options.ackTimeout);
  } catch (problem) {
    if (!(problem instanceof TimedOut)) throw problem;
    const { isNew } = taken;
    if (isNew === null) throw notStored(problem);
    parts.worker.wake();
    return { isNew, problem };
  }
}

/** It may be stored yet; then the next delivery finds it. */
function notStored(cause: TimedOut): AppError {
  const words = 'The database did not answer in time; try again soon.';
  return new AppError('database_unavailable', words, { headers: { 'retry-after': '5' }, cause });
}

async function take(parts: Parts, event: NewEvent, taken: Taken): Promise<Receipt> {
  const { ctx, inbox, runner } = parts;
  const { knex: db, clock } = ctx.core.database;
  const isNew = await inbox.store(event);
  taken.isNew = isNew;
  if (isNew && event.status === 'ignored') return { isNew, problem: null };
  const seen = isNew ? null : await runner.statusOf(event.id);
  if (seen?.status === 'done' || seen?.status === 'ignored') return { isNew, problem: null };
  // Sent again by Stripe or by hand: that is a reason to try a dead letter again.
  if (seen?.status === 'dead') await requeueEvents(db, [event.id], clock.now());
  if (ctx.core.config.webhookAck === 'stored') {
    parts.worker.arrived();
    ctx.changes.announceWork();
    return { isNew, problem: null };
  }
  try {
    const customer = seen?.subject ?? event.subject;
    const before = seen?.status === 'dead' ? null : seen;
    await runner.processEvent({ id: event.id, customer }, before);
    return { isNew, problem: null };
  } catch (problem) {
    parts.worker.wake();
    return { isNew, problem };
  }
}
