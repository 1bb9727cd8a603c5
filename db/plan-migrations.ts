import type { Db } from './database.ts';

export type MigrationItemStatus = 'pending' | 'working' | 'done' | 'skipped' | 'failed';

/** A run of `migrate-plan`. Times are ms since the epoch. */
export interface PlanMigration {
  id: string;
  /** What was asked for, as canonical JSON: the same request resumes the run. */
  request: string;
  plannedAt: number | null;
}

/** One subscription of a run. */
export interface MigrationItem {
  subscriptionId: string;
  customerId: string;
  status: MigrationItemStatus;
  /** Counts up when Stripe has given a final answer; part of the idempotency key. */
  attempt: number;
  /** The moment that the change is prorated to; fixed at the first try. */
  prorationAt: number | null;
  /** What it was before the change; written before Stripe is asked. */
  before: Record<string, unknown> | null;
  result: Record<string, unknown> | null;
  reason: string | null;
}

interface Row {
  subscription_id: string;
  customer_id: string;
  status: MigrationItemStatus;
  attempt: number;
  proration_at: number | null;
  before: string | null;
  result: string | null;
  reason: string | null;
}

const parsed = (text: string | null) =>
  text === null ? null : (JSON.parse(text) as Record<string, unknown>);

const fromRow = (row: Row): MigrationItem => ({
  subscriptionId: row.subscription_id,
  customerId: row.customer_id,
  status: row.status,
  attempt: row.attempt,
  prorationAt: row.proration_at,
  before: parsed(row.before),
  result: parsed(row.result),
  reason: row.reason,
});

/** The run with this request that has not finished, or null. */
export async function findOpenMigration(db: Db, request: string): Promise<PlanMigration | null> {
  const row: { id: string; planned_at: number | null } | undefined = await db('plan_migrations')
    .where({ request })
    .whereNull('finished_at')
    .orderBy('started_at', 'desc')
    .first();
  return row ? { id: row.id, request, plannedAt: row.planned_at } : null;
}

/** Begins a run. */
export async function createMigration(db: Db, migration: PlanMigration, at: number): Promise<void> {
  const { id, request } = migration;
  await db('plan_migrations').insert({ id, request, started_at: at });
}

/** Every subscription is in the ledger; from now on they may be changed. */
export async function markMigrationPlanned(db: Db, id: string, at: number): Promise<void> {
  await db('plan_migrations').where({ id }).update({ planned_at: at });
}

/** Nothing is left to do; the same request would begin a new run. */
export async function finishMigration(db: Db, id: string, at: number): Promise<void> {
  await db('plan_migrations').where({ id }).update({ finished_at: at });
}

/** Puts subscriptions into the ledger, each once. Returns how many are new in it. */
export async function addMigrationItems(
  db: Db,
  id: string,
  subscriptions: { id: string; customerId: string }[],
): Promise<number> {
  if (subscriptions.length === 0) return 0;
  const rows: unknown[] = await db('plan_migration_items')
    .insert(
      subscriptions.map((each) => ({
        migration_id: id,
        subscription_id: each.id,
        customer_id: each.customerId,
        status: 'pending',
        attempt: 1,
        updated_at: Date.now(),
      })),
    )
    .onConflict(['migration_id', 'subscription_id'])
    .ignore()
    .returning('subscription_id');
  return rows.length;
}

/** A page of those in these states, in the order of their ids. */
export async function migrationItems(
  db: Db,
  id: string,
  page: { status?: MigrationItemStatus[]; after: string; limit: number },
): Promise<MigrationItem[]> {
  const select = db('plan_migration_items')
    .where({ migration_id: id })
    .where('subscription_id', '>', page.after)
    .orderBy('subscription_id')
    .limit(page.limit);
  if (page.status) void select.whereIn('status', page.status);
  return ((await select) as Row[]).map(fromRow);
}

/** How many there are in each state. */
export async function countMigrationItems(
  db: Db,
  id: string,
): Promise<Record<MigrationItemStatus, number>> {
  const counts = { pending: 0, working: 0, done: 0, skipped: 0, failed: 0 };
  const rows: { status: MigrationItemStatus; count: number | string }[] = await db(
    'plan_migration_items',
  )
    .where({ migration_id: id })
    .groupBy('status')
    .select('status')
    .count({ count: '*' });
  for (const { status, count } of rows) counts[status] = Number(count);
  return counts;
}

/** What failed waits again, with a new attempt. Returns how many. */
export async function retryFailedItems(db: Db, id: string): Promise<number> {
  return db('plan_migration_items')
    .where({ migration_id: id, status: 'failed' })
    .update({ status: 'pending', reason: null });
}

/** Writes how far one subscription has come. */
export async function saveMigrationItem(db: Db, id: string, item: MigrationItem): Promise<void> {
  const text = (value: Record<string, unknown> | null) =>
    value === null ? null : JSON.stringify(value);
  await db('plan_migration_items')
    .where({ migration_id: id, subscription_id: item.subscriptionId })
    .update({
      status: item.status,
      attempt: item.attempt,
      proration_at: item.prorationAt,
      before: text(item.before),
      result: text(item.result),
      reason: item.reason,
      updated_at: Date.now(),
    });
}

/** How many live subscriptions have a schedule that leads to this price with their next phase. */
export async function countHeadingFor(db: Db, priceId: string): Promise<number> {
  const row: { count?: number | string } | undefined = await db('subscriptions')
    .whereNot({ state: 'canceled' })
    .whereLike('facts', `%"nextPhase":{"priceId":"${priceId}"%`)
    .count({ count: '*' })
    .first();
  return Number(row?.count ?? 0);
}
