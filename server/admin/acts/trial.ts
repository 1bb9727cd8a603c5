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
import { AppError } from '../../http/errors.ts';
import { defineAct } from './act.ts';

/** Stripe's own limit. */
const MAX_MS = 730 * 86_400_000;

/** Another end of a running trial. */
export const trial = defineAct({
  name: 'trial',
  path: 'subscription/trial',
  summary: 'Extend a trial, shorten it, or end it now',
  description: '`null` ends it now: then the first period is charged at once.',
  body: z.strictObject({ endsAt: z.iso.datetime({ offset: true }).nullable() }),
  response: paymentAnswer,
  errors: ['card_declined'],
  run: (context) => {
    const { services, account, body } = context;
    const end = body.endsAt === null ? 'now' : Math.floor(Date.parse(body.endsAt) / 1000);
    const now = services.clock.now();
    if (end !== 'now' && (end * 1000 <= now || end * 1000 > now + MAX_MS)) {
      throw new AppError('invalid_request', 'endsAt: must be in the future, within two years.');
    }
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
