import type Stripe from 'stripe';
import { isRelevant } from '../../server/webhooks/parse-event.ts';
import type { EngineLab } from './engine-lab.ts';
import { ownerMetadata } from './owner-metadata.ts';

/** A customer of the lab's account whose card works, and what happened to their subscription. */
export interface Story {
  customerId: string;
  subscriptionId: string;
  /** What Stripe says now, as the server reads it. */
  now(): Promise<Stripe.Subscription>;
  /** What happened since this was last asked; only what changes something here, oldest first. */
  news(): Promise<Stripe.Event[]>;
}

/** Makes a customer with a working card and a paid monthly subscription. */
export async function beginStory(
  lab: EngineLab,
  params: Partial<Stripe.SubscriptionCreateParams> = {},
): Promise<Story> {
  const { stripe, prices } = lab;
  let mark = (await stripe.events.list({ limit: 1 })).data[0]!.id;
  const customer = await stripe.customers.create({
    email: 'someone@example.com',
    payment_method: 'pm_card_visa',
    invoice_settings: { default_payment_method: 'pm_card_visa' },
  });
  const { id } = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: prices.starterMonthly }],
    metadata: ownerMetadata(customer.id),
    ...params,
  });
  return {
    customerId: customer.id,
    subscriptionId: id,
    now: () => lab.gateway.retrieveSubscription(id),
    async news() {
      const events = await lab.eventsSince(mark);
      mark = events.at(-1)?.id ?? mark;
      return events.filter((event) => isRelevant(event.type));
    },
  };
}
