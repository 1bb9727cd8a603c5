import type { Db } from './database.ts';

/** The stored position of a periodic job, or null before its first run. */
export async function readCursor(db: Db, name: string): Promise<string | null> {
  const row: { value: string | null } | undefined = await db('cursors').where({ name }).first();
  return row?.value ?? null;
}

/** Stores the position of a periodic job. */
export async function saveCursor(db: Db, name: string, value: string): Promise<void> {
  await db('cursors')
    .insert({ name, value, lease_until: 0, owner: '', updated_at: Date.now() })
    .onConflict('name')
    .merge(['value', 'updated_at']);
}

/**
 * Makes this process the one that runs a periodic job until the lease ends; it may renew its own lease.
 * False while another process has it.
 */
export async function leadJob(
  db: Db,
  name: string,
  terms: { owner: string; now: number; duration: number },
): Promise<boolean> {
  const rows: unknown[] = await db('cursors')
    .insert({
      name,
      lease_until: terms.now + terms.duration,
      owner: terms.owner,
      updated_at: Date.now(),
    })
    .onConflict('name')
    .merge(['lease_until', 'owner'])
    .where(
      (q) =>
        void q.where('cursors.lease_until', '<=', terms.now).orWhere('cursors.owner', terms.owner),
    )
    .returning('name');
  return rows.length > 0;
}

/** Lets another process lead the job at once. */
export async function resignJob(db: Db, name: string, owner: string): Promise<void> {
  await db('cursors').where({ name, owner }).update({ lease_until: 0 });
}
