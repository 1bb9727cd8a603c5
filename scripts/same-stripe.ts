import type { Services } from '../server/lib/services.ts';
import { otherStripe } from '../server/operations/stripe-account.ts';

/** Whether the database is of another Stripe account than the key; then it has said so. */
export async function isOfOtherStripe(services: Services): Promise<boolean> {
  const words = await otherStripe(services);
  if (words === null) return false;
  console.error(words);
  return true;
}
