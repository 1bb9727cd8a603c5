import { claimDueSubjects } from '../db/subjects.ts';
import { nextDueAt } from '../db/webhook-events.ts';
import type { EngineContext } from './engine-context.ts';
import { createLoop, type Loop } from './loop.ts';
import type { SubjectRunner } from './subject-runner.ts';

/** How soon to look again at work that is due but leased by somebody else, in ms. */
const LEASED_ELSEWHERE = 100;

export interface Worker extends Loop {
  /** When it last looked for work, in ms since the epoch; null when it is not running. */
  lookedAt: () => number | null;
}

/**
 * Works off what is due, a few subjects at a time, those that wait longest first. It looks when it is woken,
 * when the next retry is due, and now and then in case a wake-up was lost. Stopping waits for what is under way.
 */
export function createWorker(ctx: EngineContext, runner: SubjectRunner): Worker {
  const { options, core } = ctx;
  const db = core.database.knex;
  const slots = options.concurrency;
  const under = new Set<Promise<unknown>>();

  let lookedAt: number | null = null;

  async function round(): Promise<boolean> {
    lookedAt = Date.now();
    const limit = slots - under.size;
    if (limit <= 0 || ctx.reader.pausedUntil() > 0) return false;
    const { owner } = ctx;
    // A lease that ended while its work goes on here must not be taken over from ourselves.
    const except = runner.running();
    const terms = { owner, now: Date.now(), duration: options.lease, except };
    const claims = await claimDueSubjects(db, limit, terms);
    for (const claim of claims) {
      const work: Promise<unknown> = runner.run(claim).finally(() => {
        under.delete(work);
        loop.wake();
      });
      under.add(work);
    }
    return claims.length > 0 && under.size < slots;
  }

  async function rest(): Promise<number> {
    const paused = ctx.reader.pausedUntil();
    if (under.size >= slots) return options.poll;
    const now = Date.now();
    const due = Math.max((await nextDueAt(db)) ?? Infinity, paused);
    return Math.min(options.poll, due <= now ? LEASED_ELSEWHERE : due - now);
  }

  const loop = createLoop({
    round,
    rest,
    failed: (error) => core.log.warn({ err: error }, 'the worker could not look for work'),
    afterError: Math.min(options.poll, 500),
  });
  return {
    start: loop.start,
    wake: loop.wake,
    lookedAt: () => lookedAt,
    async stop() {
      await loop.stop();
      lookedAt = null;
      await Promise.allSettled(under);
    },
  };
}
