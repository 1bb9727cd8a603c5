import type { Knex } from 'knex';
import type { Db } from './database.ts';

/** By what the rows of an account are found. */
export interface AccountIds {
  accountId: string;
  customerIds: string[];
  subscriptionIds: string[];
}

type Row = Record<string, unknown>;
type Rows = Knex.QueryBuilder<Row>;

interface AccountTable {
  name: string;
  /** Its rows in order, a page at a time. */
  order: string[];
  where: (rows: Rows, ids: AccountIds) => Rows;
}

const ofAccount = (column: string) => (rows: Rows, ids: AccountIds) =>
  rows.where({ [column]: ids.accountId });
const ofSubscriptions = (column: string) => (rows: Rows, ids: AccountIds) =>
  rows.whereIn(column, ids.subscriptionIds);

const ofEvents = (rows: Rows, ids: AccountIds) =>
  rows.where(
    (q) =>
      void q
        .whereIn('subscription_id', ids.subscriptionIds)
        .orWhereIn('subject', ids.customerIds)
        .orWhereIn('object_id', ids.customerIds),
  );

const ofEffects = (rows: Rows, ids: AccountIds) =>
  rows.where((q) => {
    void q.whereIn('object_id', [...ids.subscriptionIds, ...ids.customerIds]);
    for (const id of [...ids.subscriptionIds, ...ids.customerIds]) {
      orContains(q, 'payload', JSON.stringify(id));
    }
    orContains(q, 'payload', `"userId":${JSON.stringify(ids.accountId)}`);
  });

/** Acts on the account, and requests whose body names it: that is kept as text, in which quotes are escaped. */
const ofActs = (rows: Rows, ids: AccountIds) =>
  rows.where((q) => {
    void q.whereIn('target', [ids.accountId, ...ids.subscriptionIds, ...ids.customerIds]);
    const names = [
      ...['userId', 'account', 'accountId'].map((key) =>
        JSON.stringify({ [key]: ids.accountId }).slice(1, -1),
      ),
      ...[...ids.subscriptionIds, ...ids.customerIds].map((id) => JSON.stringify(id)),
    ];
    for (const text of names) {
      orContains(q, 'detail', text);
      orContains(q, 'detail', JSON.stringify(text).slice(1, -1));
    }
  });

/** Not with LIKE, for which `Ada` is `ada` in SQLite. */
function orContains(query: Rows, column: string, text: string): void {
  void query.orWhereRaw(`replace(${column}, ?, '') <> ${column}`, [text]);
}

/** Every table in which something is stored of an account; a test holds the schema to it. */
export const ACCOUNT_TABLES: readonly AccountTable[] = [
  { name: 'customers', order: ['user_id'], where: ofAccount('user_id') },
  {
    name: 'subscriptions',
    order: ['id'],
    where: (rows, ids) => rows.whereIn('id', ids.subscriptionIds),
  },
  { name: 'transitions', order: ['id'], where: ofSubscriptions('subscription_id') },
  {
    name: 'quotes',
    order: ['subscription_id', 'proration_at'],
    where: ofSubscriptions('subscription_id'),
  },
  { name: 'trials', order: ['subscription_id'], where: ofAccount('user_id') },
  {
    name: 'payment_returns',
    order: ['id'],
    where: (rows, ids) => rows.whereIn('customer_id', ids.customerIds),
  },
  {
    name: 'before_cancel',
    order: ['subscription_id'],
    where: ofSubscriptions('subscription_id'),
  },
  { name: 'grants', order: ['id'], where: ofAccount('account_id') },
  { name: 'mrr_changes', order: ['id'], where: ofAccount('account_id') },
  { name: 'account_notes', order: ['id'], where: ofAccount('account_id') },
  { name: 'purchases', order: ['id'], where: ofAccount('account_id') },
  { name: 'usage_records', order: ['id'], where: ofAccount('user_id') },
  { name: 'usage_windows', order: ['id'], where: ofAccount('user_id') },
  { name: 'usage_totals', order: ['meter', 'window_at'], where: ofAccount('user_id') },
  {
    name: 'entitlements',
    order: ['customer_id'],
    where: (rows, ids) => rows.whereIn('customer_id', ids.customerIds),
  },
  {
    name: 'plan_migration_items',
    order: ['migration_id', 'subscription_id'],
    where: ofSubscriptions('subscription_id'),
  },
  { name: 'owner_conflicts', order: ['stripe_customer_id'], where: ofAccount('account_id') },
  { name: 'commands', order: ['id'], where: ofAccount('account_id') },
  { name: 'idempotency_keys', order: ['key'], where: ofAccount('user_id') },
  { name: 'audit_log', order: ['id'], where: ofActs },
  { name: 'outbox', order: ['id'], where: ofEffects },
  { name: 'webhook_events', order: ['id'], where: ofEvents },
];

