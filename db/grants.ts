import type { Grant, GrantSource } from '../state/grants.ts';
import type { Db } from './database.ts';

interface Row {
  id: string;
  account_id: string;
  plan: string | null;
  features: string;
  limits: string;
  combine: 'best' | 'add';
  source: GrantSource;
  reason: string | null;
  granted_by: string;
  created_at: number;
  ends_at: number | null;
  revoked_at: number | null;
}

const fromRow = (row: Row): Grant => ({
  id: row.id,
  accountId: row.account_id,
  plan: row.plan,
  features: JSON.parse(row.features) as string[],
  limits: JSON.parse(row.limits) as Record<string, number | null>,
  combine: row.combine,
  source: row.source,
  reason: row.reason,
  grantedBy: row.granted_by,
  createdAt: row.created_at,
  endsAt: row.ends_at,
  revokedAt: row.revoked_at,
});

/** All grants of an account, newest first, those that are over too. */
export async function grantsOf(db: Db, accountId: string): Promise<Grant[]> {
  const rows: Row[] = await db('grants')
    .where({ account_id: accountId })
    .orderBy([
      { column: 'created_at', order: 'desc' },
      { column: 'id', order: 'desc' },
    ]);
  return rows.map(fromRow);
}

export async function findGrant(db: Db, id: string): Promise<Grant | null> {
  const row: Row | undefined = await db('grants').where({ id }).first();
  return row ? fromRow(row) : null;
}

/** Stores a grant once: one with the same id stays as it is. Returns whether it is new. */
export async function addGrant(db: Db, grant: Omit<Grant, 'revokedAt'>): Promise<boolean> {
  const rows: unknown[] = await db('grants')
    .insert({
      id: grant.id,
      account_id: grant.accountId,
      plan: grant.plan,
      features: JSON.stringify(grant.features),
      limits: JSON.stringify(grant.limits),
      combine: grant.combine,
      source: grant.source,
      reason: grant.reason,
      granted_by: grant.grantedBy,
      created_at: grant.createdAt,
      ends_at: grant.endsAt,
    })
    .onConflict('id')
    .ignore()
    .returning('id');
  return rows.length > 0;
}

/** Takes the end of a grant back: what it was ended for did not hold. */
export async function unrevokeGrant(db: Db, id: string): Promise<void> {
  await db('grants').where({ id }).update({ revoked_at: null });
}

/** Ends a grant; the first end stays. Returns whether this call ended it. */
export async function revokeGrant(db: Db, id: string, at: number): Promise<boolean> {
  const changed = await db('grants').where({ id, revoked_at: null }).update({ revoked_at: at });
  return changed > 0;
}
