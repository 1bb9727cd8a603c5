import { AsyncLocalStorage } from 'node:async_hooks';
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
  /** The request that asked for it, and where that came from; null for a script. */
  requestId: string | null;
  address: string | null;
}

/** The request that is handled. */
export interface AuditSource {
  requestId: string;
  address: string | null;
  /** Rows that it has written. */
  recorded: number;
}

const sources = new AsyncLocalStorage<AuditSource>();

/** Runs a request; every act that it notes tells where it came from. */
export function withAuditSource<T>(source: AuditSource, task: () => Promise<T>): Promise<T> {
  return sources.run(source, task);
}

/** Notes an act; append-only. */
export async function recordAudit(
  db: Db,
  entry: Pick<AuditRow, 'actor' | 'action' | 'target' | 'detail'>,
): Promise<void> {
  const source = sources.getStore();
  await db('audit_log').insert({
    at: Date.now(),
    actor: entry.actor,
    action: entry.action,
    target: entry.target,
    detail: JSON.stringify(entry.detail),
    request_id: source?.requestId ?? null,
    address: source?.address ?? null,
  });
  if (source) source.recorded += 1;
}

/** A page of the log, newest first. */
export async function listAudit(
  db: Db,
  query: { target?: string; beforeId?: number; limit: number },
): Promise<AuditRow[]> {
  const select = db('audit_log').orderBy('id', 'desc').limit(query.limit);
  if (query.target) void select.where({ target: query.target });
  if (query.beforeId !== undefined) void select.where('id', '<', query.beforeId);
  const rows: Stored[] = await select;
  return rows.map(({ request_id: requestId, detail, ...row }) => ({
    ...row,
    requestId,
    detail: JSON.parse(detail) as Record<string, unknown>,
  }));
}

type Stored = Omit<AuditRow, 'detail' | 'requestId'> & {
  detail: string;
  request_id: string | null;
};