const PAGE = 500;

/** The customers and subscriptions that are an account's, by the link and by what is stored of each. */
export async function idsOfAccount(db: Db, accountId: string): Promise<AccountIds> {
  const linked: (string | null)[] = await db('customers')
    .where({ user_id: accountId })
    .pluck('stripe_customer_id');
  // What another program sells to its own user of that name is not this account's.
  const subscriptions: { id: string; customer_id: string }[] = await db('subscriptions')
    .where({ user_id: accountId, is_foreign: false })
    .orWhereIn(
      'customer_id',
      linked.filter((id) => id !== null),
    )
    .select('id', 'customer_id');
  const customerIds = [...linked, ...subscriptions.map((row) => row.customer_id)];
  return {
    accountId,
    customerIds: [...new Set(customerIds.filter((id) => id !== null))],
    subscriptionIds: subscriptions.map(({ id }) => id),
  };
}

/** Every row that is stored of an account, table by table, in pages. */
export async function* accountRows(
  db: Db,
  ids: AccountIds,
): AsyncGenerator<{ table: string; rows: Row[] }> {
  for (const { name, order, where } of ACCOUNT_TABLES) {
    for (let offset = 0; ; offset += PAGE) {
      const rows = (await where(db(name) as Rows, ids)
        .orderBy(order)
        .offset(offset)
        .limit(PAGE)) as Row[];
      if (rows.length > 0) yield { table: name, rows };
      if (rows.length < PAGE) break;
    }
  }
}

/** Texts of an account in which a customer may be named, and the columns that hold them. */
const TEXTS: Record<string, string> = {
  transitions: 'detail',
  outbox: 'payload',
  webhook_events: 'payload',
  purchases: 'metadata',
  audit_log: 'detail',
};

/** Rewrites those texts, a page in a transaction; returns how many were changed. */
export async function rewriteTexts(
  db: Knex,
  ids: AccountIds,
  rewrite: (text: string, table: string) => string,
): Promise<number> {
  let changed = 0;
  for (const { name, where } of ACCOUNT_TABLES) {
    const column = TEXTS[name];
    if (column === undefined) continue;
    for (let after: unknown = null; ;) {
      const page = where(db(name) as Rows, ids)
        .orderBy('id')
        .limit(PAGE)
        .select('id', column);
      if (after !== null) void page.where('id', '>', after as string);
      const rows = (await page) as Row[];
      await db.transaction(async (trx) => {
        for (const row of rows) {
          const before = String(row[column]);
          const text = rewrite(before, name);
          if (text === before) continue;
          changed += 1;
          await trx(name)
            .where({ id: row['id'] as string })
            .update({ [column]: text });
        }
      });
      if (rows.length < PAGE) break;
      after = rows.at(-1)?.['id'];
    }
  }
  return changed;
}

/**
 * Forgets e-mail and name of an account, the notes on it, what its mails said, why it was given something, and the answers kept for its requests. Its
 * link stays.
 */
export async function forgetDetails(db: Db, accountId: string): Promise<void> {
  await db('customers').where({ user_id: accountId }).update({
    email: null,
    email_key: null,
    name: null,
    claimed_email: '',
    claimed_name: '',
  });
  // The reason of what was bought is the product's name.
  await db('grants')
    .where({ account_id: accountId })
    .whereNot({ source: 'purchase' })
    .update({ reason: null });
  await db('idempotency_keys').where({ user_id: accountId }).delete();
  await db('account_notes').where({ account_id: accountId }).delete();
  await db('outbox').where({ account_id: accountId }).update({ sent: null });
}
