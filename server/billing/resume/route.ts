import { z } from 'zod';
import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import type { SubscriptionRow } from '../../../db/subscriptions.ts';
import { isPeriodLost } from '../../../state/access.ts';
import {
  confirmIfAnswerLost,
  freshKey,
  notAllowed,
  readBackAfterFailure,
  readNow,
  requireAction,
  subscriptionNow,
  retryRead,
  type CommandContext,
} from '../command.ts';
import { withCustomerLock } from '../with-customer-lock.ts';
import { answerWithPayment, paymentAnswer } from '../payment-answer.ts';
import { collectDrafts, keptDrafts } from '../open-invoices.ts';
import { dropSchedule } from '../schedule.ts';
import { undoCancel } from './undo-cancel.ts';
import { defineRoute } from '../../http/define-route.ts';

/** Takes back what waits: a scheduled end, a coming downgrade, or a pause. */
export const resumeRoute = defineRoute({
  method: 'POST',
  path: '/api/billing/subscription/resume',
  auth: 'user',
  summary: 'Undo a scheduled cancel or downgrade, or end a pause',
  description:
    'The end of a pause is paid for with a new period; while that payment waits, `payment` says how to make it.',
  body: z.strictObject({}),
  response: paymentAnswer,
  errors: ['not_allowed'],
  handler: (_request, context) => {
    const { services, account } = context;
    return withCustomerLock(services, account.id, async () => {
      const subscription = requireAction(services, await subscriptionNow(context), 'resume');
      await readBackAfterFailure(context, subscription, () => resume(context, subscription));
      return answerWithPayment(context, subscription, 200);
    });
  },
});

async function resume(context: CommandContext, subscription: SubscriptionRow): Promise<void> {
  const { services } = context;
  const { stripe } = services;
  const { id, state, facts } = subscription;
  const now = () => readNow(services, id);
  if (state === 'cancel_pending') {
    await undoCancel(context, subscription);
  } else if (state === 'downgrading' && facts.scheduleId) {
    await dropSchedule(context, subscription);
  } else if (state === 'paused') {
    await endPause(context, subscription);
  } else if (facts.pauseCollection) {
    // Asked for first: once collection goes on, there is no pause that a retry could end.
    const drafts = await keptDrafts(context, id);
    await confirmIfAnswerLost(
      () => stripe.resumeCollection(id, {}, freshKey('resume', context)),
      async () => (await now()).pauseCollection === null,
    );
    await collectDrafts(context, drafts);
    if (isPeriodLost(facts)) await restart(context, subscription);
  } else if (isPeriodLost(facts)) {
    await restart(context, subscription);
  } else {
    throw notAllowed(services, subscription, 'resume');
  }
}

/** Its renewal was voided, by the pause most likely: a period is bought from now on. */
async function restart(context: CommandContext, { id, facts }: SubscriptionRow): Promise<void> {
  const { services } = context;
  await confirmIfAnswerLost(
    () => services.stripe.restartPeriod(id, freshKey('restart', context)),
    async () => (await readNow(services, id)).latestInvoiceId !== facts.latestInvoiceId,
  );
}

/** Active again once the new period is paid. An earlier attempt left its invoice: that one is paid, not a second. */
async function endPause(context: CommandContext, { id, facts }: SubscriptionRow): Promise<void> {
  const { services } = context;
  const { stripe } = services;
  const begun = facts.latestInvoiceId && (await stripe.retrieveInvoice(facts.latestInvoiceId));
  const waits = begun && begun.status === 'open' && begun.billing_reason === 'subscription_update';
  let invoiceId = facts.latestInvoiceId;
  if (!waits) {
    await confirmIfAnswerLost(
      () => stripe.resumePaused(id, freshKey('resume', context)),
      async () => {
        const after = await readNow(services, id);
        return after.stripeStatus === 'active' || after.latestInvoiceId !== facts.latestInvoiceId;
      },
    );
    invoiceId = (await readNow(services, id)).latestInvoiceId;
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
