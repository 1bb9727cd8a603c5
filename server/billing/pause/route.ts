import { z } from 'zod';
import type { SubscriptionRow } from '../../../db/subscriptions.ts';
import { firstPeriodEnd } from '../../../state/plan-period.ts';
import {
  actionsNow,
  confirmIfAnswerLost,
  freshKey,
  readNow,
  runCommand,
  type Answer,
  type CommandContext,
} from '../command.ts';
import { confirmation, requireConfirmed, type Confirmation } from '../charge.ts';
import { collectDrafts, hasDraft } from '../open-invoices.ts';
import { withoutSchedule } from '../schedule.ts';
import { hasUsage, settleUsage } from '../settle-usage.ts';
import { subscriptionAnswer } from '../subscription-view.ts';
import { AppError } from '../../http/errors.ts';
import { defineRoute } from '../../http/define-route.ts';
import type { Services } from '../../lib/services.ts';
import { chargeOfPause, creditsUnused, isStoppable } from './charge.ts';

export const pauseBody = z.strictObject({ resumesAt: z.iso.datetime().optional() });

/** Puts the subscription on hold: until resumed, or until a day on which Stripe ends the pause by itself. */
export const pauseRoute = defineRoute({
  method: 'POST',
  path: '/api/billing/subscription/pause',
  auth: 'user',
  summary: 'Pause the subscription',
  description:
    'Without `resumesAt` the period stops, the unused rest becomes credit, and resuming starts a new period. ' +
    'With it, the invoices until then are void and collection starts again by itself. What was ' +
    'used is billed now: `confirm` says how much may be charged at most.',
  body: pauseBody.extend({ confirm: confirmation.optional() }),
  response: subscriptionAnswer,
  errors: ['not_allowed', 'quote_expired'],
  handler: (_request, context) => {
    const { services, body } = context;
    const resumesAt = resumeTime(services, body.resumesAt);
    return runCommand(context, 'pause', (subscription) =>
      withoutSchedule(context, subscription, () =>
        confirmIfAnswerLost(
          () => pause(context, subscription, { resumesAt, confirm: body.confirm }),
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
  { resumesAt, confirm }: { resumesAt: number | null; confirm: Confirmation | undefined },
): Promise<Answer> {
  const { services } = context;
  const { stripe } = services;
  const { id } = subscription;
  requireUsageBilled(services, subscription, resumesAt);
  await settleUsage(services, subscription);
  const stops = resumesAt === null && isStoppable(subscription);
  let creditUnused = stops && (await creditsUnused(services, subscription));
  if (hasDraft(subscription) || hasUsage(subscription)) {
    const charge = await chargeOfPause(services, subscription, { stops, creditUnused });
    requireConfirmed(charge, confirm, { atMost: true });
    await collectDrafts(context, charge.debts);
    // A period whose draft is paid by now can be credited.
    if (stops && charge.debts.length > 0)
      creditUnused = await creditsUnused(services, subscription);
  }
  // Only a pause of collection has an end of its own, or exists for classic billing and sent invoices.
  if (!stops) return stripe.voidCollection(id, resumesAt, freshKey('pause', context));
  return stripe.pauseSubscription(id, { creditUnused }, freshKey('pause', context));
}

/** Throws 409 for a pause of collection over a renewal that bills usage: it would be void with that invoice. */
export function requireUsageBilled(
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
export function resumeTime(services: Services, given: string | undefined): number | null {
  if (given === undefined) return null;
  const at = Date.parse(given);
  if (at > services.clock.now()) return Math.floor(at / 1000);
  throw new AppError('invalid_request', 'resumesAt must be in the future.', {
    fields: { issues: [{ path: 'resumesAt', message: 'has passed' }] },
  });
}
