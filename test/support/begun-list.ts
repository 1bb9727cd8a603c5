import type Stripe from 'stripe';
import type { StripeGateway } from '../../adapters/stripe-gateway.ts';

/** Stripe's list of the subscriptions whose period began in a span, made from what each of them is now. */
export function begunList(
  objects: Iterable<Stripe.Subscription>,
  { from, to, startingAfter }: Parameters<StripeGateway['subscriptionsBegun']>[0],
): Stripe.ApiList<Stripe.Subscription> {
  const begun = [...objects]
    .filter((object) => {
      const start = Math.max(...object.items.data.map((item) => item.current_period_start));
      return start >= Math.floor(from / 1000) && start <= Math.floor(to / 1000);
    })
    .toSorted((a, b) => b.created - a.created || (a.id < b.id ? -1 : 1));
  const first = begun.findIndex(({ id }) => id === startingAfter) + 1;
  const data = begun.slice(first, first + 100);
  return { object: 'list', url: '/v1/subscriptions', data, has_more: first + 100 < begun.length };
}
