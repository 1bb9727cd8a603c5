import type Stripe from 'stripe';
import { z } from 'zod';
import { currentSubscriptionOfUser, type SubscriptionRow } from '../../../db/subscriptions.ts';
import type { Action } from '../../../state/types.ts';
import { changePlan } from './change-plan.ts';
import {
  actionsNow,
  readBackAfterFailure,
  requireAction,
  subscriptionNow,
  type CommandContext,
} from '../command.ts';
import { followDetails } from '../customer.ts';
import { withCustomerLock } from '../with-customer-lock.ts';
import { answerWithPayment, paymentAnswer } from '../payment-answer.ts';
import { changeChoice, planTarget, type ChangeChoice, type PlanTarget } from './plan-target.ts';
import { closeQuote, lossesOfChange, priceOfStored } from './quote.ts';
import { defineRoute } from '../../http/define-route.ts';
import { AppError } from '../../http/errors.ts';
import type { Services } from '../../lib/services.ts';

const prorationDate = z.iso.datetime().nullish();

/** Another plan or interval: bigger at once, smaller with the next period. */
export const changeRoute = defineRoute({
  method: 'POST',
  path: '/api/billing/subscription/change',
  auth: 'user',
  summary: 'Change the plan, at once or with the next period',
  body: changeChoice.extend({ prorationDate }),
  response: paymentAnswer,
  status: 202,
  errors: [
    'unknown_plan',
    'unknown_price',
    'unknown_addon',
    'not_allowed',
    'quote_expired',
    'card_declined',
  ],
  handler: (_request, context) => change(context, 'change', context.body),
});

/** More seats at once, fewer with the next period. */
export const quantityRoute = defineRoute({
  method: 'POST',
  path: '/api/billing/subscription/quantity',
  auth: 'user',
  summary: 'Change the number of seats',
  body: z.strictObject({
    quantity: z.int().min(1).max(1_000_000),
    prorationDate,
    when: z.enum(['now', 'period_end']).optional(),
  }),
  response: paymentAnswer,
  status: 202,
  errors: ['not_allowed', 'quote_expired', 'card_declined'],
  handler: (_request, context) => change(context, 'quantity', context.body),
});

type ChangeBody = ChangeChoice & { prorationDate?: string | null | undefined };

function change(context: CommandContext, action: Action, body: ChangeBody): Promise<Response> {
  const { services, account } = context;
  return withCustomerLock(services, account.id, async () => {
    const asStored = await quotedAsStored(context, action, body);
    const subscription =
      asStored?.subscription ?? requireAction(services, await subscriptionNow(context), action);
    const wanted = {
      target: planTarget(services.catalogue, subscription, body),
      prorationDate: body.prorationDate ?? undefined,
      price: asStored?.price ?? null,
    };
    requireAsked(services, subscription, { target: wanted.target, when: body.when });
    const answer = await readBackAfterFailure(context, subscription, () =>
      changePlan(context, subscription, wanted),
    );
    await closeQuote(services, subscription, wanted);
    return answerWithPayment(context, subscription, { status: 202, answer });
  });
}

/** Throws 409 for a change at once that takes paid time without credit, unless `when` says "now": then it was asked for. */
function requireAsked(
  services: Services,
  subscription: SubscriptionRow,
  { target, when }: { target: PlanTarget; when: ChangeChoice['when'] },
): void {
  const [loss] = when === 'now' ? [] : lossesOfChange(services, subscription, target);
  if (!loss) return;
  const words = `This change takes effect at once. ${loss.message} Show that, and send "when": "now".`;
  const { state } = subscription;
  const actions = actionsNow(services, subscription);
  throw new AppError('not_allowed', words, { fields: { state, actions, reason: 'loss' } });
}

/**
 * A change that was quoted is priced again before it is made, and the price tells whether the subscription is as stored:
 * then it need not be read. Null where it has to be.
 */
async function quotedAsStored(
  context: CommandContext,
  action: Action,
  body: ChangeBody,
): Promise<{ subscription: SubscriptionRow; price: Stripe.Invoice } | null> {
  const { services, account } = context;
  const { catalogue, database } = services;
  const { prorationDate } = body;
  if (!prorationDate) return null;
  await followDetails(services, context);
  const stored = await currentSubscriptionOfUser(database.knex, account.id, catalogue);
  if (!stored || !actionsNow(services, stored).includes(action)) return null;
  const target = planTarget(catalogue, stored, body);
  if (target.unchanged || target.effective !== 'now' || !target.prorate) return null;
  const price = await priceOfStored(services, stored, { target, prorationDate });
  return price && { subscription: stored, price };
}
