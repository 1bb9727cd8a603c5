import type Stripe from 'stripe';
import { currentSubscriptionOfUser, type SubscriptionRow } from '../../db/subscriptions.ts';
import { hadTrial } from '../../db/trials.ts';
import { AppError } from '../http/errors.ts';
import type { Services } from '../lib/services.ts';
import { actionsNow, subscriptionNow, syncAfter, type CommandContext } from './command.ts';
import { planOf } from '../../state/catalogue.ts';
import { isInCatalogue, isOfOther, isSoldByOthers } from '../../state/ownership.ts';
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
  services: Services,
  customerId: string,
): Promise<{ id: string } | null> {
  return liveAmong(services, await services.stripe.subscriptionsOf(customerId));
}

/** The same among all subscriptions of a customer; what another deployment sold to it does not count. */
export function liveAmong(
  { catalogue, config }: Services,
  known: readonly Stripe.Subscription[],
): { id: string } | null {
  const live = known.filter(({ status }) => !stripeStatus(status)?.ended);
  const isOthers = (each: Stripe.Subscription) =>
    isSoldByOthers(readSubscription(each), catalogue, config.ownership);
  return live.find((each) => !isOthers(each)) ?? null;
}

/** Throws 409 `already_subscribed` when a subscription to a plan of ours begins later by itself. */
export async function refuseComingSecond(
  { services: { stripe, catalogue, config } }: CommandContext,
  customerId: string,
): Promise<void> {
  const coming = await stripe.comingSchedules(customerId);
  const schedules = coming.filter(({ metadata }) => !isOfOther(metadata ?? {}, config.ownership));
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

/**
 * Stripe may know of a subscription whose webhook has not come yet, e.g. from another tab. Returns all that the customer
 * has and had.
 */
export async function refuseUnseenSecond(
  context: CommandContext,
  customerId: string,
): Promise<Stripe.Subscription[]> {
  await refuseComingSecond(context, customerId);
  return refuseUnseenLive(context, customerId);
}

/** The same of what has begun. */
export async function refuseUnseenLive(
  context: CommandContext,
  customerId: string,
): Promise<Stripe.Subscription[]> {
  const known = await context.services.stripe.subscriptionsOf(customerId);
  const live = liveAmong(context.services, known);
  if (!live) return known;
  await syncAfter(context, { id: live.id, customerId });
  await refuseSecond(context);
  return known;
}

/** The trial that this user gets; null when the user or the card has had one, whether or not its webhook has come. */
export async function trialDaysFor(
  { services, account }: CommandContext,
  who: {
    customerId: string;
    fingerprint?: string | null;
    known: readonly Stripe.Subscription[];
  },
): Promise<number | null> {
  const { days } = services.config.trial;
  const { known, ...ids } = who;
  if (days === 0 || known.some((each) => hadOurTrial(services, each))) return null;
  const had = await hadTrial(services.database.knex, { userId: account.id, ...ids });
  return had ? null : days;
}

function hadOurTrial({ catalogue }: Services, subscription: Stripe.Subscription): boolean {
  return (
    subscription.trial_start !== null && isInCatalogue(catalogue, readSubscription(subscription))
  );
}
