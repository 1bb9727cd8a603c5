import { z } from 'zod';
import { findCustomerByUser } from '../../db/customers.ts';
import { AppError } from '../http/errors.ts';
import type { Services } from '../lib/services.ts';

/** Stripe's customer of a user; null while there is none. */
export async function stripeCustomerOf(services: Services, userId: string): Promise<string | null> {
  const account = await findCustomerByUser(services.database.knex, userId);
  return account && account.deletedAt === null ? account.stripeCustomerId : null;
}

/** The same; throws 409 `no_billing_account` where there is none. */
export async function requireStripeCustomer(services: Services, userId: string): Promise<string> {
  const customerId = await stripeCustomerOf(services, userId);
  if (customerId !== null) return customerId;
  throw new AppError('no_billing_account', 'There is no billing account yet; subscribe first.');
}

/** How lists are paged: `cursor` is what the page before answered as `nextCursor`. */
export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z
    .string()
    .regex(/^\w{1,100}$/)
    .optional(),
});

/** Where the next page begins; null on the last one. */
export function nextCursorOf(page: { data: { id: string }[]; has_more: boolean }): string | null {
  return page.has_more ? (page.data.at(-1)?.id ?? null) : null;
}
