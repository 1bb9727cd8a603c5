import { z } from 'zod';
import { mayCancel } from '../../../state/actions.ts';
import { endsByItself } from '../../../state/lifecycle.ts';
import { confirmIfAnswerLost, freshKey, notAllowed, readNow, runCommand } from '../command.ts';
import { withoutSchedule } from '../schedule.ts';
import { hasUsage, settleUsage } from '../settle-usage.ts';
import { subscriptionAnswer } from '../subscription-view.ts';
import { defineRoute } from '../../http/define-route.ts';

/** Stripe's list of reasons that a person may give. */
const FEEDBACK = [
  'customer_service',
  'low_quality',
  'missing_features',
  'other',
  'switched_service',
  'too_complex',
  'too_expensive',
  'unused',
] as const;

/** Ends the subscription, at once or with the period that is paid. */
export const cancelRoute = defineRoute({
  method: 'POST',
  path: '/api/billing/subscription/cancel',
  auth: 'user',
  summary: 'Cancel now or at the end of the period',
  body: z.strictObject({
    when: z.enum(['period_end', 'now']).default('period_end'),
    feedback: z.enum(FEEDBACK).optional(),
    comment: z.string().max(1000).optional(),
  }),
  response: subscriptionAnswer,
  errors: ['not_allowed'],
  handler: (_request, context) =>
    runCommand(context, 'cancel', async (subscription) => {
      const { services, body } = context;
      if (!mayCancel(subscription, body.when)) {
        throw notAllowed(services, subscription, `cancel ${body.when}`);
      }
      const { id } = subscription;
      const invoiceUsage = hasUsage(subscription);
      if (body.when === 'now') await settleUsage(services, subscription);
      const details = { feedback: body.feedback, comment: body.comment };
      const cancel = () =>
        body.when === 'now'
          ? services.stripe.cancelNow(id, { ...details, invoiceUsage }, freshKey('cancel', context))
          : services.stripe.cancelAtPeriodEnd(id, details, freshKey('cancel', context));
      // Stripe refuses to cancel what a schedule manages.
      await withoutSchedule(context, subscription, () =>
        confirmIfAnswerLost(cancel, async () => {
          const facts = await readNow(services, id);
          return facts.stripeStatus === 'canceled' || endsByItself(facts);
        }),
      );
    }),
});
