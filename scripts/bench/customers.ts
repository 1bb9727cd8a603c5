import { inChunks, openDatabase } from '../../db/database.ts';
import type { EventPlan } from './payload.ts';

/**
 * The customers of a plan's subscriptions with their addresses, as checkout leaves them in the database: else
 * each receipt would cost a read of Stripe for an address.
 */
export async function addCustomers(databaseUrl: string, plan: EventPlan): Promise<void> {
  const database = openDatabase(databaseUrl, { poolSize: 1 });
  const rows = Array.from({ length: plan.subscriptions }, (_, i) => ({
    user_id: `user_${plan.tag}x${i}`,
    stripe_customer_id: `cus_${plan.tag}x${i}`,
    email: `${plan.tag}x${i}@example.com`,
    email_key: `${plan.tag}x${i}@example.com`,
    created_at: Date.now(),
  }));
  try {
    for (const chunk of inChunks(rows)) await database.knex('customers').insert(chunk);
  } finally {
    await database.close();
  }
}
