import type { Db } from './database.ts';

/** Lookup keys of the features that Stripe grants a customer, as last read; null when they were never read. */
export async function entitlementsOf(db: Db, customerId: string): Promise<string[] | null> {
  const row: { features: string } | undefined = await db('entitlements')
    .where({ customer_id: customerId })
    .first();
  return row ? (JSON.parse(row.features) as string[]) : null;
}

/** Stores what a read said. `readAt` is when it began: an older read never replaces a newer one. */
export async function saveEntitlements(
  db: Db,
  customerId: string,
  read: { features: string[]; readAt: number },
): Promise<void> {
  await db('entitlements')
    .insert({
      customer_id: customerId,
      features: JSON.stringify(read.features),
      read_at: read.readAt,
    })
    .onConflict('customer_id')
    .merge(['features', 'read_at'])
    .where('entitlements.read_at', '<', read.readAt);
}
