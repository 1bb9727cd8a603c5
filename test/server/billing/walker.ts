import type Stripe from 'stripe';
import type { Arrow } from '../../../state/machine.ts';
import type { LifecycleState } from '../../../state/types.ts';
import type { Answer, TestServer } from '../../support/server.ts';
import type { Random } from '../../support/random.ts';
import { newPerson, PRO, STARTER, type Person, type View } from './person.ts';
import { stripeSwitches } from './stripe-calls.ts';

const DAY = 86_400_000;
/** Cards that pay: who comes back on a saved card gets a trial once for each of them. */
const CARDS = [
  ['pm_card_visa', '4242424242424242'],
  ['pm_card_visa_debit', '4000056655665556'],
  ['pm_card_mastercard', '5555555555554444'],
  ['pm_card_mastercard_debit', '5200828282828210'],
  ['pm_card_amex', '371449635398431'],
  ['pm_card_discover', '6011000990139424'],
  ['pm_card_diners', '3056930009020004'],
  ['pm_card_jcb', '3566002020360505'],
  ['pm_card_unionpay', '6200000000000005'],
] as const;
const BAD = 'pm_card_chargeCustomerFail';

/** How the world is set up for one walk. */
export interface World {
  /** Which card this walker has. */
  card: number;
  trialDays: number;
  withoutMethod: 'cancel' | 'pause';
  final: 'cancel' | 'unpaid';
}

/** Somebody who goes along arrows of the machine: by a command, a payment, or time that passes. */
export interface Walker {
  person: Person;
  /** Whether this arrow can be gone now. */
  can: (arrow: Arrow) => Promise<boolean>;
  /** Goes it; the name of what was done. */
  go: (arrow: Arrow) => Promise<string>;
  /** Ends whatever lives, so that time passes faster for the next one. */
  leave: () => Promise<void>;
}

