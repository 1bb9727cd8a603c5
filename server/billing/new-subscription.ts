import { currentSubscriptionOfUser, type SubscriptionRow } from '../../db/subscriptions.ts';
import { hadTrial } from '../../db/trials.ts';
import { AppError } from '../http/errors.ts';
import type { Services } from '../lib/services.ts';
import { actionsNow, subscriptionNow, syncAfter, type CommandContext } from './command.ts';
import { planOf } from '../../state/catalogue.ts';
import { isInCatalogue } from '../../state/ownership.ts';
import { readSubscription } from '../../state/subscription-facts.ts';
import { stripeStatus } from '../../state/states.ts';

/** Throws 409 `already_subscribed` unless a new subscription may begin; returns the one that there was, if any. */
export async function refuseSecond(context: CommandContext): Promise<SubscriptionRow | null> {
  const { services, account } = context;
  const { knex } = services.database;
  const stored = await currentSubscriptionOfUser(knex, account.id, services.catalogue);
  if (actionsNow(services, stored).includes('checkout')) return stored;
  // Read again: what ended at Stripe unheard must not keep its payer out for ever.
  const current = await subscriptionNow(context);
  const actions = actionsNow(services, current);
  if (actions.includes('checkout')) return current;
  throw new AppError('already_subscribed', 'There is a subscription already; change that one.', {
    fields: { state: current?.state ?? 'none', actions },
  });
}

/** The subscription of a customer to a plan of ours that has not ended, as Stripe has it; null when there is none. */
export async function liveSubscriptionOf(
  { stripe, catalogue }: Services,
  customerId: string,
): Promise<{ id: string } | null> {
  const known = await stripe.subscriptionsOf(customerId);
  const live = known.filter(({ status }) => !stripeStatus(status)?.ended);
  return live.find((each) => isInCatalogue(catalogue, readSubscription(each))) ?? null;
}

/** Throws 409 `already_subscribed` when a subscription to a plan of ours begins later by itself. */
export async function refuseComingSecond(
  { services: { stripe, catalogue } }: CommandContext,
  customerId: string,
): Promise<void> {
  const schedules = await stripe.comingSchedules(customerId);
  const prices = schedules.flatMap(({ phases }) =>
    phases.flatMap(({ items }) => items.map(({ price }) => price)),
  );
  const isOurs = prices.some((price) => {
    if (typeof price === 'string') return planOf(catalogue, { priceId: price, productId: null });
    const { product = null } = 'product' in price ? price : {};
    const productId = typeof product === 'string' ? product : (product?.id ?? null);
    return planOf(catalogue, { priceId: price.id, productId });
  });
  if (!isOurs) return;
  throw new AppError(
    'already_subscribed',
    'A subscription is scheduled to begin later; cancel that first.',
    { fields: { state: 'none', actions: [] } },
  );
}

/** Stripe may know of a subscription whose webhook has not come yet, e.g. from another tab. */
export async function refuseUnseenSecond(
  context: CommandContext,
  customerId: string,
): Promise<void> {
  await refuseComingSecond(context, customerId);
  const live = await liveSubscriptionOf(context.services, customerId);
  if (!live) return;
  await syncAfter(context, { id: live.id, customerId });
  await refuseSecond(context);
}

/** The trial that this user gets; null when the user or the card has had one. */
export async function trialDaysFor(
  { services, account }: CommandContext,
  who: { customerId: string; fingerprint?: string | null },
): Promise<number | null> {
  const { days } = services.config.trial;
  if (days === 0) return null;
  const had = await hadTrial(services.database.knex, { userId: account.id, ...who });
  return had ? null : days;
}

/** Stripe's id of a code that a customer typed; throws 400 for one that there is not, or that counted for them already. */
export async function promotionCodeId(
  { services: { stripe } }: CommandContext,
  customerId: string,
  code: string | undefined,
): Promise<string | null> {
  if (code === undefined) return null;
  const found = await stripe.promotionByCode(code);
  if (!found) throw unknownCode('This promotion code does not exist or has ended.');
  const { coupon } = found.promotion;
  if (coupon && typeof coupon !== 'string' && coupon.duration === 'once') {
    const used = await stripe.couponsUsedBy(customerId);
    if (used.includes(coupon.id)) throw unknownCode('This code counts once, and was used already.');
  }
  return found.id;
}

const unknownCode = (why: string) => new AppError('unknown_promotion_code', why);
