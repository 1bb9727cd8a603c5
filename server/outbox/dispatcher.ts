import { createMailer } from '../../adapters/mailer.ts';
import {
  renewEffect,
  markDelivered,
  postponeEffect,
  type Delivered,
} from '../../db/effect-outcomes.ts';
import {
  claimEffects,
  queueOf,
  type Queue,
  laneOf,
  type Lane,
  type OutboxRow,
} from '../../db/outbox.ts';
import { addAttempts, type WebhookAttempt } from '../../db/webhook-attempts.ts';
import { createBatchQueue } from '../lib/batch-queue.ts';
import { startHeartbeat } from '../lib/lease.ts';
import { deliverEffect } from './handlers/index.ts';
import { createLookups } from './handlers/lookups.ts';
import type { EngineContext } from '../sync/context.ts';
import { backoff } from '../sync/options.ts';
import { HOOKS } from '../config/receivers.ts';
import { sleep } from '../lib/limit.ts';
import { createLoop, type Loop } from '../lib/poll-loop.ts';
import { StripeOutage } from '../lib/stripe-outage.ts';
import type { CustomerRunner } from '../sync/customer-runner.ts';
import { WebhookRefused } from './handlers/outgoing-webhook.ts';

/** Effects of a queue that are sent at the same time. */
const PLACES = 10;
/** What the hooks of the host app are called for. */
const HOOKS_QUEUE: Queue = `webhook:${HOOKS}`;
/** Mail that only goes into the log takes no time: more of it shares the statements. */
const LOGGED_MAIL = 100;
/** How long a stop waits for what is under way before it gives it up, and then for that to be written down; in ms. */
const STOP_TIMEOUT_MS = 5_000;
const ABORT_TIMEOUT_MS = 2_000;

interface UnderWay {
  id: number;
  queue: Queue;
  /** When it was asked for, by a monotonic clock: its lease runs from then on. */
  claimedAt: number;
  giveUp: AbortController;
  done: Promise<void>;
}

/**
 * Sends what the outbox holds: mail, the team's webhooks, the end of dunning. Each lane has its own places, as has each
 * named receiver of webhooks, and a delivery that takes long holds its own place only.
 */
