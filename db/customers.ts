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
  /** What a token said last; empty when it said nothing, null when none was seen. */
  claimedEmail: string | null;
  claimedName: string | null;
  /** The language that they prefer at Stripe, as `de` or `fr-CA`. */
  locale: string | null;
}

interface Row {
  user_id: string;
  stripe_customer_id: string | null;
  email: string | null;
  name: string | null;
  created_at: number;
  deleted_at: number | null;
  claimed_email: string | null;
  claimed_name: string | null;
  locale: string | null;
}

const fromRow = (row: Row): CustomerRow => ({
  userId: row.user_id,
  stripeCustomerId: row.stripe_customer_id,
  email: row.email,
  name: row.name,
  createdAt: row.created_at,
  deletedAt: row.deleted_at,
  // Rows of earlier releases: what is stored came from a token.
  claimedEmail: row.claimed_email ?? row.email,
  claimedName: row.claimed_name ?? row.name,
  locale: row.locale,
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

/** What a token says of an account, as far as it is new. */
export interface NewDetails {
  email?: string;
  name?: string;
}

/**
 * The e-mail and name of a token that differ from those that tokens said before. Of an account that was learned from
 * Stripe the first ones are none: what its customer has there may be what was agreed on.
 */
export function newDetails(
  known: CustomerRow,
  claims: { email?: string | null; name?: string | null },
): NewDetails {
  const changed: NewDetails = {};
  const email = clean(claims.email);
  const name = clean(claims.name);
  if (email && known.claimedEmail !== null && email !== known.claimedEmail) changed.email = email;
  if (name && known.claimedName !== null && name !== known.claimedName) changed.name = name;
  return changed;
}

/** Makes the account if there is none; a new e-mail or name of a token replaces the stored one. */
export async function ensureCustomer(
  db: Db,
  user: { userId: string; email?: string | null; name?: string | null; now?: number },
): Promise<CustomerRow> {
  const known = await findCustomerByUser(db, user.userId);
  const [email, name] = [clean(user.email), clean(user.name)];
  const claimed_email = email ?? known?.claimedEmail ?? '';
  const claimed_name = name ?? known?.claimedName ?? '';
  if (known?.claimedEmail === claimed_email && known.claimedName === claimed_name) return known;
  const stored = known ? { ...known, ...newDetails(known, { email, name }) } : { email, name };
  const [row]: Row[] = await db('customers')
    .insert({
      user_id: user.userId,
      email: stored.email,
      email_key: stored.email?.toLowerCase() ?? null,
      name: stored.name,
      claimed_email,
      claimed_name,
      created_at: user.now ?? Date.now(),
    })
    .onConflict('user_id')
    .merge(['email', 'email_key', 'name', 'claimed_email', 'claimed_name'])
    .returning('*');
  return fromRow(row!);
}

/** What a customer has at Stripe since `at` (Stripe's time): changed in the portal or the Dashboard, or here. */
export interface CustomerDetails {
  customerId: string;
  email: string | null;
  name: string | null;
  locale: string | null;
  at: number;
}

/** Takes over what a customer has at Stripe; what an older event says is left out. */
export async function saveCustomerDetails(db: Db, details: CustomerDetails): Promise<void> {
  const [email, name] = [clean(details.email), clean(details.name)];
  await db('customers')
    .where({ stripe_customer_id: details.customerId })
    .where((q) => void q.whereNull('details_at').orWhere('details_at', '<=', details.at))
    .update({
      email,
      email_key: email?.toLowerCase() ?? null,
      name,
      locale: clean(details.locale),
      details_at: details.at,
    });
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

export type LinkOutcome = 'linked' | 'new_conflict' | 'known_conflict';

/**
 * Writes what was learned about an account's customer: an account without a living customer gets this one, and becomes
 * one with it. What contradicts a link that is there is kept as a conflict, and never merged.
 * Returns whether it holds, and if not, whether that is news.
 */
export async function linkCustomer(db: Db, link: OwnerLink): Promise<LinkOutcome> {
  const { accountId, customerId, source, at } = link;
  const owner = await findCustomerByStripeId(db, customerId);
  if (owner?.userId === accountId) return 'linked';
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
    if (kept?.stripeCustomerId === customerId) return 'linked';
  }
  const conflict = { customerId, accountId, source, learnedAt: at };
  return (await recordConflict(db, conflict)) ? 'new_conflict' : 'known_conflict';
}
