import type Stripe from 'stripe';
import type { EngineLab } from './engine-lab.ts';
import { ownerMetadata } from './owner-metadata.ts';
import type { Random } from './random.ts';

const DAY = 86_400;

/** One customer at Stripe whose subscriptions live through what `step` does to them. */
export interface Lifecycle {
  customerId: string;
  subscriptionIds: string[];
  /** Does one random thing that fits; returns its name. */
  step(): Promise<string>;
}

/** Makes a customer on a test clock of its own and a first subscription. */
export async function beginLifecycle(lab: EngineLab, random: Random): Promise<Lifecycle> {
  const { stripe, prices } = lab;
  const clock = await stripe.testHelpers.testClocks.create({ frozen_time: 1_790_000_000 });
  const customer = await stripe.customers.create({
    email: 'someone@example.com',
    test_clock: clock.id,
  });
  const subscriptionIds: string[] = [];
  let now = clock.frozen_time;
  let current: Stripe.Subscription | null = null;
  let cardFails = false;

  async function useCard(token: string): Promise<void> {
    cardFails = token === 'pm_card_chargeCustomerFail';
    const method = await stripe.paymentMethods.attach(token, { customer: customer.id });
    await stripe.customers.update(customer.id, {
      invoice_settings: { default_payment_method: method.id },
    });
  }

  async function subscribe(): Promise<string> {
    const trial = random.chance(0.4) ? { trial_period_days: random.pick([3, 14]) } : {};
    current = await stripe.subscriptions.create({
      customer: customer.id,
      metadata: ownerMetadata(customer.id),
      items: [{ price: random.pick([prices.starterMonthly, prices.proMonthly]) }],
      payment_behavior: random.chance(0.2) ? 'default_incomplete' : 'allow_incomplete',
      ...trial,
    });
    subscriptionIds.push(current.id);
    return `subscribe → ${current.status}`;
  }

  async function advance(days: number): Promise<string> {
    now += days * DAY;
    await stripe.testHelpers.testClocks.advance(clock.id, { frozen_time: now });
    for (;;) {
      const { status } = await stripe.testHelpers.testClocks.retrieve(clock.id);
      if (status === 'ready') return `advance ${days} days`;
    }
  }

  async function payOpenInvoice(): Promise<string> {
    const open = await stripe.invoices.list({ customer: customer.id, status: 'open', limit: 1 });
    const invoice = open.data[0];
    if (!invoice) return 'nothing to pay';
    await useCard('pm_card_visa');
    await stripe.invoices.pay(invoice.id);
    return 'pay the open invoice';
  }

  const update = async (params: Stripe.SubscriptionUpdateParams, name: string) => {
    await stripe.subscriptions.update(current!.id, params);
    return name;
  };

  async function switchPlan(subscription: Stripe.Subscription): Promise<string> {
    const item = subscription.items.data[0]!;
    const target =
      item.price.id === prices.starterMonthly ? prices.proMonthly : prices.starterMonthly;
    return update(
      { items: [{ id: item.id, price: target }], proration_behavior: 'create_prorations' },
      'switch the plan',
    );
  }

  function choices(subscription: Stripe.Subscription): (() => Promise<string>)[] {
    const { status } = subscription;
    if (status === 'canceled' || status === 'incomplete_expired') return [subscribe];
    const any = [
      () => advance(random.pick([1, 3, 8, 31])),
      () => useCard('pm_card_chargeCustomerFail').then(() => 'a failing card'),
      () => useCard('pm_card_visa').then(() => 'a good card'),
      () => stripe.subscriptions.cancel(subscription.id).then(() => 'cancel now'),
    ];
    // Failed payments are what most goes wrong with; let there be many.
    if (cardFails)
      any.push(
        () => advance(31),
        () => advance(31),
        () => advance(8),
      );
    if (status === 'past_due' || status === 'incomplete') {
      return [...any, () => advance(8), payOpenInvoice, payOpenInvoice];
    }
    if (status !== 'active' && status !== 'trialing') return any;
    return [
      ...any,
      () => advance(31),
      subscription.cancel_at_period_end
        ? () => update({ cancel_at_period_end: false }, 'stay after all')
        : () => update({ cancel_at_period_end: true }, 'cancel at the end'),
      () => switchPlan(subscription),
      subscription.pause_collection
        ? () => update({ pause_collection: '' }, 'collect again')
        : () => update({ pause_collection: { behavior: 'void' } }, 'pause collection'),
    ];
  }

  await useCard(random.chance(0.75) ? 'pm_card_visa' : 'pm_card_chargeCustomerFail');
  return {
    customerId: customer.id,
    subscriptionIds,
    async step() {
      if (current === null) return subscribe();
      current = await stripe.subscriptions.retrieve(current.id);
      return random.pick(choices(current))();
    },
  };
}
