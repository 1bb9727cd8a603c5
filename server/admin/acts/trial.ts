import { z } from 'zod';
import {
  confirmIfAnswerLost,
  freshKey,
  notAllowed,
  readBackAfterFailure,
  readNow,
  subscriptionNow,
} from '../../billing/command.ts';
import { answerWithPayment, paymentAnswer } from '../../billing/payment-answer.ts';
import { withCustomerLock } from '../../billing/with-customer-lock.ts';
import { json } from '../../http/define-route.ts';
import { AppError } from '../../http/errors.ts';
import type { Services } from '../../lib/services.ts';
import { defineAct } from './act.ts';

/** Stripe's own limit. */
const MAX_MS = 730 * 86_400_000;

const trialBody = z.strictObject({ endsAt: z.iso.datetime({ offset: true }).nullable() });

/** What the end of a trial charges, and when. */
export const trialPreview = defineAct({
  name: 'trial.preview',
  path: 'subscription/trial/preview',
  summary: 'What is charged when the trial of an account ends',
  noted: false,
  body: trialBody,
  response: z.object({
    endsAt: z.iso.datetime(),
    before: z.iso.datetime().nullable(),
    amountDue: z.int(),
    currency: z.string(),
  }),
  run: async (context) => {
    const { services, body } = context;
    const end = endIn(services, body);
    const subscription = await subscriptionNow(context);
    if (subscription?.state !== 'trialing') {
      throw notAllowed(services, subscription, 'change the trial of');
    }
    const { trialEnd } = subscription.facts;
    const renewal = await services.stripe.previewRenewal(subscription.id);
    return json({
      endsAt: new Date(end === 'now' ? services.clock.now() : end * 1000).toISOString(),
      before: trialEnd === null ? null : new Date(trialEnd).toISOString(),
      amountDue: renewal.amount_due,
      currency: renewal.currency,
    });
  },
});

/** Another end of a running trial. */
export const trial = defineAct({
  name: 'trial',
  path: 'subscription/trial',
  summary: 'Extend a trial, shorten it, or end it now',
  description: '`null` ends it now: then the first period is charged at once.',
  body: trialBody,
  response: paymentAnswer,
  errors: ['card_declined'],
  run: (context) => {
    const { services, account, body } = context;
    const end = endIn(services, body);
    return withCustomerLock(services, account.id, async () => {
      const subscription = await subscriptionNow(context);
      if (subscription?.state !== 'trialing') {
        throw notAllowed(services, subscription, 'change the trial of');
      }
      const { id } = subscription;
      await readBackAfterFailure(context, subscription, () =>
        confirmIfAnswerLost(
          () => services.stripe.setTrialEnd(id, end, freshKey('trial', context)),
          async () => {
            const { trialEnd, stripeStatus } = await readNow(services, id);
            return end === 'now' ? stripeStatus !== 'trialing' : trialEnd === end * 1000;
          },
        ),
      );
      return answerWithPayment(context, subscription, { status: 200, answer: null });
    });
  },
});

/** Seconds; throws 400 for a day that has passed, or is too far away. */
function endIn(
  { clock }: Pick<Services, 'clock'>,
  { endsAt }: z.output<typeof trialBody>,
): number | 'now' {
  if (endsAt === null) return 'now';
  const end = Math.floor(Date.parse(endsAt) / 1000);
  const now = clock.now();
  if (end * 1000 > now && end * 1000 <= now + MAX_MS) return end;
  throw new AppError('invalid_request', 'endsAt: must be in the future, within two years.');
}
