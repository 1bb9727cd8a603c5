import { z } from 'zod';
import type { SubscriptionRow } from '../../db/subscriptions.ts';
import { notAllowed, runCommand, type CommandContext } from '../billing/command.ts';
import { subscriptionAnswer } from '../billing/subscription-view.ts';
import { defineRoute } from '../route.ts';

/** Takes back what waits: a scheduled end, a coming downgrade, or a pause. */
export const resumeRoute = defineRoute({
  method: 'POST',
  path: '/api/billing/subscription/resume',
  auth: 'user',
  summary: 'Undo a scheduled cancel or downgrade, or end a pause',
  body: z.strictObject({}),
  response: subscriptionAnswer,
  errors: ['not_allowed'],
  handler: (_request, context) =>
    runCommand(context, 'resume', (subscription) => resume(context, subscription)),
});

function resume(context: CommandContext, subscription: SubscriptionRow): Promise<unknown> {
  const { stripe } = context.services;
  const { id, state, facts } = subscription;
  const key = context.commandKey('resume');
  if (state === 'cancel_pending') {
    // The portal of a flexible subscription sets `cancel_at` and leaves the flag alone.
    const field = facts.cancelAtPeriodEnd ? 'cancel_at_period_end' : 'cancel_at';
    return stripe.undoCancel(id, field, key);
  }
  if (state === 'downgrading' && facts.scheduleId) {
    return stripe.releaseSchedule(facts.scheduleId, key);
  }
  if (state === 'paused') return stripe.resumePaused(id, key);
  if (facts.pauseCollection) return stripe.resumeCollection(id, key);
  throw notAllowed(context.services, subscription, 'resume');
}
