import { renewSubject, type Claim } from '../../db/subjects.ts';
import type { EngineContext } from './context.ts';

/** Renewals after which work counts as stuck and may be taken over: with the default lease, five minutes. */
const MOST = 30;

/**
 * Renews a lease for as long as the work goes on, so that it ends only with its process: else work that takes longer
 * than a lease would be taken over by a second attempt, which takes as long and is taken over by a third,
 * and so on for ever. Returns how to stop.
 */
export function keepLease(ctx: EngineContext, claim: Claim): () => void {
  const { lease } = ctx.options;
  let renewals = 0;

  async function renew(): Promise<void> {
    renewals += 1;
    if (renewals > MOST) return stop();
    try {
      await ctx.probe('before_renew');
      await renewSubject(ctx.core.database.knex, claim, {
        owner: ctx.owner,
        now: Date.now(),
        duration: lease,
      });
    } catch (error) {
      // The fence is what keeps the data right; a lost lease only costs the work that was done.
      ctx.core.log.warn({ err: error, subject: claim.key }, 'could not renew a lease');
    }
  }

  const timer = setInterval(() => void renew(), lease / 3);
  timer.unref();
  const stop = () => clearInterval(timer);
  return stop;
}
