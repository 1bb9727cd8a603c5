import type { IncomingMessage } from 'node:http';
import { createObserver, type Middleware } from '../../adapters/express.ts';
import { accountOf } from '../../state/roles.ts';
import type { Authenticate } from '../lib/services.ts';
import { withAuthentication } from '../http/with-authentication.ts';
import type { Services } from '../lib/services.ts';
import type { UsageReceipt } from '../lib/usage-types.ts';

/**
 * Records usage of a user, from any code of the host. Resolves after the commit: then it is durable, and it will be
 * billed. Stripe is not called. Without `idempotencyKey` every call counts. Rejects as `Usage.record` does; the caller that
 * does not wait for it must catch.
 */
export function trackUsage(
  services: Pick<Services, 'usage'>,
  usage: {
    userId: string;
    meter: string;
    quantity?: number;
    idempotencyKey?: string;
    /** Default now. */
    at?: Date;
  },
): Promise<UsageReceipt> {
  const { at, quantity = 1, ...rest } = usage;
  return services.usage.track({ ...rest, quantity, at: at?.getTime() });
}

export interface TrackRequestsOptions<Native extends IncomingMessage = IncomingMessage> {
  services: Services;
  authenticate?: Authenticate<Native>;
  /** How much a request counts for. Default 1. */
  quantity?: (request: Native, status: number) => number;
  /** Which answers count. Default: those below 400. */
  counts?: (status: number) => boolean;
}

/**
 * Counts the requests of users that were answered. It never delays an answer: usage is stored after it, together
 * with that of other requests. What is not stored yet when a process is killed (a few milliseconds of traffic, or as
 * long as the database is down) is lost, in the customer's favour; failures are logged.
 */
export function trackRequests<Native extends IncomingMessage = IncomingMessage>(
  meter: string,
  options: TrackRequestsOptions<Native>,
): Middleware {
  const { counts = (status) => status < 400, quantity = () => 1 } = options;
  const services = withAuthentication(options.services, options.authenticate);

  async function count(
    request: Request,
    info: { native?: unknown; answered: Promise<number | null> },
  ): Promise<void> {
    // Now, not after the answer: short-lived tokens end meanwhile.
    const user = await services.authenticate(request, info.native);
    const status = await info.answered;
    if (!user || status === null || !counts(status)) return;
    const amount = quantity(info.native as Native, status);
    if (amount <= 0) return;
    await services.usage.track({ userId: accountOf(user).id, meter, quantity: amount });
  }

  return createObserver((request, info) => {
    count(request, info).catch((error: unknown) =>
      services.log.warn({ err: error, meter }, 'the usage of a request was not recorded'),
    );
  });
}
