import { z } from 'zod';
import { currentSubscriptionOfUser } from '../../db/subscriptions.ts';
import { hadTrial } from '../../db/trials.ts';
import { actionsNow, syncAfter, type CommandContext } from '../billing/command.ts';
import { openCheckout } from '../billing/checkout-session.ts';
import { ensureStripeCustomer } from '../billing/customer.ts';
import { chosenPrice, planChoice } from '../billing/plan-choice.ts';
import { AppError } from '../errors.ts';
import { defineRoute, json } from '../route.ts';

/** Stripe statuses of a subscription that has ended. */
const ENDED = ['canceled', 'incomplete_expired'];

/** Opens Stripe's Checkout page for a plan; with a trial if this user never had one. */
export const checkoutRoute = defineRoute({
  method: 'POST',
  path: '/api/billing/checkout',
  auth: 'user',
  summary: 'Open a Checkout page to subscribe',
  body: planChoice.extend({ promotionCode: z.string().min(1).max(100).optional() }),
  response: z.object({ url: z.url(), sessionId: z.string() }),
  errors: ['unknown_plan', 'unknown_price', 'unknown_promotion_code', 'already_subscribed'],
  handler: async (_request, context) => {
    const { services, user, body } = context;
    const choice = chosenPrice(services.catalogue, body);
    await refuseSecond(context);
    const customerId = await ensureStripeCustomer(services, user);
    await refuseUnseenSecond(context, customerId);
    const session = await openCheckout(
      services,
      {
        customerId,
        userId: user.id,
        priceId: choice.priceId,
        quantity: choice.quantity,
        trialDays: await trialDaysFor(context, customerId),
        promotionCodeId: await promotionCodeId(context, body.promotionCode),
      },
      context.commandKey('checkout'),
    );
    return json({ url: session.url, sessionId: session.id });
  },
});

async function refuseSecond({ services, user }: CommandContext): Promise<void> {
  const current = await currentSubscriptionOfUser(services.database.knex, user.id);
  const actions = actionsNow(services, current);
  if (actions.includes('checkout')) return;
  throw new AppError('already_subscribed', 'There is a subscription already; change that one.', {
    fields: { state: current?.state ?? 'none', actions },
  });
}

/** Stripe may know of a subscription whose webhook has not come yet, e.g. from another tab. */
async function refuseUnseenSecond(context: CommandContext, customerId: string): Promise<void> {
  const known = await context.services.stripe.subscriptionsOf(customerId);
  const live = known.find(({ status }) => !ENDED.includes(status));
  if (!live) return;
  await syncAfter(context, { id: live.id, customerId });
  await refuseSecond(context);
}

async function trialDaysFor(
  { services, user }: CommandContext,
  customerId: string,
): Promise<number | null> {
  const { days } = services.config.trial;
  if (days === 0) return null;
  const had = await hadTrial(services.database.knex, { userId: user.id, customerId });
  return had ? null : days;
}

async function promotionCodeId(
  { services }: CommandContext,
  code: string | undefined,
): Promise<string | null> {
  if (code === undefined) return null;
  const found = await services.stripe.findPromotionCode(code);
  if (!found) {
    throw new AppError(
      'unknown_promotion_code',
      'This promotion code does not exist or has ended.',
    );
  }
  return found.id;
}
