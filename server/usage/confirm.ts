import type { StripeGateway } from '../../adapters/stripe-gateway.ts';
import type { Database } from '../../db/database.ts';
import type { BillingAccount } from '../../db/usage-accounts.ts';
import { usageTotals } from '../../db/usage-totals.ts';
import type { UsageWindow } from '../../db/usage-windows.ts';

const DAY = 86_400;

/**
 * Whether Stripe counts a window that was tried so long ago that its identifier is forgotten: then the total of
 * its UTC day holds more than was acknowledged. Throws when the totals fit neither way, so that it is never
 * guessed.
 */
export async function alreadyCounted(
  ctx: { database: Database; stripe: StripeGateway },
  asked: {
    window: UsageWindow & { toldAt: number };
    account: BillingAccount;
    meterId: string;
  },
): Promise<boolean> {
  const { window, account, meterId } = asked;
  const from = Math.floor(window.toldAt / DAY) * DAY;
  const until = from + DAY;
  const total = await ctx.stripe.meterTotal(meterId, account.customerId, { from, until });
  const span = { from: from * 1000, until: until * 1000 };
  const { acknowledged } = await usageTotals(ctx.database.knex, window, span);
  if (total === acknowledged) return false;
  if (total === acknowledged + window.quantity) return true;
  throw new Error(
    `Stripe counts ${total} for that day and ${acknowledged} were acknowledged: look at the meter's events by hand`,
  );
}
