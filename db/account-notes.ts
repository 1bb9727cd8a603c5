import type { Db } from './database.ts';

/** A note of an operator on an account. */
export interface AccountNote {
  id: string;
  accountId: string;
  /** The operator, as the audit log names them. */
  author: string;
  text: string;
  createdAt: number;
}

interface Row {
  id: string;
  account_id: string;
  author: string;
  text: string;
  created_at: number;
}

export async function addNote(db: Db, note: AccountNote): Promise<void> {
  await db('account_notes').insert({
    id: note.id,
    account_id: note.accountId,
    author: note.author,
    text: note.text,
    created_at: note.createdAt,
  });
}

/** The notes on an account, newest first. */
export async function notesOf(db: Db, accountId: string, limit: number): Promise<AccountNote[]> {
  const rows: Row[] = await db('account_notes')
    .where({ account_id: accountId })
    .orderBy([
      { column: 'created_at', order: 'desc' },
      { column: 'id', order: 'desc' },
    ])
    .limit(limit);
  return rows.map((row) => ({
    id: row.id,
    accountId: row.account_id,
    author: row.author,
    text: row.text,
    createdAt: row.created_at,
  }));
}
