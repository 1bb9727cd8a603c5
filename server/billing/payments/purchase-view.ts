import { z } from 'zod';
import type { Purchase } from '../../../state/purchases.ts';

/** A purchase as the API shows it. */
export const purchaseSchema = z.object({
  id: z.string().describe('The Checkout session'),
  product: z.string(),
  quantity: z.int(),
  amount: z.int().describe('Minor units, as paid'),
  currency: z.string(),
  status: z.enum(['paid', 'returned']).describe('`returned` when all of its money has come back'),
  paidAt: z.iso.datetime(),
  metadata: z.record(z.string(), z.string()).describe('As it was given'),
});

export function viewOfPurchase(purchase: Purchase): z.infer<typeof purchaseSchema> {
  const { accountId: _account, chargeId: _charge, credit: _credit, paidAt, ...shown } = purchase;
  return { ...shown, paidAt: new Date(paidAt).toISOString() };
}
