import { createHash } from 'node:crypto';
import { isGatewayError } from '../../adapters/stripe-gateway.ts';
import { attachStripeCustomer, ensureCustomer, findCustomerByUser } from '../../db/customers.ts';
import type { Account } from '../lib/account.ts';
import type { User } from '../lib/services.ts';
import type { CoreServices } from '../lib/services.ts';

/**
 * The Stripe customer of an account, made at the first call. Concurrent first calls end with the same
 * customer: creation is the same request to Stripe, under one key for account and generation.
 */
export async function ensureStripeCustomer(
  services: CoreServices,
  who: { user: User; account: Account },
): Promise<string> {
  const { stripe, database } = services;
  const userId = who.account.id;
  const account = await ensureCustomer(database.knex, {
    userId,
    ...(await detailsOf(services, who)),
  });
  if (account.stripeCustomerId !== null && account.deletedAt === null) {
    return account.stripeCustomerId;
  }
  const { deploymentId } = services.config.ownership;
  const key = customerKey(`${deploymentId} ${userId}`, account.deletedAt);
  const created = await createCustomer(services, userId, key);
  if (account.email !== null || account.name !== null) {
    await stripe.updateCustomer(created.id, { email: account.email, name: account.name });
  }
  const attached = await attachStripeCustomer(database.knex, userId, created.id);
  return attached.stripeCustomerId ?? created.id;
}

/** A team has a name of its own, and the address of the first of its people: the next one does not replace it. */
async function detailsOf(
  { database }: CoreServices,
  { user, account }: { user: User; account: Account },
): Promise<{ email: string | null; name: string | null }> {
  if (account.personal) return { email: user.email, name: user.name };
  const known = await findCustomerByUser(database.knex, account.id);
  return { email: known?.email ?? user.email, name: account.name };
}

async function createCustomer(
  { stripe, config }: CoreServices,
  userId: string,
  key: string,
): Promise<{ id: string }> {
  // Only what never changes is in the request, or Stripe would refuse the second one under this key.
  const request = { userId, testClock: config.stripe.testClock };
  try {
    return await stripe.createCustomer(request, key);
  } catch (error) {
    // Stripe repeats a 500 for as long as it remembers the key; everybody who meets it goes on to the same next key.
    if (!isGatewayError(error, 'unavailable') || error.status === null) throw error;
    return stripe.createCustomer(request, `${key}-again`);
  }
}

// A deleted customer is followed by a new one, whose creation must not replay the old answer.
function customerKey(account: string, deletedAt: number | null): string {
  const user = createHash('sha256').update(account).digest('hex').slice(0, 32);
  return `tenure-customer-${user}-${deletedAt ?? 0}`;
}
