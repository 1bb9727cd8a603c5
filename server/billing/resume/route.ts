import { z } from 'zod';
import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import type { SubscriptionRow } from '../../../db/subscriptions.ts';
import { isPeriodLost } from '../../../state/access.ts';
import { readSubscription } from '../../../state/subscription-facts.ts';
import {
  confirmIfAnswerLost,
  freshKey,
  notAllowed,
  readBackAfterFailure,
  readNow,
  requireAction,
  subscriptionNow,
  retryRead,
  type Answer,
  type CommandContext,
} from '../command.ts';
import { withCustomerLock } from '../with-customer-lock.ts';
import { answerWithPayment, paymentAnswer } from '../payment-answer.ts';
import { confirmation, requireConfirmed, type Charge, type Confirmation } from '../charge.ts';
import { collectDrafts } from '../open-invoices.ts';
import { dropSchedule } from '../schedule.ts';
import { chargeOfResume } from './charge.ts';
import { undoCancel } from './undo-cancel.ts';
import { defineRoute } from '../../http/define-route.ts';

/** Takes back what waits: a scheduled end, a coming downgrade, or a pause. */
export const resumeRoute = defineRoute({
  method: 'POST',
  path: '/api/billing/subscription/resume',
  auth: 'user',
  summary: 'Undo a scheduled cancel or downgrade, or end a pause',
  description:
    'The end of a pause is paid for with a new period, which `confirm` holds to the price of the preview; while that payment waits, `payment` says how to make it.',
  body: z.strictObject({ confirm: confirmation.optional() }),
  response: paymentAnswer,
  errors: ['not_allowed', 'quote_expired'],
  handler: (_request, context) => {
    const { services, account, body } = context;
    return withCustomerLock(services, account.id, async () => {
      const subscription = requireAction(services, await subscriptionNow(context), 'resume');
      const answer = await readBackAfterFailure(context, subscription, () =>
        resume(context, subscription, body.confirm),
      );
      return answerWithPayment(context, subscription, { status: 200, answer });
    });
  },
});

async function resume(
  context: CommandContext,
  subscription: SubscriptionRow,
  confirm: Confirmation | undefined,
): Promise<Answer> {
  const { services } = context;
  const { stripe } = services;
  const { id, state, facts } = subscription;
  const now = () => readNow(services, id);
  const charge = await chargeOfResume(services, subscription);
  requireConfirmed(charge, confirm, {});
  if (state === 'cancel_pending') return undoCancel(context, subscription);
  if (state === 'downgrading' && facts.scheduleId) {
    await dropSchedule(context, subscription);
  } else if (state === 'paused') {
    await endPause(context, subscription, charge);
  } else if (facts.pauseCollection) {
    const answer = await confirmIfAnswerLost(
      () => stripe.resumeCollection(id, {}, freshKey('resume', context)),
      async () => (await now()).pauseCollection === null,
    );
    await collectDrafts(context, charge.debts);
    if (isPeriodLost(facts)) return restart(context, subscription);
    return charge.debts.length === 0 ? answer : null;
  } else if (isPeriodLost(facts)) {
    return restart(context, subscription);
  } else {
    throw notAllowed(services, subscription, 'resume');
  }
  return null;
}

/** Its renewal was voided, by the pause most likely: a period is bought from now on. */
async function restart(context: CommandContext, { id, facts }: SubscriptionRow): Promise<Answer> {
  const { services } = context;
  return confirmIfAnswerLost(
    () => services.stripe.restartPeriod(id, freshKey('restart', context)),
    async () => (await readNow(services, id)).latestInvoiceId !== facts.latestInvoiceId,
  );
}

/** Active again once the new period is paid. An earlier attempt left its invoice: that one is paid, not a second. */
async function endPause(
  context: CommandContext,
  { id, facts }: SubscriptionRow,
  { debts: [begun] }: Charge,
): Promise<void> {
  const { services } = context;
  const { stripe } = services;
  const waits = begun !== undefined;
  let { latestInvoiceId: invoiceId } = facts;
  if (!waits) {
    const answer = await confirmIfAnswerLost(
      () => stripe.resumePaused(id, freshKey('resume', context)),
      async () => {
        const after = await readNow(services, id);
        return after.stripeStatus === 'active' || after.latestInvoiceId !== facts.latestInvoiceId;
      },
    );
    const after = answer ? readSubscription(answer) : await readNow(services, id);
    invoiceId = after.latestInvoiceId;
  }
  if (invoiceId === null) return;
  const invoice = await invoiceNow(stripe, invoiceId);
  if (invoice.status !== 'open' || (!waits && invoice.attempt_count > 0)) return;
  try {
    await confirmIfAnswerLost(
      () => stripe.payInvoice(invoice.id, null, freshKey('resume-pay', context)),
      async () => (await stripe.retrieveInvoice(invoice.id)).status === 'paid',
    );
  } catch (error) {
    // The answer says what the payment waits for, and where to make it.
    if (!isGatewayError(error, 'card_declined')) throw error;
  }
}

const invoiceNow = (stripe: CommandContext['services']['stripe'], id: string) =>
  retryRead(() => stripe.retrieveInvoice(id));
