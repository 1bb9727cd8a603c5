import type Stripe from 'stripe';
import { z } from 'zod';
import { formatMoney } from '../../state/money.ts';
import { AppError } from '../http/errors.ts';

/** What a command takes at once. */
export interface Charge {
  currency: string;
  /** The invoice that it makes; null when it makes none. */
  invoice: Stripe.Invoice | null;
  /** Invoices from before that it collects. */
  debts: readonly Stripe.Invoice[];
}

/** The amount of a preview, by which a command that charges says that it was shown. */
export const confirmation = z.strictObject({
  amountDue: z.int().min(0),
  currency: z.string().regex(/^[a-z]{3}$/),
});
export type Confirmation = z.infer<typeof confirmation>;

/** Everything together, in minor units. */
export function amountOf({ invoice, debts }: Charge): number {
  return debts.reduce((sum, debt) => sum + debt.amount_remaining, invoice?.amount_due ?? 0);
}

/**
 * Throws 409 `confirmation_required` for a charge that was not shown, and `quote_expired` for one that is another by now.
 * `atMost`: usage adds up while the page is read, so that less than what was confirmed is as good.
 */
export function requireConfirmed(
  charge: Charge,
  confirm: Confirmation | undefined,
  { atMost }: { atMost: boolean },
): void {
  const amountDue = amountOf(charge);
  const { currency } = charge;
  if (!confirm && amountDue <= 0) return;
  const fields = { reason: 'price', amountDue, currency };
  const money = formatMoney(amountDue, currency);
  if (!confirm) {
    const words = `This charges ${money} now. Show it, and send it as "confirm".`;
    throw new AppError('confirmation_required', words, { fields });
  }
  const isSame = confirm.amountDue === amountDue && confirm.currency === currency;
  const isLess = atMost && confirm.currency === currency && confirm.amountDue >= amountDue;
  if (isSame || isLess || (atMost && amountDue <= 0)) return;
  const words = `The amount has changed: it is ${money} now. Show it, and send it as "confirm".`;
  throw new AppError('quote_expired', words, { fields });
}