/** Sets the server and Stripe up, and makes somebody without a subscription. */
export async function newWalker(
  server: TestServer,
  world: World,
  { random, trialed }: { random: Random; trialed: Set<string> },
): Promise<Walker> {
  const [GOOD, number] = CARDS[world.card % CARDS.length]!;
  const { config } = server.services;
  config.trial.days = world.trialDays;
  config.trial.endWithoutMethod = world.withoutMethod;
  // `unpaid` as a status is given by Stripe alone, after its own last attempt.
  config.dunning.finalAction = world.final === 'cancel' ? 'cancel' : 'none';
  await stripeSwitches(server).settings({ finalAction: world.final, retryDays: [3, 5, 7] });
  const person = newPerson(server);
  const { stripe } = server;

  const ok = (answer: Answer, name: string): string => {
    if (answer.status < 300) return name;
    throw new Error(`${name}: ${answer.status} ${answer.text}`);
  };
  const command = async (name: string, body: object = {}) =>
    ok(await person.command(name, body), `${name} ${JSON.stringify(body)}`);
  const change = async (choice: object) =>
    ok((await person.changeTo(choice)).answer, `change to ${JSON.stringify(choice)}`);
  const wait = async (milliseconds: number) => {
    await server.advance(milliseconds / DAY);
    return `${(milliseconds / DAY).toFixed(1)} days pass`;
  };
  const until = (time: string | null) =>
    wait(Math.max(Date.parse(String(time)) - server.services.clock.now(), 0) + 2 * 3_600_000);
  const openInvoice = async (): Promise<Stripe.Invoice | undefined> =>
    (await person.invoices()).find(({ status }) => status === 'open');
  const pay = async () => {
    const invoice = await openInvoice();
    const paymentMethod = await person.useCard(GOOD);
    const answer = await person.post(`invoices/${invoice?.id}/pay`, { paymentMethod });
    return ok(answer, 'pays the open invoice with another card');
  };
  /** A subscription whose first payment waits, as an app with its own payment form makes it. */
  const subscribeUnpaid = async () => {
    ok(await person.post('checkout', PRO), 'checkout');
    const priceId = String(server.env['STRIPE_PRO_MONTHLY_PRICE_ID']);
    await stripe.subscriptions.create({
      customer: await person.customerId(),
      items: [{ price: priceId }],
      payment_behavior: 'default_incomplete',
      metadata: { user_id: person.id },
    });
    return 'subscribes, the payment waits';
  };
  const loseMethods = async () => {
    const customer = await person.customerId();
    const methods = await stripe.paymentMethods.list({ customer });
    for (const { id } of methods.data) await stripe.paymentMethods.detach(id);
  };
  const bigger = ({ plan, quantity }: View) =>
    plan === 'starter' ? PRO : { ...PRO, quantity: (quantity ?? 1) + 1 };
  const smaller = ({ quantity }: View) =>
    (quantity ?? 1) > 1 && random.chance(0.5) ? { ...PRO, quantity: 1 } : STARTER;

  type Step = (view: View) => Promise<string>;
  const canceled: Step = async () => command('cancel', { when: 'now' });
  const cancelScheduled: Step = async () => command('cancel', { feedback: 'unused' });
  const periodEnds: Step = async ({ currentPeriodEnd }) => until(currentPeriodEnd);
  const fails: Step = async (view) => {
    await person.useCard(BAD);
    return `the card fails; ${await periodEnds(view)}`;
  };
  const trialEnds: Step = async ({ trialEnd }) => until(trialEnd);
  const nextAttempt = async () => {
    const at = (await openInvoice())?.next_payment_attempt;
    return until(at ? new Date(at * 1000).toISOString() : null);
  };

  const STEPS: Partial<Record<LifecycleState, Partial<Record<string, Step>>>> = {
    none: {
      trial_started: async () => (await person.subscribe(STARTER, number), 'starts a trial'),
      paid: async () => (await person.subscribe(random.pick([PRO, STARTER]), number), 'buys'),
      payment_pending: subscribeUnpaid,
    },
    incomplete: {
      paid: async () => {
        await person.useCard(GOOD);
        const invoice = await openInvoice();
        const answer = await person.post(`invoices/${invoice?.id}/pay`);
        return ok(answer, 'pays the first invoice');
      },
      expired: async () => wait(DAY),
    },
    trialing: {
      paid: trialEnds,
      upgraded: async (view) => change(bigger(view)),
      trial_ended_unpaid: async (view) => {
        await person.useCard(BAD);
        return `the card fails; ${await trialEnds(view)}`;
      },
      trial_ended_without_method: async (view) => {
        await loseMethods();
        return `no card is left; ${await trialEnds(view)}`;
      },
      cancel_scheduled: cancelScheduled,
      canceled,
    },
    active: {
      upgraded: async (view) => change(bigger(view)),
      renewed: periodEnds,
      downgrade_scheduled: async (view) => change(smaller(view)),
      cancel_scheduled: cancelScheduled,
      payment_failed: fails,
      paused: async () => command('pause'),
      canceled,
    },
    downgrading: {
      period_ended: periodEnds,
      downgrade_undone: async () => command('resume'),
      upgraded: async ({ quantity }) => change({ ...PRO, quantity: (quantity ?? 1) + 1 }),
      cancel_scheduled: cancelScheduled,
      payment_failed: fails,
      canceled,
    },
    cancel_pending: {
      period_ended: async ({ cancelAt }) => until(cancelAt),
      cancel_undone: async () => command('resume'),
    },
    past_due: {
      payment_succeeded: pay,
      payment_failed: nextAttempt,
      retries_exhausted: nextAttempt,
      canceled,
    },
    unpaid: { payment_succeeded: pay, canceled },
    paused: {
      resumed: async () => {
        await person.useCard(GOOD);
        return command('resume');
      },
      canceled,
    },
    canceled: {
      reactivated: async () => {
        await person.useCard(GOOD);
        return ok(await person.command('reactivate', PRO), 'comes back');
      },
    },
  };

  /** The state that the last scheduled cancel came from. */
  let canceledFrom: LifecycleState | null = null;

  return {
    person,
    async can({ from, event, to }) {
      if (!STEPS[from]?.[event]) return false;
      const view = await person.subscription();
      switch (event) {
        case 'trial_started':
          return world.trialDays > 0;
        case 'paid':
          return from !== 'none' || world.trialDays === 0;
        case 'reactivated':
          return to === (world.trialDays > 0 && !trialed.has(GOOD) ? 'trialing' : 'active');
        case 'trial_ended_without_method':
          return to === (world.withoutMethod === 'pause' ? 'paused' : 'canceled');
        case 'downgrade_scheduled':
          return view.plan === 'pro';
        case 'upgraded':
          return (view.quantity ?? 1) < 20;
        case 'cancel_undone':
          // What was scheduled before the cancel comes back.
          if (canceledFrom === 'downgrading') return to === 'downgrading';
          return to === (view.status === 'trialing' || isInTrial(view) ? 'trialing' : 'active');
        case 'resumed':
          return to === 'active';
        case 'trial_ended_unpaid':
          return !(await hasCredit());
        case 'payment_failed':
          return from === 'past_due'
            ? (await attempts(openInvoice)) < lastAttempt(world) - 1
            : !(await hasCredit());
        case 'retries_exhausted':
          return (
            to === (world.final === 'cancel' ? 'canceled' : 'unpaid') &&
            (await attempts(openInvoice)) === lastAttempt(world) - 1
          );
        default:
          return true;
      }
    },
    async go({ from, event, to }) {
      const step = STEPS[from]?.[event];
      if (!step) throw new Error(`Nobody can go ${from} ${event}`);
      const name = await step(await person.subscription());
      if (to === 'trialing') trialed.add(GOOD);
      if (event === 'cancel_scheduled') canceledFrom = from;
      await server.settled();
      return name;
    },
    async leave() {
      const view = await person.subscription();
      if (view && view.state !== 'canceled') await stripe.subscriptions.cancel(view.id);
      await server.settled();
    },
  };

  /** What a pause gave back pays the next invoices, whatever the card says. */
  async function hasCredit(): Promise<boolean> {
    const customer = await stripe.customers.retrieve(await person.customerId());
    return !customer.deleted && customer.balance < 0;
  }

  function isInTrial({ trialEnd }: View): boolean {
    return trialEnd !== null && Date.parse(trialEnd) > server.services.clock.now();
  }
}

/** The server ends it after its own count, Stripe after three retries. */
const lastAttempt = ({ final }: World) => (final === 'cancel' ? 3 : 4);

async function attempts(open: () => Promise<Stripe.Invoice | undefined>): Promise<number> {
  return (await open())?.attempt_count ?? 0;
}
