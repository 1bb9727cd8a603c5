import type Stripe from 'stripe';
import { payCheckout } from '../../scripts/pay-checkout.ts';
import { advanceClock } from '../../scripts/testing/clock.ts';
import { fillAmounts } from '../../server/catalogue/fill-amounts.ts';
import type { NewEvent } from '../../db/webhook-events.ts';
import type { AccessCache } from '../../server/lib/services.ts';
import { catchUp } from '../../server/webhooks/catch-up.ts';
import { isRelevant } from '../../server/webhooks/parse-event.ts';
import { DASHBOARD_ACTS } from './dashboard-acts.ts';
import type { TestDatabase } from './databases.ts';
import type { EngineLab, LabEngine } from './engine-lab.ts';
import { randomFrom, type Random } from './random.ts';
import { until } from './server.ts';
import type { WebhookReceiver } from './webhook-receiver.ts';

const DAY = 86_400;
const BEGIN = 1_790_000_000;
const CARDS = [
  'pm_card_visa',
  'pm_card_chargeCustomerFail',
  'pm_card_authenticationRequired',
  'pm_card_createDispute',
];
const BOUGHT_WITH = ['4242424242424242', '4000000000000341'] as const;

export interface LifeWorld {
  lab: EngineLab;
  database: TestDatabase;
  receiver: WebhookReceiver;
  access: AccessCache;
}

/** What happened in a life, for whoever reads why it failed. */
export interface LivedLife {
  story: string[];
  subscriptionIds: string[];
  /** All that Stripe made, in its order. */
  events: Stripe.Event[];
  /** Who acted while Stripe made each event, by its id. */
  doers: ReadonlyMap<string, Doer>;
  /** As an actor is named. */
  user: string;
  engine: LabEngine;
}

/** The signed-in user by a command of ours, a customer on a page of Stripe, time, or the team in the Dashboard. */
export type Doer = 'user' | 'customer' | 'time' | 'dashboard';

/**
 * One account whose subscriptions live: commands through the API, acts in Stripe's Dashboard, cards that fail, leaps of
 * time; and whose events arrive shuffled, twice, late, or not at all until the catch-up finds them.
 */
export async function liveThrough(world: LifeWorld, seed: number): Promise<LivedLife> {
  const life = await EngineLife.begin(world, randomFrom(seed));
  try {
    await life.buy();
    const steps = 4 + life.random.below(7);
    for (let step = 0; step < steps; step += 1) await life.step();
    await life.findLost();
    await life.settle();
  } finally {
    await life.engine.services.engine.stop();
  }
  return {
    story: life.story,
    subscriptionIds: [...life.subscriptionIds],
    events: life.events,
    doers: life.doers,
    user: `user:${life.userId}`,
    engine: life.engine,
  };
}

class EngineLife {
  readonly story: string[] = [];
  readonly subscriptionIds = new Set<string>();
  readonly events: Stripe.Event[] = [];
  readonly doers = new Map<string, Doer>();
  readonly random: Random;
  readonly engine: LabEngine;
  private readonly world: LifeWorld;
  private readonly clock: string;
  private readonly hasTrial: boolean;
  private mark: string | null;
  private now = BEGIN;
  private pending: Stripe.Event[] = [];

  private constructor(
    world: LifeWorld,
    random: Random,
    begun: { clock: string; mark: string | null; hasTrial: boolean },
  ) {
    this.world = world;
    this.random = random;
    this.clock = begun.clock;
    this.mark = begun.mark;
    this.hasTrial = begun.hasTrial;
    const skew = random.below(41) - 20;
    this.story.push(`our clock is off by ${skew} s`);
    this.engine = world.lab.engine(world.database, {
      access: world.access,
      authenticate: () => ({ id: this.userId, email: 'one@example.com', name: null }),
      env: {
        STRIPE_TEST_CLOCK: begun.clock,
        OUTGOING_WEBHOOK_URL: world.receiver.url,
        OUTGOING_WEBHOOK_SECRET: `whsec_${'A'.repeat(32)}`,
        TRIAL_DAYS: begun.hasTrial ? '14' : '0',
      },
      engine: { settle: random.pick([20, 3_000]), poll: 40, overdueEvery: 0 },
    });
    const { gateway } = world.lab;
    this.engine.services.stripe.retrieveTestClock = async (id) => {
      const clock = await gateway.retrieveTestClock(id);
      return { ...clock, frozen_time: clock.frozen_time + skew };
    };
  }

