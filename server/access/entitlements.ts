import type { Database } from '../../db/database.ts';
import { saveEntitlements } from '../../db/entitlements.ts';
import type { AccessCache } from '../lib/services.ts';
import type { Logger } from '../lib/log.ts';
import type { StripeReader } from '../lib/engine-types.ts';

interface Parts {
  database: Database;
  access: AccessCache;
  log: Logger;
}

export interface EntitledCustomer {
  customerId: string;
  userId: string | null;
}

/** Reads what Stripe entitles a customer to, and stores it. Throws what the read throws. */
export async function readEntitlements(
  parts: Pick<Parts, 'database' | 'access'>,
  reader: StripeReader,
  { customerId, userId }: EntitledCustomer,
): Promise<void> {
  const readAt = Date.now();
  const features = await reader.read((stripe) => stripe.activeEntitlements(customerId));
  await saveEntitlements(parts.database.knex, customerId, { features, readAt });
  if (userId !== null) parts.access.invalidate(userId);
}

/** Customers who are being read for the first time, by database. */
const reading = new WeakMap<Database, Set<string>>();

/** Reads, in the background, a customer that has not been read yet: the flag is new, or the event was lost. */
export function readEntitlementsSoon(
  parts: Parts,
  reader: StripeReader,
  customer: EntitledCustomer,
): void {
  const known = reading.get(parts.database) ?? new Set();
  reading.set(parts.database, known);
  const { customerId } = customer;
  if (known.has(customerId)) return;
  known.add(customerId);
  readEntitlements(parts, reader, customer)
    .catch((error: unknown) =>
      parts.log.warn({ err: error, customerId }, 'entitlements could not be read'),
    )
    .finally(() => known.delete(customerId));
}