export function createEffectDelivery(ctx: EngineContext, runner: CustomerRunner): Loop {
  const { mail, receivers } = ctx.core.config;
  const { log, metrics } = ctx.core;
  const mailer = mail.smtpUrl ? createMailer({ smtpUrl: mail.smtpUrl, from: mail.from }) : null;
  const db = ctx.core.database.knex;
  const means = { runner, mailer, lookups: createLookups(db), noteAttempt };
  const places: Partial<Record<Queue, number>> = {
    mail: mailer ? PLACES : LOGGED_MAIL,
    stripe: PLACES,
    webhook: PLACES,
  };
  if (ctx.core.hooks) places[HOOKS_QUEUE] = PLACES;
  for (const { name } of receivers)
    if (name !== '' && name !== HOOKS) places[`webhook:${name}`] = PLACES;
  /** null: calls to Stripe have time-outs of their own, and made twice they change nothing. */
  const timeoutOf: Record<Lane, number | null> = {
    mail: ctx.options.mailTimeout,
    webhook: ctx.options.webhookTimeout,
    stripe: null,
  };
  /** What ended at the same moment is written down in one statement. */
  const delivered = createBatchQueue(markAll, { maxBatchSize: 100, concurrency: 5 });
  const attempts = createBatchQueue(addAll, { maxBatchSize: 100, concurrency: 5 });
  const under = new Set<UnderWay>();
  /** Queues that had more due than places when they were last looked at. */
  const crowded = new Set<Queue>();

  function markAll(ended: Delivered[]): Promise<void>[] {
    const marking = markDelivered(db, ended, Date.now());
    return ended.map(() => marking);
  }

  function addAll(tried: WebhookAttempt[]): Promise<void>[] {
    const adding = addAttempts(db, tried);
    return tried.map(() => adding);
  }

  /** The log of deliveries is no reason to send anything again. */
  async function noteAttempt(attempt: WebhookAttempt): Promise<void> {
    try {
      await attempts.add(attempt);
    } catch (error) {
      log.warn({ err: error, effect: attempt.effectId }, 'could not note a delivery');
    }
  }

  async function fillPlaces(): Promise<void> {
    const free = { ...places };
    for (const { queue } of under) free[queue] = (free[queue] ?? 0) - 1;
    const claimedAt = performance.now();
    const except = [...under].map(({ id }) => id);
    const effects = await claimEffects(db, free, { lease: ctx.options.effectLease, except });
    for (const queue of Object.keys(places) as Queue[]) {
      const taken = effects.filter((effect) => queueOf(effect) === queue).length;
      if (taken < (free[queue] ?? 0)) crowded.delete(queue);
      else crowded.add(queue);
    }
    for (const effect of effects) begin(effect, claimedAt);
  }

  function begin(effect: OutboxRow, claimedAt: number): void {
    const queue = queueOf(effect);
    const giveUp = new AbortController();
    const one: UnderWay = { id: effect.id, queue, claimedAt, giveUp, done: Promise.resolve() };
    one.done = deliver(effect, one).finally(() => {
      under.delete(one);
      // Another line of the same subscription may wait for this one.
      if (crowded.has(queue) || effect.kind.endsWith('.subscription.changed')) loop.wake();
    });
    under.add(one);
  }

  /** Never throws: what could not even be written down is due again when its lease ends. */
  async function deliver(effect: OutboxRow, one: UnderWay): Promise<void> {
    const { objectId, kind } = effect;
    try {
      await attempt(effect, one);
      metrics.effects.inc({ kind, outcome: 'sent' });
    } catch (error) {
      if (error instanceof TakenOver) {
        log.warn({ objectId, kind }, 'an effect was taken over by another process');
        return;
      }
      metrics.effects.inc({ kind, outcome: 'failed' });
      log.warn({ err: error, objectId, kind }, 'an effect could not be sent');
      try {
        await ctx.probe('before_postpone_effect');
        await postponeEffect(db, effect, failureOf(ctx, effect, error));
      } catch (lost) {
        log.warn({ err: lost, objectId, kind }, 'could not write down what became of an effect');
      }
    }
  }

  async function attempt(effect: OutboxRow, one: UnderWay): Promise<void> {
    if (effect.attempts > ctx.options.maxEffectAttempts) throw new NeverEnded(effect.lastError);
    const { giveUp } = one;
    await requireLease(effect, one);
    const stopHeartbeat = startHeartbeat(() => renew(effect), {
      leaseMs: ctx.options.effectLease,
      failed: (error) => log.warn({ err: error }, 'could not renew the lease of an effect'),
    });
    const isHook = queueOf(effect) === HOOKS_QUEUE;
    const timeoutMs = isHook ? ctx.options.hookTimeout : timeoutOf[laneOf(effect.kind)];
    const timer = timeoutMs && setTimeout(() => giveUp.abort(tooLate(timeoutMs)), timeoutMs);
    let ended: Delivered;
    try {
      ended = await inSpan(effect, () =>
        deliverEffect(ctx, means, { effect, signal: giveUp.signal }),
      );
    } catch (error) {
      giveUp.signal.throwIfAborted();
      throw error;
    } finally {
      clearTimeout(timer ?? undefined);
      stopHeartbeat();
    }
    await ctx.probe('after_delivery');
    await markSent(ended, giveUp.signal);
  }

  function inSpan<Result>(effect: OutboxRow, act: () => Promise<Result>): Promise<Result> {
    const { trace } = ctx.core;
    if (trace === null) return act();
    const { kind, objectId, attempts } = effect;
    const attributes = {
      'tenure.kind': kind,
      'tenure.object': objectId,
      'tenure.attempt': attempts,
    };
    return trace({ name: 'tenure.effect', causeId: effect.causeId ?? objectId, attributes }, act);
  }

  const renew = (effect: OutboxRow) => renewEffect(db, effect, ctx.options.effectLease);

  /** What cannot be undone is begun only with half of the lease left: the answer to the claim may have been long on its way. */
  async function requireLease(effect: OutboxRow, { claimedAt }: UnderWay): Promise<void> {
    if (performance.now() - claimedAt <= ctx.options.effectLease / 2) return;
    if (!(await renew(effect))) throw new TakenOver();
  }

  /** A database that is down for a moment must not have the same mail sent again: tried for as long as the lease lasts. */
  async function markSent(ended: Delivered, signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + ctx.options.effectLease;
    for (let wait = 100; ; wait = Math.min(wait * 2, 2_000)) {
      try {
        await delivered.add(ended);
        return;
      } catch (error) {
        if (signal.aborted || performance.now() + wait >= deadline) throw error;
        await sleep(wait);
      }
    }
  }

  const loop = createLoop({
    round: async () => {
      await fillPlaces();
      return false;
    },
    rest: () => ctx.options.poll,
    failed: (error) => log.warn({ err: error }, 'could not look after the outbox'),
    afterError: Math.min(ctx.options.poll, 500),
  });
  return {
    start: loop.start,
    wake: loop.wake,
    async stop() {
      await loop.stop();
      await endedBy(under, STOP_TIMEOUT_MS);
      for (const { giveUp } of under) giveUp.abort(new Stopped('The server stopped'));
      await endedBy(under, ABORT_TIMEOUT_MS);
      mailer?.close();
    },
  };
}

/** Resolves when all have ended, or after some milliseconds. */
async function endedBy(under: Set<UnderWay>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([Promise.all([...under].map(({ done }) => done)), timeout]);
  clearTimeout(timer);
}

const tooLate = (ms: number) => new Error(`There was no answer within ${ms / 1000} seconds`);

/** Each attempt began and none told how it ended, as when the process dies of it: it is not tried for ever. */
class NeverEnded extends Error {
  override name = 'NeverEnded';
  constructor(lastError: string | null) {
    super(
      `Every attempt began and none came to an end, as if the process had died of it; replay it once that is fixed.${
        lastError === null ? '' : ` The last failure that was told: ${lastError}`
      }`,
    );
  }
}

/** Another process has the effect now, and does what is to be done. */
class TakenOver extends Error {
  override name = 'TakenOver';
}

/** A delivery was given up because the server stops; the next one that runs tries it at once. */
class Stopped extends Error {
  override name = 'Stopped';
}

/** When to try again where nothing is wrong with the effect and no attempt is counted; else null. */
function uncounted(error: unknown): number | null {
  if (error instanceof StripeOutage) return error.retryAt;
  return error instanceof Stopped ? Date.now() : null;
}

function failureOf(ctx: EngineContext, effect: OutboxRow, error: unknown) {
  const retryAt = uncounted(error);
  const attempts = retryAt === null ? effect.attempts : effect.attempts - 1;
  const asked = error instanceof WebhookRefused ? (error.retryAfter ?? 0) * 1000 : 0;
  const wait = Math.max(backoff(effect.attempts, ctx.options), asked);
  return {
    error: (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).slice(
      0,
      1_000,
    ),
    attempts,
    delayMs: retryAt === null ? Math.min(wait, ctx.options.retryMax * 1.25) : retryAt - Date.now(),
    dead: attempts >= ctx.options.maxEffectAttempts,
  };
}
