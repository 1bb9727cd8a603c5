import { isGatewayError } from '../../adapters/stripe-gateway.ts';
import { forceLink } from '../../db/accounts.ts';
import type { Cause } from '../../state/types.ts';
import { retryThroughOutages } from '../lib/retry.ts';
import type { Services } from '../lib/services.ts';

export interface LinkRequest {
  accountId: string;
  customerId: string;
  /** Who says so, for the history. */
  actor: string;
  requestId?: string;
  /** Writes our mark on the customer at Stripe, so that a lost database can be rebuilt from there. */
  mark: boolean;
}

export interface LinkResult {
  /** The customer that the account had before; null when it had none. */
  replaced: string | null;
  /** Subscriptions of the customer that were read again. */
  subscriptions: number;
}

/** Stripe has no such customer, or it was deleted. */
export class NoSuchCustomer extends Error {
  override name = 'NoSuchCustomer';
}

/** Gives a Stripe customer to an account, and its subscriptions with it. Changes nothing at Stripe but, if asked, our mark. */
export async function linkAccount(services: Services, request: LinkRequest): Promise<LinkResult> {
  const { accountId, customerId, actor, mark, requestId } = request;
  const { reader } = services.engine;
  const customer = await retryThroughOutages(() =>
    reader.read((stripe) => stripe.retrieveCustomer(customerId)),
  ).catch((error: unknown) => {
    if (!isGatewayError(error, 'not_found')) throw error;
    throw new NoSuchCustomer(`Stripe has no customer ${customerId}.`);
  });
  if (customer.deleted) throw new NoSuchCustomer(`The customer ${customerId} was deleted.`);
  const replaced = await services.database.knex.transaction((trx) =>
    forceLink(trx, { accountId, customerId, at: Date.now() }),
  );
  if (mark) await services.stripe.markCustomer(customerId, accountId);
  const subscriptions = await retryThroughOutages(() =>
    reader.read((stripe) => stripe.subscriptionsOf(customerId)),
  );
  const cause: Cause = {
    type: 'link',
    id: `link-${accountId}-${customerId}`,
    actor,
    requestId,
    at: services.clock.now(),
  };
  for (const { id: subscriptionId } of subscriptions) {
    await retryThroughOutages(() =>
      services.engine.syncSubscription({ subscriptionId, customerId, cause }),
    );
  }
  services.access.invalidateAll();
  return { replaced, subscriptions: subscriptions.length };
}
