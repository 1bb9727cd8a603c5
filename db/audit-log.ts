import type { Db } from './database.ts';

/** What an operator or a script did, as opposed to events of Stripe. */
export interface AuditRow {
  id: number;
  at: number;
  actor: string;
  action: string;
  /** What it was done to: an id of Stripe or of ours. */
  target: string | null;
  detail: Record<string, unknown>;
}

/** Notes an act; append-only. */
export async function recordAudit(db: Db, entry: Omit<AuditRow, 'id' | 'at'>): Promise<void> {
  await db('audit_log').insert({
    at: Date.now(),
    actor: entry.actor,
    action: entry.action,
    target: entry.target,
    detail: JSON.stringify(entry.detail),
  });
}

/** A page of the log, newest first. */
export async function listAudit(
  db: Db,
  query: { target?: string; beforeId?: number; limit: number },
): Promise<AuditRow[]> {
  const select = db('audit_log').orderBy('id', 'desc').limit(query.limit);
  if (query.target) void select.where({ target: query.target });
  if (query.beforeId !== undefined) void select.where('id', '<', query.beforeId);
  const rows: (Omit<AuditRow, 'detail'> & { detail: string })[] = await select;
  return rows.map((row) => ({
    ...row,
    detail: JSON.parse(row.detail) as Record<string, unknown>,
  }));
}
