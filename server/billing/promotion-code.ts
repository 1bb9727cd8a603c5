import type Stripe from 'stripe';
import { isGatewayError } from '../../adapters/stripe-gateway.ts';
import { AppError } from '../http/errors.ts';
import type { CoreServices } from '../lib/services.ts';

/** A code that a customer may use, and whether it counts for one invoice only. */
export interface FoundPromotion {
  id: string;
  code: string;
  once: boolean;
}

/** The active code for this customer or for everybody; null for all others, which are not said to exist. */
export async function findPromotion(
  { stripe }: Pick<CoreServices, 'stripe'>,
  customerId: string | null,
  code: string,
): Promise<Stripe.PromotionCode | null> {
  const found = await stripe.promotionByCode(code);
  if (!found) return null;
  const owner = typeof found.customer === 'string' ? found.customer : found.customer?.id;
  return (owner ?? customerId) === customerId ? found : null;
}

/** A code that a customer typed; throws 400 for one that there is not, or that counted for them already. */
export async function promotionFor(
  services: Pick<CoreServices, 'stripe'>,
  customerId: string,
  code: string | undefined,
): Promise<FoundPromotion | null> {
  if (code === undefined) return null;
  const found = await findPromotion(services, customerId, code);
  if (!found) throw unknownCode('This promotion code does not exist or has ended.');
  const { coupon } = found.promotion;
  if (coupon === null || typeof coupon === 'string') {
    return { id: found.id, code: found.code, once: false };
  }
  const once = coupon.duration === 'once';
  // Stripe counts the months of a code anew for each subscription that it is put on.
  if (coupon.duration !== 'forever') {
    const used = await services.stripe.couponsUsedBy(customerId);
    if (used.includes(coupon.id)) {
      const months = `for ${coupon.duration_in_months} months from its first use`;
      throw unknownCode(`This code counts ${once ? 'once' : months}, and was used already.`);
    }
  }
  return { id: found.id, code: found.code, once };
}

/** Stripe's refusal of a code as 400 `unknown_promotion_code`; null for any other error. */
export function refusedCode(error: unknown): AppError | null {
  if (!isGatewayError(error, 'invalid') || !error.param?.startsWith('discounts')) return null;
  // Used up, for first purchases only, in another currency: Stripe names the parameter.
  return unknownCode('This code cannot be used here.', error);
}

/** Runs what gives Stripe a code. */
export async function withCode<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw refusedCode(error) ?? error;
  }
}

/** A trial begins with an invoice of nothing, which would use the code up. */
export function spentOnTrial(): AppError {
  return new AppError(
    'unknown_promotion_code',
    'This code counts for one invoice, and that of the trial would be it. Begin the trial without the code, and apply it to the subscription then.',
    { fields: { reason: 'trial_first' } },
  );
}

function unknownCode(why: string, cause?: unknown): AppError {
  return new AppError('unknown_promotion_code', why, { cause });
}
