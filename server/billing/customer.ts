import { createHash } from 'node:crypto';
import { isGatewayError } from '../../adapters/stripe-gateway.ts';
import {
  attachStripeCustomer,
  ensureCustomer,
  findCustomerByUser,
  markCustomerDeleted,
  newDetails,
  type CustomerRow,
  type NewDetails,
} from '../../db/customers.ts';
import type { Account } from '../../state/roles.ts';
import type { CoreServices, User } from '../lib/services.ts';

/** Who acts, and who pays. */
export interface Payer {
  /** Null where an operator acts: then nothing new is said of either. */
  user: User | null;
  account: Account;
}

/**
 * The Stripe customer of an account, made at the first call. Concurrent first calls end with the same
 * customer: creation is the same request to Stripe, under one key for account and generation.
 */
export async function ensureStripeCustomer(services: CoreServices, who: Payer): Promise<string> {
  return (await findOrMakeCustomer(services, who)).customerId;
}

/** The same, and whether the customer was made just now: then nothing of theirs is at Stripe yet. */
export async function findOrMakeCustomer(
  services: CoreServices,
  who: Payer,
): Promise<{ customerId: string; isNew: boolean }> {
  const userId = who.account.id;
  const account =
    (await followDetails(services, who)) ??
    (await ensureCustomer(services.database.knex, { userId, ...claimsOf(who, null) }));
  if (isLiving(account)) return { customerId: account.stripeCustomerId, isNew: false };
  const { deploymentId } = services.config.ownership;
  const key = customerKey(`${deploymentId} ${userId}`, account);
  const created = await createCustomer(services, userId, key);
  const { email, name } = account;
  await tellStripe(services, created.id, { ...(email && { email }), ...(name && { name }) });
  const attached = await attachStripeCustomer(services.database.knex, userId, created.id);
  const customerId = attached.stripeCustomerId ?? created.id;
  return { customerId, isNew: customerId === created.id && !created.wasMade };
}

/**
 * Tells Stripe the e-mail and name of the token where they are new. Returns the account, null when there is none. Neither
 * a refused address nor a Stripe that does not answer keeps anybody from what they asked for.
 */
export async function followDetails(
  services: CoreServices,
  who: Payer,
): Promise<CustomerRow | null> {
  const { knex } = services.database;
  const userId = who.account.id;
  const known = await findCustomerByUser(knex, userId);
  if (!known) return null;
  const claims = claimsOf(who, known);
  const changed = newDetails(known, claims);
  if (isLiving(known) && Object.keys(changed).length > 0) {
    try {
      await tellStripe(services, known.stripeCustomerId, changed);
    } catch (error) {
      if (!isGatewayError(error, 'unavailable', 'rate_limited', 'conflict')) throw error;
      services.log.warn({ err: error, userId }, 'Stripe was not told a new address; next time');
      return known;
    }
  }
  return ensureCustomer(knex, { userId, ...claims });
}

/**
 * Runs what an account asked for. When Stripe turns out not to have its customer, deleted there or of another Stripe
 * account, that is noted, and it runs once more: then without one, or with a new one.
 */
export async function withoutLostCustomer<T>(
  services: CoreServices,
  accountId: string,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!isGatewayError(error, 'not_found') || !['customer', 'id'].includes(error.param ?? '')) {
      throw error;
    }
    if (!(await noteLostCustomer(services, accountId))) throw error;
    return run();
  }
}

/** Whether the account had a customer that Stripe does not have; asked of Stripe, because a second one is not undone. */
async function noteLostCustomer(services: CoreServices, accountId: string): Promise<boolean> {
  const { database, stripe, log } = services;
  const account = await findCustomerByUser(database.knex, accountId);
  if (!account || !isLiving(account)) return false;
  const { stripeCustomerId: customerId } = account;
  try {
    const customer = await stripe.retrieveCustomer(customerId);
    if (!customer.deleted) return false;
  } catch (error) {
    if (!isGatewayError(error, 'not_found')) throw error;
  }
  log.warn({ accountId, customerId }, 'Stripe has no such customer any more; it is left behind');
  await markCustomerDeleted(database.knex, customerId, Date.now());
  return true;
}

const isLiving = (account: CustomerRow): account is CustomerRow & { stripeCustomerId: string } =>
  account.stripeCustomerId !== null && account.deletedAt === null;

/** A team has a name of its own, and the address of the first of its people: the next one does not replace it. */
function claimsOf(
  { user, account }: Payer,
  known: CustomerRow | null,
): { email: string | null; name: string | null } {
  if (user === null) return { email: null, name: null };
  const email = isAddress(user.email) ? user.email : null;
  if (account.personal) return { email, name: nameOf(user.name) };
  return { email: known?.claimedEmail ? null : email, name: nameOf(account.name) };
}

/** What Stripe takes for an address. Other claims of that name are ignored: user names, telephone numbers. */
function isAddress(email: string | null): boolean {
  return email !== null && email.length <= 512 && /^[^\s@]+@[^\s@.]+(?:\.[^\s@.]+)+$/.test(email);
}

const MAX_NAME_LENGTH = 256;
const nameOf = (name: string | null) => name?.slice(0, MAX_NAME_LENGTH) ?? null;

/** An address that Stripe refuses all the same is left out. */
async function tellStripe(
  { stripe, log }: CoreServices,
  customerId: string,
  { email, name }: NewDetails,
): Promise<void> {
  if (!email && !name) return;
  const details = { email: email ?? null, name: name ?? null };
  try {
    await stripe.updateCustomer(customerId, details);
  } catch (error) {
    if (!email || !isGatewayError(error, 'invalid') || error.param !== 'email') throw error;
    log.warn({ customerId }, 'Stripe refuses the e-mail address of a token; the customer has none');
    if (name) await stripe.updateCustomer(customerId, { ...details, email: null });
  }
}

async function createCustomer(
  { stripe, config }: CoreServices,
  userId: string,
  key: string,
): Promise<{ id: string; wasMade: boolean }> {
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
function customerKey(account: string, { deletedAt }: CustomerRow): string {
  const user = createHash('sha256').update(account).digest('hex').slice(0, 32);
  return `tenure-customer-${user}-${deletedAt ?? 0}`;
}
