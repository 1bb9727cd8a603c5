import type { MailKind } from '../state/effect-kinds.ts';
import type { Db } from './database.ts';
import { rowFromOutbox, type OutboxRow, type OutboxStatus, type StoredEffect } from './outbox.ts';

/** A mail on its way, or that was sent, or not: with the reason. */
export interface MailRow extends OutboxRow {
  kind: MailKind;
  /** null for one that an older release stored. */
  accountId: string | null;
  /** null for one that was not sent. */
  sent: SentMail | null;
}

/** What a mail said, and to whom. */
export interface SentMail {
  to: string;
  subject: string;
  text: string;
  /** Absent in mails of older releases. */
  html?: string;
}

type Row = StoredEffect & { account_id: string | null; sent: string | null };

const IS_MAIL = "substr(kind, 1, 5) = 'mail.'";

const fromRow = (row: Row): MailRow => ({
  ...rowFromOutbox(row),
  kind: row.kind as MailKind,
  accountId: row.account_id,
  sent: row.sent === null ? null : (JSON.parse(row.sent) as SentMail),
});

export interface MailQuery {
  accountId?: string;
  status?: OutboxStatus;
  kind?: string;
  beforeId?: number;
  limit: number;
}

/** A page of the mails, newest first. */
export async function listMails(db: Db, query: MailQuery): Promise<MailRow[]> {
  const select = db('outbox').whereRaw(IS_MAIL).orderBy('id', 'desc').limit(query.limit);
  if (query.accountId !== undefined) void select.where({ account_id: query.accountId });
  if (query.status) void select.where({ status: query.status });
  if (query.kind) void select.where({ kind: query.kind });
  if (query.beforeId !== undefined) void select.where('id', '<', query.beforeId);
  return ((await select) as Row[]).map(fromRow);
}

export async function findMail(db: Db, id: number): Promise<MailRow | null> {
  const row: Row | undefined = await db('outbox').where({ id }).whereRaw(IS_MAIL).first();
  return row ? fromRow(row) : null;
}

/** Lets a mail that was sent, or given up, go out again. False while it waits anyway. */
export async function resendMail(db: Db, id: number, now: number): Promise<boolean> {
  const changed = await db('outbox')
    .where({ id })
    .whereRaw(IS_MAIL)
    .whereNot({ status: 'waiting' })
    .update({ status: 'waiting', attempts: 0, next_attempt_at: now, last_error: null });
  return changed > 0;
}

/** The newest mail of each of these accounts, of some kinds. */
export async function lastMailOf(
  db: Db,
  accountIds: readonly string[],
  kinds: readonly MailKind[],
): Promise<Map<string, MailRow>> {
  if (accountIds.length === 0) return new Map();
  const newest = db('outbox')
    .whereIn('account_id', [...accountIds])
    .whereIn('kind', [...kinds])
    .groupBy('account_id')
    .max({ id: 'id' });
  const rows: Row[] = await db('outbox').whereIn('id', db.select('id').from(newest.as('newest')));
  return new Map(rows.map((row) => [row.account_id ?? '', fromRow(row)]));
}
