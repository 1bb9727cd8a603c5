import { Stripe } from 'stripe';
import type { TestServer } from '../../support/server.ts';
import type { Random } from '../../support/random.ts';
import { newPerson, type Person } from '../billing/person.ts';
import type { MrrPlans } from './mrr-plans.ts';

/** An account that buys, grows, shrinks, leaves and comes back: in Stripe itself, and by its own commands. */
export class MrrLife {
  readonly #server: TestServer;
  readonly #plans: MrrPlans;
  readonly #random: Random;
  readonly person: Person;
  #customer: string | null = null;
  #subscription: string | null = null;

  constructor(server: TestServer, plans: MrrPlans, random: Random) {
    this.#server = server;
    this.#plans = plans;
    this.#random = random;
    this.person = newPerson(server);
  }

  /** One act, or none. What Stripe refuses as things stand is left out; answers its name. */
  async act(): Promise<string> {
    if (this.#random.chance(0.3)) return 'nothing';
    try {
      return await this.#actAtRandom();
    } catch (error) {
      if (error instanceof Stripe.errors.StripeError) return `refused: ${error.message}`;
      throw error;
    }
  }

  async #actAtRandom(): Promise<string> {
    const { stripe } = this.#server;
    if (this.#subscription === null) return this.#subscribe();
    const known = await stripe.subscriptions.retrieve(this.#subscription);
    if (known.status === 'canceled' || known.status === 'incomplete_expired') {
      return this.#random.chance(0.6) ? this.#subscribe() : 'stay away';
    }
    const acts: [string, () => Promise<unknown>][] = [
      ['change', () => this.#change(known)],
      ['change', () => this.#change(known)],
      ['seats', () => this.#seats(known)],
      ['add-on', () => this.#addon(known)],
      ['cancel', () => stripe.subscriptions.cancel(known.id)],
      [
        'leave',
        () => this.#update(known.id, { cancel_at_period_end: !known.cancel_at_period_end }),
      ],
      [
        'pause',
        () => {
          const behavior = this.#random.pick(['void', 'keep_as_draft'] as const);
          return this.#update(known.id, {
            pause_collection: known.pause_collection ? '' : { behavior },
          });
        },
      ],
      ['end trial', () => this.#update(known.id, { trial_end: 'now' })],
      ['bad card', () => this.#useCard(known, 'pm_card_chargeCustomerFail')],
      ['good card', () => this.#useCard(known, 'pm_card_visa')],
      ['command', () => this.#command(known)],
    ];
    const [name, run] = this.#random.pick(acts);
    await run();
    return name;
  }

  #update(id: string, params: Stripe.SubscriptionUpdateParams) {
    return this.#server.stripe.subscriptions.update(id, params);
  }

  async #subscribe(): Promise<string> {
    const { stripe, env } = this.#server;
    const { id } = this.person;
    if (this.#customer === null) {
      const customer = await stripe.customers.create({
        test_clock: env['STRIPE_TEST_CLOCK'] ?? '',
        metadata: { user_id: id },
      });
      this.#customer = customer.id;
    }
    await this.#attach('pm_card_visa');
    const price = this.#random.pick([...this.#plans.plans.keys()]);
    const created = await stripe.subscriptions.create({
      customer: this.#customer,
      metadata: { user_id: id },
      items: [{ price, quantity: 1 + this.#random.below(9) }],
      ...(this.#plans.inEuros.includes(price) &&
        this.#subscription === null &&
        this.#random.chance(0.4) && { currency: 'eur' }),
      ...(this.#subscription === null && this.#random.chance(0.2) && { trial_period_days: 10 }),
    });
    this.#subscription = created.id;
    return 'subscribe';
  }

  async #attach(token: string): Promise<string> {
    const { stripe } = this.#server;
    const customer = this.#customer ?? '';
    const method = await stripe.paymentMethods.attach(token, { customer });
    await stripe.customers.update(customer, {
      invoice_settings: { default_payment_method: method.id },
    });
    return method.id;
  }

  async #useCard({ id, latest_invoice }: Stripe.Subscription, token: string) {
    await this.#update(id, { default_payment_method: await this.#attach(token) });
    if (token !== 'pm_card_visa') return;
    const { stripe } = this.#server;
    const invoice = await stripe.invoices.retrieve(latest_invoice as string);
    if (invoice.status === 'open') await stripe.invoices.pay(invoice.id ?? '');
  }

  #planItem({ items }: Stripe.Subscription): Stripe.SubscriptionItem {
    const item = items.data.find(({ price }) => this.#plans.plans.has(price.id));
    if (!item) throw new Error('A subscription without a plan');
    return item;
  }

  async #change(known: Stripe.Subscription) {
    const price = this.#random.pick(
      known.currency === 'eur' ? this.#plans.inEuros : [...this.#plans.plans.keys()],
    );
    const item = this.#planItem(known);
    // An add-on is monthly, as is the meter: they go with a plan that is.
    const others = known.items.data.filter(({ id }) => id !== item.id);
    await this.#update(known.id, {
      items: [
        { id: item.id, price, quantity: 1 + this.#random.below(9) },
        ...others.map(({ id }) => ({ id, deleted: true })),
      ],
      proration_behavior: this.#random.pick(['none', 'create_prorations', 'always_invoice']),
    });
  }

  async #seats(known: Stripe.Subscription) {
    const { id } = this.#planItem(known);
    await this.#update(known.id, { items: [{ id, quantity: 1 + this.#random.below(12) }] });
  }

  async #addon(known: Stripe.Subscription) {
    if (!this.#plans.monthly.includes(this.#planItem(known).price.id)) return;
    if (known.currency !== 'usd') return;
    const { addon, metered } = this.#plans;
    const price = this.#random.pick([addon, metered]);
    const held = known.items.data.find((item) => item.price.id === price);
    await this.#update(known.id, {
      items: [
        held
          ? { id: held.id, deleted: true }
          : { price, ...(price === addon && { quantity: 1 + this.#random.below(4) }) },
      ],
    });
  }

  /** What the account itself may ask for. */
  async #command({ id }: Stripe.Subscription) {
    const { person } = this;
    const name = this.#random.pick(['cancel', 'pause', 'resume', 'downgrade']);
    if (name !== 'downgrade') {
      await person.command(name, name === 'cancel' ? { when: 'period_end' } : {});
      return;
    }
    const wish = { plan: 'flat', interval: 'monthly', quantity: 1 };
    await person.changeTo(wish).catch(() => id);
  }
}