  static async begin(world: LifeWorld, random: Random): Promise<EngineLife> {
    const { stripe } = world.lab;
    const clock = await stripe.testHelpers.testClocks.create({ frozen_time: BEGIN });
    const mark = (await stripe.events.list({ limit: 1 })).data[0]?.id ?? null;
    const hasTrial = random.chance(0.4);
    const life = new EngineLife(world, random, { clock: clock.id, mark, hasTrial });
    await fillAmounts(life.engine.services.catalogue, life.engine.services);
    await life.engine.services.engine.start();
    return life;
  }

  async buy(): Promise<void> {
    const plan = this.random.pick(['starter', 'pro']);
    const { body } = await this.call('checkout', { plan, interval: 'monthly' });
    const card = this.hasTrial ? this.random.pick(BOUGHT_WITH) : BOUGHT_WITH[0];
    await payCheckout(String(body['url']), { card });
    this.story.push(`buys ${plan} with ${card}`);
    await this.collect('customer');
  }

  async step(): Promise<void> {
    const isSameSecond = this.random.chance(0.25);
    if (!isSameSecond) await this.advance(30 + this.random.below(600));
    const current = await this.current();
    const name = await this.random.pick(this.choices(current))();
    this.story.push(`${isSameSecond ? 'in the same second: ' : ''}${name}`);
    await this.collect('dashboard');
    await this.deliverSome();
  }

  /** What never arrived is found in Stripe's list. */
  async findLost(): Promise<void> {
    const { services } = this.engine;
    await this.deliver(this.pending.splice(0));
    const store = (events: NewEvent[]) => services.engine.store(events);
    await catchUp({ core: services, reader: services.engine.reader }, store, { since: 0 });
  }

  /** Until nothing waits any more, here or at Stripe. */
  async settle(): Promise<void> {
    const { knex } = this.world.database;
    await until(async () => {
      this.engine.services.engine.wake();
      const event = await knex('webhook_events').where({ status: 'waiting' }).first('id');
      const effect = await knex('outbox').where({ status: 'waiting' }).first('id');
      if (event || effect) return false;
      const had = this.events.length;
      await this.collect('time');
      await this.deliver(this.pending.splice(0));
      return this.events.length === had;
    }, 60_000);
  }

  private choices(current: Stripe.Subscription | null): (() => Promise<string>)[] {
    const { stripe, prices } = this.world.lab;
    const leaps = [1, 7, 31, 90].map((days) => () => this.leap(days));
    const cards = CARDS.map((card) => () => this.useCard(card));
    if (!current || current.status === 'canceled') {
      return [() => this.command('reactivate', { plan: 'pro', interval: 'monthly' }), ...leaps];
    }
    const { id } = current;
    const inDashboard = async (params: Stripe.SubscriptionUpdateParams) => {
      await stripe.subscriptions.update(id, params).catch((error: unknown) => {
        this.story.push(`Stripe refuses: ${String(error)}`);
      });
      return `Dashboard: ${JSON.stringify(params)}`;
    };
    const item = current.items.data[0]!;
    const other = item.price.id === prices.proMonthly ? prices.starterMonthly : prices.proMonthly;
    const acts = Object.values(DASHBOARD_ACTS).map(
      (act) => () =>
        act({ lab: this.world.lab, random: this.random, current, now: this.now }).catch(
          (error: unknown) => `Stripe refuses: ${String(error)}`,
        ),
    );
    return [
      ...leaps,
      ...leaps,
      ...acts,
      ...cards,
      () => this.change('pro'),
      () => this.change('starter'),
      () => this.change('starter'),
      () => this.command('cancel', { when: 'period_end', feedback: 'unused' }),
      () => this.command('cancel', { when: 'period_end' }),
      () => this.command('cancel', { when: 'now' }),
      () => this.command('resume'),
      () => this.command('resume'),
      () => this.command('pause'),
      () => this.payOpen(),
      () => this.payOpen(),
      () => inDashboard({ cancel_at_period_end: true }),
      () => inDashboard({ cancel_at_period_end: false }),
      () => inDashboard({ items: [{ id: item.id, price: other }] }),
      async () => {
        await stripe.subscriptions.cancel(id);
        return 'Dashboard: cancel now';
      },
    ];
  }

