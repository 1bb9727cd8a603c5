import { z } from 'zod';
import type { SubscriptionRow } from '../../../db/subscriptions.ts';
import { mayCredit } from '../../../state/period-payment.ts';
import { firstPeriodEnd } from '../../../state/plan-period.ts';
import {
  actionsNow,
  confirmIfAnswerLost,
  freshKey,
  readNow,
  runCommand,
  type CommandContext,
} from '../command.ts';
import { collectKeptDrafts, hasDraft } from '../open-invoices.ts';
import { periodPaymentOf } from '../period-payment.ts';
import { withoutSchedule } from '../schedule.ts';
import { hasUsage, settleUsage } from '../settle-usage.ts';
import { subscriptionAnswer } from '../subscription-view.ts';
import { AppError } from '../../http/errors.ts';
import { defineRoute } from '../../http/define-route.ts';
import type { Services } from '../../lib/services.ts';

/** Puts the subscription on hold: until resumed, or until a day on which Stripe ends the pause by itself. */
export const pauseRoute = defineRoute({
  method: 'POST',
  path: '/api/billing/subscription/pause',
  auth: 'user',
  summary: 'Pause the subscription',
  description:
    'Without `resumesAt` the period stops, the unused rest becomes credit, and resuming starts a new period. ' +
    'With it, the invoices until then are void and collection starts again by itself.',
  body: z.strictObject({ resumesAt: z.iso.datetime().optional() }),
  response: subscriptionAnswer,
  errors: ['not_allowed'],
  handler: (_request, context) => {
    const { services, body } = context;
    const resumesAt = resumeTime(services, body.resumesAt);
    return runCommand(context, 'pause', (subscription) =>
      withoutSchedule(context, subscription, () =>
        confirmIfAnswerLost(
          async () => {
            requireUsageBilled(services, subscription, resumesAt);
            await settleUsage(services, subscription);
            if (hasDraft(subscription)) await collectKeptDrafts(context, subscription.id);
            return pause(context, subscription, resumesAt);
          },
          async () => {
            const facts = await readNow(services, subscription.id);
            return facts.stripeStatus === 'paused' || facts.pauseCollection !== null;
          },
        ),
      ),
    );
  },
});

async function pause(
  context: CommandContext,
  subscription: SubscriptionRow,
  resumesAt: number | null,
): Promise<unknown> {
  const { services } = context;
  const { stripe } = services;
  const { id, facts } = subscription;
  if (resumesAt === null && isStoppable(subscription)) {
    const payment = await periodPaymentOf(services, subscription);
    const { billingMode } = facts;
    const creditUnused = mayCredit(payment, { kind: 'pause', billingMode });
    return stripe.pauseSubscription(id, { creditUnused }, freshKey('pause', context));
  }
  // Only a pause of collection has an end of its own, or exists for classic billing and sent invoices.
  return stripe.voidCollection(id, resumesAt, freshKey('pause', context));
}

function isStoppable({ facts }: SubscriptionRow): boolean {
  return facts.billingMode === 'flexible' && facts.collectionMethod === 'charge_automatically';
}

/** Throws 409 for a pause of collection over a renewal that bills usage: it would be void with that invoice. */
function requireUsageBilled(
  services: Services,
  subscription: SubscriptionRow,
  resumesAt: number | null,
): void {
  if (!hasUsage(subscription) || (resumesAt === null && isStoppable(subscription))) return;
  const renewal = firstPeriodEnd(subscription.facts);
  if (resumesAt !== null && renewal !== null && resumesAt * 1000 < renewal) return;
  const actions = actionsNow(services, subscription);
  throw new AppError(
    'not_allowed',
    isStoppable(subscription)
      ? 'What was used would never be billed. Pause without resumesAt: that bills it now.'
      : 'What was used would never be billed. Pause until a day before the renewal, or cancel.',
    { fields: { state: subscription.state, actions } },
  );
}

/** Seconds, or null; throws 400 for a day that has passed. */
function resumeTime(services: Services, given: string | undefined): number | null {
  if (given === undefined) return null;
  const at = Date.parse(given);
  if (at > services.clock.now()) return Math.floor(at / 1000);
  throw new AppError('invalid_request', 'resumesAt must be in the future.', {
    fields: { issues: [{ path: 'resumesAt', message: 'has passed' }] },
  });
}
