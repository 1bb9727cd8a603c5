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
 * Holds a command to the amount that was shown: throws 409 `quote_expired` when it is another by now. `atMost`: usage adds
 * up while the page is read, so that less than what was confirmed is as good. Without `confirm` a command takes what is
 * owed or listed anyway: usage so far, a renewal whose invoice is still a draft, the plan at its price. `oldDebts`, which
 * come as a surprise, throw 409 `confirmation_required`.
 */
export function requireConfirmed(
  charge: Charge,
  confirm: Confirmation | undefined,
  { atMost = false, oldDebts = false }: { atMost?: boolean; oldDebts?: boolean },
): void {
  const amountDue = amountOf(charge);
  const { currency } = charge;
  const fields = { reason: 'price', amountDue, currency };
  const money = formatMoney(amountDue, currency);
  if (!confirm) {
    if (!oldDebts || amountDue <= 0) return;
    const words = `This charges ${money} now. Show it, and send it as "confirm".`;
    throw new AppError('confirmation_required', words, { fields });
  }
  const isSame = confirm.amountDue === amountDue && confirm.currency === currency;
  const isLess = atMost && confirm.currency === currency && confirm.amountDue >= amountDue;
  if (isSame || isLess || (atMost && amountDue <= 0)) return;
  const words = `The amount has changed: it is ${money} now. Show it, and send it as "confirm".`;
  throw new AppError('quote_expired', words, { fields });
}