  private async current(): Promise<Stripe.Subscription | null> {
    const id = [...this.subscriptionIds].at(-1);
    return id === undefined ? null : this.world.lab.stripe.subscriptions.retrieve(id);
  }

  get userId(): string {
    return `user_of_${this.clock}`;
  }

  private async change(plan: string): Promise<string> {
    const choice = { plan, interval: 'monthly' };
    const { status, body } = await this.call('subscription/preview', choice);
    if (status !== 200) return `preview ${plan}: ${status}`;
    return this.command('change', { ...choice, prorationDate: body['prorationDate'] });
  }

  private async command(name: string, body: object = {}): Promise<string> {
    const { status, body: answer } = await this.call(`subscription/${name}`, body);
    if (status < 300 && typeof answer['url'] === 'string') {
      await payCheckout(answer['url']);
      await this.collect('customer');
    }
    return `${name} ${JSON.stringify(body)}: ${status}`;
  }

  private async call(
    path: string,
    body: object,
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await this.engine.handler(
      new Request(`http://localhost/api/billing/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    );
    const answer = (await response.json()) as Record<string, unknown>;
    await this.collect('user');
    if (response.status >= 500) this.story.push(`${path}: ${JSON.stringify(answer)}`);
    return { status: response.status, body: answer };
  }

  private async useCard(token: string): Promise<string> {
    const { stripe } = this.world.lab;
    const current = await this.current();
    if (!current) return 'no subscription';
    const customer = typeof current.customer === 'string' ? current.customer : current.customer.id;
    const { id } = await stripe.paymentMethods.attach(token, { customer });
    await stripe.customers.update(customer, { invoice_settings: { default_payment_method: id } });
    await stripe.subscriptions.update(current.id, { default_payment_method: id });
    return `card ${token}`;
  }

  private async payOpen(): Promise<string> {
    const { stripe } = this.world.lab;
    const subscription = (await this.current())!.id;
    const [open] = (await stripe.invoices.list({ subscription, status: 'open', limit: 1 })).data;
    if (!open) return 'nothing to pay';
    const card = await this.useCard('pm_card_visa');
    await stripe.invoices.pay(open.id);
    return `${card}, pays the open invoice`;
  }

  private async leap(days: number): Promise<string> {
    await this.advance(days * DAY);
    return `${days} days pass`;
  }

  private async advance(seconds: number): Promise<void> {
    this.now += seconds;
    await advanceClock(this.world.lab.stripe, this.clock, this.now);
    await this.collect('time');
  }

  /** Takes what Stripe made since. Some of it is lost on its way. */
  private async collect(doer: Doer): Promise<void> {
    const news = await this.world.lab.eventsSince(this.mark);
    this.mark = news.at(-1)?.id ?? this.mark;
    for (const event of news.filter(({ type }) => isRelevant(type))) {
      this.events.push(event);
      this.doers.set(event.id, doer);
      if (event.data.object.object === 'subscription') {
        this.subscriptionIds.add(event.data.object.id);
      }
      if (!this.random.chance(0.12)) this.pending.push(event);
    }
  }

  private async deliverSome(): Promise<void> {
    const { random } = this;
    const shuffled = random.chance(0.7) ? random.shuffled(this.pending) : this.pending;
    const now = shuffled.splice(0, random.below(shuffled.length + 1));
    this.pending = shuffled;
    const again = now.filter(() => random.chance(0.2));
    await this.deliver([...now, ...again]);
  }

  private async deliver(events: Stripe.Event[]): Promise<void> {
    const rest = [...events];
    while (rest.length > 0) {
      const together = rest.splice(0, 1 + this.random.below(4));
      await Promise.all(together.map((event) => this.engine.deliver(event)));
    }
  }
}
