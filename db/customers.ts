import type { Db } from './database.ts';
import { recordConflict } from './owner-conflicts.ts';

/** The billing account of one user. Times are ms since the epoch. */
export interface CustomerRow {
  userId: string;
  stripeCustomerId: string | null;
  email: string | null;
  name: string | null;
  createdAt: number;
  deletedAt: number | null;
}

interface Row {
  user_id: string;
  stripe_customer_id: string | null;
  email: string | null;
  name: string | null;
  created_at: number;
  deleted_at: number | null;
}

const fromRow = (row: Row): CustomerRow => ({
  userId: row.user_id,
  stripeCustomerId: row.stripe_customer_id,
  email: row.email,
  name: row.name,
  createdAt: row.created_at,
  deletedAt: row.deleted_at,
});

/** The account of a user, or null. */
export async function findCustomerByUser(db: Db, userId: string): Promise<CustomerRow | null> {
  const row: Row | undefined = await db('customers').where({ user_id: userId }).first();
  return row ? fromRow(row) : null;
}

/** The account that a Stripe customer belongs to, or null. */
export async function findCustomerByStripeId(
  db: Db,
  stripeCustomerId: string,
): Promise<CustomerRow | null> {
  const row: Row | undefined = await db('customers')
    .where({ stripe_customer_id: stripeCustomerId })
    .first();
  return row ? fromRow(row) : null;
}

/** Several accounts by their Stripe ids. */
export async function customersByStripeId(
  db: Db,
  stripeCustomerIds: string[],
): Promise<Map<string, CustomerRow>> {
  const rows: Row[] = await db('customers').whereIn('stripe_customer_id', stripeCustomerIds);
  return new Map(rows.map((row) => [row.stripe_customer_id ?? '', fromRow(row)]));
}

/** Makes the account of a user if there is none; a known e-mail or name replaces the stored one. */
export async function ensureCustomer(
  db: Db,
  user: { userId: string; email?: string | null; name?: string | null; now?: number },
): Promise<CustomerRow> {
  const known = await findCustomerByUser(db, user.userId);
  const email = clean(user.email) ?? known?.email ?? null;
  const name = clean(user.name) ?? known?.name ?? null;
  if (known && known.email === email && known.name === name) return known;
  const [row]: Row[] = await db('customers')
    .insert({
      user_id: user.userId,
      email,
      email_key: email?.toLowerCase() ?? null,
      name,
      created_at: user.now ?? Date.now(),
    })
    .onConflict('user_id')
    .merge(['email', 'email_key', 'name'])
    .returning('*');
  return fromRow(row!);
}

/** PostgreSQL cannot store a NUL in text, and a token may hold one. */
function clean(text: string | null | undefined): string | null {
  return text?.replaceAll('\0', '') || null;
}

/**
 * Gives the account its Stripe customer, unless it has a living one already (two first requests at once).
 * Returns the account as it is now: the loser of the race sees the winner's `stripeCustomerId`.
 */
export async function attachStripeCustomer(
  db: Db,
  userId: string,
  stripeCustomerId: string,
): Promise<CustomerRow> {
  await db('customers')
    .where({ user_id: userId })
    .where((q) => void q.whereNull('stripe_customer_id').orWhereNotNull('deleted_at'))
    .update({ stripe_customer_id: stripeCustomerId, deleted_at: null });
  const row = await findCustomerByUser(db, userId);
  if (!row) throw new Error(`There is no billing account of user ${userId}.`);
  return row;
}

/** Notes that the Stripe customer was deleted; the account gets a new one at its next checkout. */
export async function markCustomerDeleted(
  db: Db,
  stripeCustomerId: string,
  at: number,
): Promise<void> {
  await db('customers')
    .where({ stripe_customer_id: stripeCustomerId, deleted_at: null })
    .update({ deleted_at: at });
}

/** What says that a Stripe customer is an account's. */
export interface OwnerLink {
  accountId: string;
  customerId: string;
  source: string;
  at: number;
}

/**
 * Writes what was learned about an account's customer: an account without a living customer gets this one, and becomes
 * one with it. What contradicts a link that is there is kept as a conflict, and never merged. Returns whether it holds.
 */
export async function linkCustomer(db: Db, link: OwnerLink): Promise<boolean> {
  const { accountId, customerId, source, at } = link;
  const owner = await findCustomerByStripeId(db, customerId);
  if (owner?.userId === accountId) return true;
  if (!owner) {
    // An id that another transaction takes at this moment makes it a conflict as well.
    await db('customers')
      .insert({ user_id: accountId, stripe_customer_id: customerId, created_at: at })
      .onConflict()
      .ignore();
    await db('customers')
      .where({ user_id: accountId })
      .where((q) => void q.whereNull('stripe_customer_id').orWhereNotNull('deleted_at'))
      .update({ stripe_customer_id: customerId, deleted_at: null });
    const kept = await findCustomerByUser(db, accountId);
    if (kept?.stripeCustomerId === customerId) return true;
  }
  await recordConflict(db, { customerId, accountId, source, learnedAt: at });
  return false;
}
