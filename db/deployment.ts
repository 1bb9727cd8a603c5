import type { Db } from './database.ts';

/** The Stripe account that the ids in this database are of. */
export interface StripeIdentity {
  /** null when the key may not say it. */
  accountId: string | null;
  mode: 'live' | 'test';
}

const ACCOUNT = 'stripe_account';
const MODE = 'stripe_mode';

/** The Stripe account that was remembered; null in a database that has not met one. */
export async function rememberedStripe(db: Db): Promise<StripeIdentity | null> {
  const rows: { name: string; value: string }[] = await db('deployment').whereIn('name', [
    ACCOUNT,
    MODE,
  ]);
  const values = new Map(rows.map(({ name, value }) => [name, value]));
  const mode = values.get(MODE);
  if (mode !== 'live' && mode !== 'test') return null;
  return { accountId: values.get(ACCOUNT) ?? null, mode };
}

/** Remembers it, in place of what was there. */
export async function rememberStripe(db: Db, { accountId, mode }: StripeIdentity): Promise<void> {
  const rows = [
    { name: MODE, value: mode },
    ...(accountId === null ? [] : [{ name: ACCOUNT, value: accountId }]),
  ];
  if (accountId === null) await db('deployment').where({ name: ACCOUNT }).delete();
  await db('deployment')
    .insert(rows.map((row) => ({ ...row, updated_at: Date.now() })))
    .onConflict('name')
    .merge();
}

/** Leaves the customers of another Stripe account behind: each account gets a new one with its next checkout. */
export async function leaveCustomers(db: Db, at: number): Promise<number> {
  return db('customers')
    .whereNotNull('stripe_customer_id')
    .whereNull('deleted_at')
    .update({ deleted_at: at });
}

/** Forgets the trials that were had with a test key: no one had them. */
export async function forgetTrials(db: Db): Promise<number> {
  return db('trials').delete();
}
