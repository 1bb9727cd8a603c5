/** Renewals after which work counts as stuck and may be taken over, unless told otherwise: with a lease of 30 s, five minutes. */
const MAX_RENEWALS = 30;

/**
 * Renews a lease three times in its length while the work under it goes on, so that it expires only with its process:
 * else work that takes longer than a lease would be taken over by a second attempt, which takes as long, and so on.
 * Returns how to stop. A renewal that fails is told to `failed` and tried again; the fence is what keeps the data right.
 */
export function startHeartbeat(
  renew: () => Promise<unknown>,
  terms: { leaseMs: number; failed: (error: unknown) => void; maxRenewals?: number },
): () => void {
  const { leaseMs, failed, maxRenewals = MAX_RENEWALS } = terms;
  let renewals = 0;
  const stop = () => clearInterval(timer);
  const timer = setInterval(() => {
    renewals += 1;
    if (renewals > maxRenewals) stop();
    else renew().catch(failed);
  }, leaseMs / 3);
  timer.unref();
  return stop;
}
