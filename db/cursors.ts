import { databaseNow, type Db } from './database.ts';

/** The stored position of a periodic job, or null before its first run. */
export async function readCursor(db: Db, name: string): Promise<string | null> {
  const row: { value: string | null } | undefined = await db('cursors').where({ name }).first();
  return row?.value ?? null;
}

/** The same, and how long ago it was stored, in ms. */
export async function readCursorAge(
  db: Db,
  name: string,
): Promise<{ value: string; age: number } | null> {
  const row: { value: string | null; updated_at: number; now: number } | undefined = await db(
    'cursors',
  )
    .where({ name })
    .first('value', 'updated_at', { now: databaseNow(db) });
  return row && row.value !== null ? { value: row.value, age: row.now - row.updated_at } : null;
}

/** Stores the position of a periodic job. */
export async function saveCursor(db: Db, name: string, value: string): Promise<void> {
  await db('cursors')
    .insert({ name, value, lease_until: 0, owner: '', updated_at: databaseNow(db) })
    .onConflict('name')
    .merge(['value', 'updated_at']);
}

/** Stores the first position of a periodic job; one that is there stays. */
export async function beginCursor(db: Db, name: string, value: string): Promise<void> {
  await db('cursors')
    .insert({ name, value, lease_until: 0, owner: '', updated_at: databaseNow(db) })
    .onConflict('name')
    .merge(['value', 'updated_at'])
    .whereNull('cursors.value');
}

/**
 * Makes this process the one that runs a periodic job until the lease ends; it may renew its own lease.
 * False while another process has it. A lease that ends further ahead than it can last was given by a wrong clock, and
 * is over.
 */
export async function leadJob(
  db: Db,
  name: string,
  terms: { owner: string; duration: number },
): Promise<boolean> {
  const { owner, duration } = terms;
  const now = databaseNow(db);
  const until = db.raw('? + ?', [now, duration]);
  const rows: unknown[] = await db('cursors')
    .insert({ name, lease_until: until, owner, updated_at: now })
    .onConflict('name')
    .merge(['lease_until', 'owner'])
    .where(
      (q) =>
        void q
          .where('cursors.lease_until', '<=', now)
          .orWhere('cursors.lease_until', '>', until)
          .orWhere('cursors.owner', owner),
    )
    .returning('name');
  return rows.length > 0;
}

/** Lets another process lead the job at once. */
export async function resignJob(db: Db, name: string, owner: string): Promise<void> {
  await db('cursors').where({ name, owner }).update({ lease_until: 0 });
}
