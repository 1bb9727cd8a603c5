import { endOf } from '../state/lifecycle.ts';
import { statesWhere } from '../state/states.ts';
import type { Catalogue } from '../state/catalogue.ts';
import { currentSubscription } from '../state/current-subscription.ts';
import type {
  LifecycleState,
  Restriction,
  StoredSubscription,
  SubscriptionFacts,
} from '../state/types.ts';
import { columnsOf, unnest, type Value } from './columns.ts';
import { isPostgres, type Db } from './database.ts';

/** A stored subscription with what the database adds to it. */
export interface SubscriptionRow extends StoredSubscription {
  /** True while the account has another live subscription beside this one. */
  duplicate: boolean;
  createdAt: number;
  /** When the row was last written (real time). */
  updatedAt: number;
}

/** A row of the table. */
export interface StoredRow {
  id: string;
  customer_id: string;
  user_id: string | null;
  state: LifecycleState;
  status: StoredSubscription['status'];
  plan: string | null;
  mrr: number;
  failed_attempts: number;
  past_due_since: number | null;
  since: number;
  duplicate: boolean | number;
  is_foreign: boolean | number;
  facts: string;
  restriction: string | null;
  terms: string | null;
  created_at: number;
  updated_at: number;
}

/** The version of what is stored as `plan@version`; null when it is of another plan, or there is none. */
export function versionIn(pin: string | null, plan: string | null): number | null {
  if (pin === null || plan === null || !pin.startsWith(`${plan}@`)) return null;
  return Number(pin.slice(plan.length + 1));
}

