import type { Db } from './database.ts';

/** Whether the lock of a command was given back, or never taken. It writes nothing: waiting must cost others nothing. */
export async function isGivenBack(db: Db, key: string): Promise<boolean> {
  const row: { lease_until: number } | undefined = await db('subjects')
    .where({ key })
    .first('lease_until');
  return row === undefined || row.lease_until === 0;
}
