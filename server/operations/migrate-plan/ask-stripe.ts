import { isGatewayError, type StripeGateway } from '../../../adapters/stripe-gateway.ts';
import { sleep } from '../../lib/limit.ts';
import { StripeOutage } from '../../lib/stripe-outage.ts';
import type { Services } from '../../lib/services.ts';

/** How long Stripe may be down before a run gives up; it can be resumed. */
const TIMEOUT_MS = 10 * 60_000;

export type Ask = <T>(call: (stripe: StripeGateway) => Promise<T>) => Promise<T>;

/** Reads within Stripe's limits: after a 429 or while Stripe is down they wait, and are made again. */
export function readsThroughOutages(services: Services): Ask {
  return async (call) => {
    const deadline = Date.now() + TIMEOUT_MS;
    for (;;) {
      try {
        return await services.engine.reader.read(call);
      } catch (error) {
        if (!(error instanceof StripeOutage) || Date.now() > deadline) throw error;
        await sleep(Math.max(50, error.retryAt - Date.now()));
      }
    }
  };
}

/** How a call that changes something ended. */
export type Answer<T> =
  | { kind: 'ok'; value: T }
  /** Stripe said no, and means it. */
  | { kind: 'refused'; reason: string }
  /** Not answered, or not to be believed: look again before the next try. `fresh`: with a new key. */
  | { kind: 'unsure'; retryAt: number; fresh: boolean; error: unknown };

/** One try of a change, within the limits of the reads. */
export async function tryChange<T>(
  services: Services,
  call: (stripe: StripeGateway) => Promise<T>,
): Promise<Answer<T>> {
  try {
    return { kind: 'ok', value: await services.engine.reader.read(call) };
  } catch (error) {
    const cause = error instanceof StripeOutage ? error.cause : error;
    const retryAt = error instanceof StripeOutage ? error.retryAt : Date.now() + 500;
    // Under the key of a call that is still under way, Stripe gives its answer once there is one.
    if (isGatewayError(cause, 'conflict')) return { kind: 'unsure', retryAt, fresh: false, error };
    // An answer 429 or 5xx may be repeated for as long as Stripe remembers the key; without any, the call may live.
    if (isGatewayError(cause, 'rate_limited', 'unavailable')) {
      return { kind: 'unsure', retryAt, fresh: cause.status !== null, error };
    }
    if (isGatewayError(cause)) {
      return { kind: 'refused', reason: cause.declineCode ?? cause.message };
    }
    if (error instanceof StripeOutage) return { kind: 'unsure', retryAt, fresh: false, error };
    throw error;
  }
}
