import { z } from 'zod';
import type { SubscriptionRow } from '../../../db/subscriptions.ts';
import {
  confirmIfAnswerLost,
  freshKey,
  readNow,
  runCommand,
  type CommandContext,
} from '../command.ts';
import { withoutSchedule } from '../schedule.ts';
import { settleUsage } from '../settle-usage.ts';
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
            await settleUsage(services, subscription);
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

function pause(
  context: CommandContext,
  { id, facts }: SubscriptionRow,
  resumesAt: number | null,
): Promise<unknown> {
  const { stripe } = context.services;
  const stoppable =
    facts.billingMode === 'flexible' && facts.collectionMethod === 'charge_automatically';
  if (resumesAt === null && stoppable)
    return stripe.pauseSubscription(id, freshKey('pause', context));
  // Only a pause of collection has an end of its own, or exists for classic billing and sent invoices.
  return stripe.voidCollection(id, resumesAt, freshKey('pause', context));
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
