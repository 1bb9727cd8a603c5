import {
  isOpenPack,
  PURCHASE_KEY,
  TAKEN_BACK_KEY,
} from '../../../adapters/stripe-gateway/credit-packs.ts';
import { findPurchase } from '../../../db/purchases.ts';
import type { EffectPayloads } from '../../../state/effect-kinds.ts';
import type { CoreServices } from '../../lib/services.ts';

type Parts = Pick<CoreServices, 'database' | 'stripe'>;

/**
 * Makes the prepaid credit of a purchase at Stripe what the purchase says: given once when it was paid, taken back as far as it
 * is left when its money came back, and given again when a dispute is won. Stripe is asked what is there, so it may be repeated.
 * Returns a note when there was nothing to do.
 */
export async function settleCredit(
  { database, stripe }: Parts,
  { purchaseId, customerId }: EffectPayloads['credit.settle'],
  now: number,
): Promise<string | null> {
  const purchase = await findPurchase(database.knex, purchaseId);
  const terms = purchase?.credit;
  if (!purchase || !terms) return 'there is no purchase with credit';
  const all = await stripe.listCreditGrants(customerId);
  const own = all.filter(({ metadata }) => metadata[PURCHASE_KEY] === purchaseId);
  const open = own.filter((grant) => isOpenPack(grant, now));
  if (purchase.status === 'returned') {
    for (const { id } of open) await takeBack(stripe, customerId, id);
    return open.length === 0 ? 'there was no credit to take back' : null;
  }
  const [latest] = own;
  // What ended by its own date stays ended.
  const back = latest && Number(latest.metadata[TAKEN_BACK_KEY] ?? 0);
  const amount = latest ? back : terms.amount;
  if (open.length > 0 || !amount) return 'the credit was given before';
  const { name, priceIds, expiresAt } = terms;
  if (expiresAt !== null && expiresAt <= now) return 'the time of the credit is over';
  const made = await stripe.createCreditGrant(
    {
      customerId,
      userId: purchase.accountId,
      purchaseId,
      name,
      amount,
      currency: purchase.currency,
      priceIds,
      expiresAt: expiresAt === null ? null : Math.floor(expiresAt / 1000),
    },
    `credit-${purchaseId}-${own.length}`,
  );
  // Its money may have come back just now, by an effect that found no credit yet.
  const isReturned = (await findPurchase(database.knex, purchaseId))?.status === 'returned';
  if (isReturned) await takeBack(stripe, customerId, made.id);
  return null;
}

async function takeBack(
  stripe: Parts['stripe'],
  customerId: string,
  grantId: string,
): Promise<void> {
  await stripe.takeBackCreditGrant(grantId, await stripe.creditLeft(customerId, grantId));
}
