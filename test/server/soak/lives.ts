import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type Stripe from 'stripe';
import type { EngineLab } from '../../support/engine-lab.ts';
import { ownerMetadata } from '../../support/owner-metadata.ts';
import type { Random } from '../../support/random.ts';
import { tokenFor } from '../../support/tokens.ts';
import type { World } from './world.ts';

/** What happens to one customer; the same seed does not repeat it, since the servers answer as they can. */
export interface Life {
  subscriptionId: string;
  story: string[];
  /** Does things, one in a second at most, until it is told to end. */
  live(end: AbortSignal): Promise<void>;
}

export async function beginLife(world: World, random: Random): Promise<Life> {
  const { stripe, prices } = world.lab;
  const customer = await stripe.customers.create({
    email: 'someone@example.com',
    payment_method: 'pm_card_visa',
    invoice_settings: { default_payment_method: 'pm_card_visa' },
  });
  const trial = random.chance(0.3) ? { trial_period_days: 14 } : {};
  let current: Stripe.Subscription = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: random.pick([prices.starterMonthly, prices.proMonthly]) }],
    metadata: ownerMetadata(customer.id),
    ...trial,
  });
  const { id } = current;
  const story = [`${id}: ${current.status}`];
  const token = await tokenFor(`user_of_${customer.id}`, { expiresIn: '12h' });

  const inDashboard = async (params: Stripe.SubscriptionUpdateParams) => {
    current = await stripe.subscriptions.update(id, params);
    return `Dashboard: ${JSON.stringify(params)} → ${current.status}`;
  };
  async function useCard(card: string): Promise<string> {
    const method = await stripe.paymentMethods.attach(card, { customer: customer.id });
    await stripe.customers.update(customer.id, {
      invoice_settings: { default_payment_method: method.id },
    });
    return card;
  }
  /** As a client does: the same key until there is an answer, from whichever server has one. */
  async function command(name: string, body: object = {}): Promise<string> {
    const key = randomUUID();
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const { process } = random.pick(world.seats);
      try {
        const response = await fetch(`${process.url}/api/billing/subscription/${name}`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${token}`,
            'content-type': 'application/json',
            'idempotency-key': key,
          },
          body: JSON.stringify(body),
          signal: AbortSignal.timeout(10_000),
        });
        await response.body?.cancel();
        if (response.status < 500) return `${name}: ${response.status}`;
      } catch {
        // A server that is stopped, killed or cut off.
      }
      await sleep(500);
    }
    return `${name}: no answer`;
  }
  function switchPlan(): Promise<string> {
    const item = current.items.data[0]!;
    const price =
      item.price.id === prices.starterMonthly ? prices.proMonthly : prices.starterMonthly;
    return inDashboard({
      items: [{ id: item.id, price }],
      proration_behavior: random.pick(['create_prorations', 'always_invoice'] as const),
    });
  }
  const acts: (() => Promise<string>)[] = [
    () => inDashboard({ cancel_at_period_end: true }),
    () => inDashboard({ cancel_at_period_end: false }),
    () => inDashboard({ pause_collection: { behavior: 'void' } }),
    () => inDashboard({ pause_collection: '' }),
    switchPlan,
    switchPlan,
    () => useCard(random.pick(['pm_card_visa', 'pm_card_chargeCustomerFail'])),
    () => command('cancel', { when: 'period_end' }),
    () => command('cancel', { when: 'period_end' }),
    () => command('resume'),
    () => command('resume'),
    () => command('pause'),
  ];
  return {
    subscriptionId: id,
    story,
    async live(end) {
      while (!end.aborted) {
        // Two things of one second have no order that Stripe would tell.
        await sleep(1_100 + random.below(1_500));
        const act = random.chance(0.04)
          ? async () => {
              await stripe.subscriptions.cancel(id);
              return 'Dashboard: cancel now';
            }
          : random.pick(acts);
        // What Stripe refuses is no news.
        const said = await act().catch((error: unknown) => String(error));
        story.push(`${new Date().toISOString().slice(11, 23)} ${said}`);
        if (said === 'Dashboard: cancel now') return;
      }
    },
  };
}

/** Every event of the account, in Stripe's order. */
export function createNews(lab: EngineLab): () => Promise<Stripe.Event[]> {
  let mark: string | null = null;
  return async () => {
    const news = await patiently(() => lab.eventsSince(mark));
    mark = news.at(-1)?.id ?? mark;
    return news;
  };
}

/** Asks until it is answered: the account's faults strike whoever asks. */
export async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      if (attempt >= 100) throw error;
      await sleep(200);
    }
  }
}
