import { customersByStripeId, type CustomerRow } from '../../../db/customers.ts';
import type { Db } from '../../../db/database.ts';
import { objectsWithEffect } from '../../../db/outbox.ts';
import { findSubscriptions, type SubscriptionRow } from '../../../db/subscriptions.ts';
import { createLookup } from '../../lib/batch-queue.ts';

/** What effects look up as they are sent; those that are sent together share the statements. */
export interface Lookups {
  subscription: (id: string) => Promise<SubscriptionRow | null>;
  /** By the customer's id at Stripe. */
  customer: (stripeCustomerId: string) => Promise<CustomerRow | null>;
  /** Whether the end of dunning was decided for an invoice. */
  endsDunning: (invoiceId: string) => Promise<true | null>;
}

export function createLookups(db: Db): Lookups {
  return {
    subscription: createLookup(async (ids) => {
      const rows = await findSubscriptions(db, ids);
      return new Map(rows.map((row) => [row.id, row]));
    }),
    customer: createLookup((ids) => customersByStripeId(db, ids)),
    endsDunning: createLookup((ids) => objectsWithEffect(db, 'dunning.final_action', ids)),
  };
}