/** A row of the table in the program's terms. */
export const subscriptionFromRow = (row: StoredRow): SubscriptionRow => ({
  id: row.id,
  customerId: row.customer_id,
  userId: row.user_id,
  state: row.state,
  status: row.status,
  facts: JSON.parse(row.facts) as SubscriptionFacts,
  plan: row.plan,
  failedAttempts: row.failed_attempts,
  pastDueSince: row.past_due_since,
  since: row.since,
  mrr: row.mrr,
  duplicate: Boolean(row.duplicate),
  foreign: Boolean(row.is_foreign),
  restriction: row.restriction ? (JSON.parse(row.restriction) as Restriction) : null,
  termsVersion: versionIn(row.terms, row.plan),
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

const ENDED = statesWhere('open', false);

/** One subscription by its Stripe id, or null. */
export async function findSubscription(db: Db, id: string): Promise<SubscriptionRow | null> {
  const row: StoredRow | undefined = await db('subscriptions').where({ id }).first();
  return row ? subscriptionFromRow(row) : null;
}

/** Several subscriptions by their Stripe ids; those that are not stored are left out. */
export async function findSubscriptions(db: Db, ids: string[]): Promise<SubscriptionRow[]> {
  if (ids.length === 0) return [];
  const rows: StoredRow[] = await db('subscriptions').whereIn('id', ids);
  return rows.map(subscriptionFromRow);
}

/** The account's subscription that gives access, the best plan first, over all its customers; else the latest; else null. */
export async function currentSubscriptionOfUser(
  db: Db,
  userId: string,
  catalogue: Catalogue,
): Promise<SubscriptionRow | null> {
  const rows: StoredRow[] = await db('subscriptions')
    .where({ user_id: userId, is_foreign: false })
    .whereNotNull('plan')
    .orderBy([
      { column: 'created_at', order: 'desc' },
      // Made in the same second: the one to which something happened last.
      { column: 'since', order: 'desc' },
      { column: 'id', order: 'desc' },
    ]);
  return currentSubscription(rows.map(subscriptionFromRow), catalogue);
}

/** Subscriptions of ours that have been past due since before a moment, by a failure of which an event told; at most `limit`. */
export async function pastDueSince(
  db: Db,
  before: number,
  page: { afterId: string; limit: number },
): Promise<SubscriptionRow[]> {
  const rows: StoredRow[] = await db('subscriptions')
    .where({ state: 'past_due', is_foreign: false })
    .where('past_due_since', '<=', before)
    .where('id', '>', page.afterId)
    .whereExists(
      db('transitions')
        .whereRaw('transitions.subscription_id = subscriptions.id')
        .whereIn('event', ['payment_failed', 'trial_ended_unpaid'])
        .where({ cause_type: 'event' })
        .whereRaw("coalesce(evidence, 'event') <> 'disproved'"),
    )
    .orderBy('id')
    .limit(page.limit);
  return rows.map(subscriptionFromRow);
}

/**
 * Writes what the processor decided, keyed on the Stripe id, so that a row from an API answer and one from a
 * webhook are the same row. Called by `saveChanges` only, which keeps counters and history beside it.
 */
export async function upsertSubscriptions(db: Db, subs: StoredSubscription[]): Promise<void> {
  if (subs.length === 0) return;
  const rows = subs.map(toRow);
  if (isPostgres(db)) {
    await db.raw(UPSERT, columnsOf(COLUMNS, rows));
    return;
  }
  const latest = ({ plan }: { plan: Value }) => db.raw(latestTerms('?'), [plan]);
  const merged = MERGED.map((column) => [column, db.raw(`excluded.${column}`)]);
  await db('subscriptions')
    .insert(rows.map((row) => ({ ...row, terms: latest(row) })))
    .onConflict('id')
    .merge({ ...Object.fromEntries(merged), terms: db.raw(TERMS) });
}

const COLUMNS = {
  id: 'text',
  customer_id: 'text',
  user_id: 'text',
  state: 'text',
  status: 'text',
  stripe_status: 'text',
  plan: 'text',
  price_id: 'text',
  currency: 'text',
  mrr: 'bigint',
  failed_attempts: 'integer',
  past_due_since: 'bigint',
  since: 'bigint',
  current_period_end: 'bigint',
  leaves_at: 'bigint',
  duplicate: 'boolean',
  is_foreign: 'boolean',
  facts: 'text',
  created_at: 'bigint',
  updated_at: 'bigint',
} as const;

/** A row that is there keeps its mark as a duplicate. */
const MERGED = Object.keys(COLUMNS).filter((column) => column !== 'duplicate');

/** The terms that are sold now, as SQL; `plan` is a column or a parameter. */
const latestTerms = (plan: string) =>
  `(SELECT plan_terms.plan || '@' || max(version) FROM plan_terms WHERE plan_terms.plan = ${plan} GROUP BY plan_terms.plan)`;

/** A row keeps the terms that it has of its plan; with another plan come those that are sold now. */
const TERMS = `CASE WHEN excluded.plan IS NULL OR subscriptions.plan = excluded.plan
  OR substr(subscriptions.terms, 1, length(excluded.plan) + 1) = excluded.plan || '@'
  THEN subscriptions.terms ELSE excluded.terms END`;

const UPSERT = `
INSERT INTO subscriptions (${Object.keys(COLUMNS).join(', ')}, terms)
SELECT given.*, ${latestTerms('given.plan')} FROM ${unnest(COLUMNS, 'given')}
ON CONFLICT (id) DO UPDATE SET
  ${MERGED.map((column) => `${column} = excluded.${column}`).join(', ')}, terms = ${TERMS}`;

const toRow = (sub: StoredSubscription): Record<keyof typeof COLUMNS, Value> => ({
  id: sub.id,
  customer_id: sub.customerId,
  user_id: sub.userId,
  state: sub.state,
  status: sub.status,
  stripe_status: sub.facts.stripeStatus,
  plan: sub.plan,
  price_id: sub.facts.items[0]?.priceId ?? null,
  currency: sub.facts.currency,
  mrr: sub.mrr,
  failed_attempts: sub.failedAttempts,
  past_due_since: sub.pastDueSince,
  since: sub.since,
  current_period_end: sub.facts.currentPeriodEnd,
  leaves_at: sub.state === 'cancel_pending' ? endOf(sub.facts) : null,
  duplicate: false,
  is_foreign: sub.foreign === true,
  facts: JSON.stringify(sub.facts),
  created_at: sub.facts.createdAt,
  updated_at: Date.now(),
});

/**
 * Marks or unmarks the subscriptions of these accounts as duplicates of each other, whichever customer they are of.
 * Returns, for each account that has more than one live subscription, the ids of those.
 */
export async function markDuplicates(db: Db, accountIds: string[]): Promise<string[][]> {
  if (accountIds.length === 0) return [];
  const rows: Pick<StoredRow, 'id' | 'user_id' | 'state' | 'plan' | 'duplicate'>[] = await db(
    'subscriptions',
  )
    .whereIn('user_id', accountIds)
    .select('id', 'user_id', 'state', 'plan', 'duplicate');
  const live = new Map<string | null, string[]>(accountIds.map((id) => [id, []]));
  for (const { id, user_id: accountId, state, plan } of rows) {
    if (!ENDED.includes(state) && plan !== null) live.get(accountId)?.push(id);
  }
  const duplicates = [...live.values()].filter((ids) => ids.length > 1);
  const marked = new Set(duplicates.flat());
  for (const row of rows) {
    const duplicate = marked.has(row.id);
    if (Boolean(row.duplicate) !== duplicate) {
      await db('subscriptions').where({ id: row.id }).update({ duplicate });
    }
  }
  // Told once, not with every change.
  const isNew = new Set(rows.filter(({ duplicate }) => !duplicate).map(({ id }) => id));
  return duplicates.filter((ids) => ids.some((id) => isNew.has(id)));
}

export interface SubscriptionQuery {
  state?: LifecycleState;
  id?: string;
  customerId?: string;
  userId?: string;
  /** Only those whose account has more than one live subscription. */
  duplicate?: boolean;
  /** Those that are not ours, which are a list of their own; left out otherwise. */
  foreign?: boolean;
  plan?: string;
  createdFrom?: number;
  createdTo?: number;
  /** Newest first otherwise. */
  oldestFirst?: boolean;
  limit: number;
  /** The last row of the page before. */
  after?: { createdAt: number; id: string };
}

/** A page of subscriptions, newest first unless asked; the next page starts after its last row. */
export async function listSubscriptions(
  db: Db,
  query: SubscriptionQuery,
): Promise<SubscriptionRow[]> {
  const order = query.oldestFirst ? 'asc' : 'desc';
  const select = db('subscriptions')
    .orderBy([
      { column: 'created_at', order },
      { column: 'id', order },
    ])
    .limit(query.limit);
  if (query.state) void select.where({ state: query.state });
  if (query.id) void select.where({ id: query.id });
  if (query.customerId) void select.where({ customer_id: query.customerId });
  if (query.userId) void select.where({ user_id: query.userId });
  if (query.duplicate) void select.where('duplicate', true);
  if (query.id === undefined || query.foreign) {
    void select.where('is_foreign', query.foreign === true);
  }
  if (query.plan !== undefined) void select.where({ plan: query.plan });
  if (query.createdFrom !== undefined) void select.where('created_at', '>=', query.createdFrom);
  if (query.createdTo !== undefined) void select.where('created_at', '<=', query.createdTo);
  if (query.after) {
    const sign = query.oldestFirst ? '>' : '<';
    const { createdAt, id } = query.after;
    void select.whereRaw(`(created_at, id) ${sign} (?, ?)`, [createdAt, id]);
  }
  return ((await select) as StoredRow[]).map(subscriptionFromRow);
}

export type SubscriptionWithEmail = SubscriptionRow & { email: string };

/** A page of subscriptions whose customer's e-mail starts with `prefix`, in order of the e-mail. */
export async function searchByEmail(
  db: Db,
  prefix: string,
  page: { limit: number; after?: { email: string; id: string } },
): Promise<SubscriptionWithEmail[]> {
  const start = prefix.toLowerCase();
  const select = db('customers')
    .join('subscriptions', 'subscriptions.customer_id', 'customers.stripe_customer_id')
    .where('customers.email_key', '>=', start)
    .where('customers.email_key', '<', `${start}\u{10FFFF}`)
    .orderBy(['customers.email_key', 'subscriptions.id'])
    .limit(page.limit)
    .select('subscriptions.*', 'customers.email');
  if (page.after) {
    void select.whereRaw('(customers.email_key, subscriptions.id) > (?, ?)', [
      page.after.email.toLowerCase(),
      page.after.id,
    ]);
  }
  const rows: (StoredRow & { email: string })[] = await select;
  return rows.map((row) => ({ ...subscriptionFromRow(row), email: row.email }));
}

/** A subscription as far as `verify` looks for it in Stripe's list. */
export interface ListedSubscription {
  id: string;
  customerId: string;
  state: LifecycleState;
  createdAt: number;
}

const LISTED = {
  id: 'id',
  customerId: 'customer_id',
  state: 'state',
  createdAt: 'created_at',
} as const;

/** The subscriptions created after one moment and until another, in pages: for `verify`. */
export async function* subscriptionsCreatedIn(
  db: Db,
  span: { after: number; until: number },
): AsyncGenerator<ListedSubscription[]> {
  const pageSize = 500;
  let last: ListedSubscription | undefined;
  for (;;) {
    const select = db('subscriptions').orderBy(['created_at', 'id']).limit(pageSize);
    if (Number.isFinite(span.until)) void select.where('created_at', '<=', span.until);
    if (last) void select.whereRaw('(created_at, id) > (?, ?)', [last.createdAt, last.id]);
    else if (Number.isFinite(span.after)) void select.where('created_at', '>', span.after);
    const rows: ListedSubscription[] = await select.select(LISTED);
    if (rows.length > 0) yield rows;
    if (rows.length < pageSize) return;
    last = rows.at(-1);
  }
}
