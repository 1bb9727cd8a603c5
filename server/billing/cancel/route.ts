import { z } from 'zod';
import type { NextPhase } from '../../../adapters/stripe-gateway.ts';
import type { SubscriptionRow } from '../../../db/subscriptions.ts';
import { mayCancel } from '../../../state/actions.ts';
import { saveBeforeCancel } from '../../../db/before-cancel.ts';
import { endsWithPeriod } from '../../../state/lifecycle.ts';
import { ownPlanEnd } from '../../../state/plan-period.ts';
import { confirmIfAnswerLost, freshKey, notAllowed, readNow, runCommand } from '../command.ts';
import { confirmation, requireConfirmed } from '../charge.ts';
import { collectDrafts, settleOpenInvoices } from '../open-invoices.ts';
import { withoutAnySchedule, withoutSchedule } from '../schedule.ts';
import { settleUsage } from '../settle-usage.ts';
import { subscriptionAnswer } from '../subscription-view.ts';
import { defineRoute } from '../../http/define-route.ts';
import { billsUsage, chargeOfCancel } from './charge.ts';

/** Stripe's list of reasons that a customer may give. */
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

export const cancelBody = z.strictObject({
  when: z.enum(['period_end', 'now']).default('period_end'),
  feedback: z.enum(FEEDBACK).optional(),
  comment: z.string().max(1000).optional(),
});

/** Ends the subscription, at once or with the period that is paid. */
export const cancelRoute = defineRoute({
  method: 'POST',
  path: '/api/billing/subscription/cancel',
  auth: 'user',
  summary: 'Cancel now or at the end of the period',
  description:
    'Ending now bills what was used and is not billed yet. `confirm` says how much may be charged at most.',
  body: cancelBody.extend({ confirm: confirmation.optional() }),
  response: subscriptionAnswer,
  errors: ['not_allowed', 'quote_expired'],
  handler: (_request, context) =>
    runCommand(context, 'cancel', async (subscription) => {
      const { services, body } = context;
      if (!mayCancel(subscription, body.when)) {
        throw notAllowed(services, subscription, `cancel ${body.when}`);
      }
      const { id } = subscription;
      const before = Math.floor(services.clock.now() / 1000) * 1000;
      const invoiceUsage = billsUsage(subscription);
      if (body.when === 'now') {
        await settleUsage(services, subscription);
        const charge = await chargeOfCancel(services, subscription);
        requireConfirmed(charge, body.confirm, { atMost: true });
        await collectDrafts(context, charge.debts);
      }
      const details = { feedback: body.feedback, comment: body.comment };
      // Stripe's own "period end" is that of the item that ends first.
      const end = ownPlanEnd(services.catalogue, subscription.facts);
      const at = end === null ? undefined : end / 1000;
      const ends = body.when === 'now';
      const cancel = () =>
        ends
          ? services.stripe.cancelNow(id, { ...details, invoiceUsage }, freshKey('cancel', context))
          : services.stripe.cancelAtPeriodEnd(id, { ...details, at }, freshKey('cancel', context));
      const isDone = async () => {
        const facts = await readNow(services, id);
        return facts.stripeStatus === 'canceled' || endsWithPeriod(services.catalogue, facts);
      };
      const run = async (nextPhase: NextPhase | null) => {
        const { cancelAt } = subscription.facts;
        const { knex } = services.database;
        // Undoing it brings these back.
        if (!ends) {
          const savedAt = services.clock.now();
          await saveBeforeCancel(knex, id, { nextPhase, cancelAt, savedAt });
        }
        return confirmIfAnswerLost(cancel, isDone);
      };
      // Stripe refuses to cancel what a schedule manages.
      const answer = await (ends ? withoutAnySchedule : withoutSchedule)(
        context,
        subscription,
        run,
      );
      const mayBeOpen = ends && mayOwe(subscription);
      const settled = mayBeOpen ? await settleOpenInvoices(context, id, before) : 0;
      return settled > 0 ? null : answer;
    }),
});

function mayOwe({ state, facts }: SubscriptionRow): boolean {
  const invoices = [facts.latestInvoice?.status, facts.planInvoice?.status];
  return state === 'past_due' || state === 'unpaid' || invoices.includes('open');
}
