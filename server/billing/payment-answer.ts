import { z } from 'zod';
import type { SubscriptionRow } from '../../db/subscriptions.ts';
import { STATES } from '../../state/states.ts';
import type { StoredSubscription } from '../../state/types.ts';
import { json } from '../http/define-route.ts';
import { syncAfter, type Answer, type CommandContext } from './command.ts';
import { paymentNeeded, paymentNeededFor } from './payment-needed.ts';
import { subscriptionSchema, subscriptionView } from './subscription-view.ts';

export const paymentAnswer = z.object({
  subscription: subscriptionSchema.nullable(),
  /** Set while the change waits for a payment; until then the plan stays as it was. */
  payment: paymentNeeded.nullable(),
});

/** Stores what the last call answered, or what is read back, and answers with it, and with the payment that it waits for. */
export async function answerWithPayment(
  context: CommandContext,
  subscription: SubscriptionRow,
  { status, answer }: { status: number; answer: Answer },
): Promise<Response> {
  const { services } = context;
  const next = await syncAfter(context, subscription, answer);
  const unpaid = next && waitsForPayment(next) ? next.facts.latestInvoiceId : null;
  const payment = unpaid === null ? null : await paymentNeededFor(services, unpaid);
  return json({ subscription: next && subscriptionView(services, next), payment }, status);
}

function waitsForPayment({ state, facts }: StoredSubscription): boolean {
  if (facts.pendingUpdate) return true;
  return STATES[state].awaitsPayment;
}
