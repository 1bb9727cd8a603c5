import { shuffled } from '../shuffle.ts';
import { pause, type Host, type StripeEvent } from './host.ts';
import type { Life, Stage } from './stage.ts';

/** What a lesson is played with. */
export interface Scene {
  host: Host;
  stage: Stage;
  life: Life;
  seed: number;
}

/** One way in which webhook handlers go wrong, as a life that ends in a known way. */
export interface Lesson {
  id: string;
  /** What has to hold, in a sentence. */
  promise: string;
  /** What mostly is the reason when it does not. */
  hint: string;
  /** Whether the customer is active in the end. */
  active: boolean;
  /** Resolves with what was wrong besides the last answer, or null. */
  play: (scene: Scene) => Promise<string | null>;
}

const RETRY_DAYS = [32, 4, 6, 8];

export const LESSONS: readonly Lesson[] = [
  {
    id: 'in_order',
    promise: 'A customer who pays is active',
    hint: 'The handler does not know the customer, or the question asks for another one.',
    active: true,
    play: async ({ host, life }) => {
      await life.subscribe();
      return refused(await inTurn(host, await life.news()));
    },
  },
  {
    id: 'ended',
    promise: 'A subscription that has ended gives nothing',
    hint: 'customer.subscription.deleted is not handled.',
    active: false,
    play: async ({ host, life }) => {
      const { id } = await life.subscribe();
      await life.stripe.subscriptions.cancel(id);
      return refused(await inTurn(host, await life.news()));
    },
  },
  {
    id: 'duplicates',
    promise: 'Every event may come three times, also at the same moment',
    hint: 'Insert the id of the event under a unique key, and answer 2xx where it is there.',
    active: true,
    play: async ({ host, life }) => {
      await life.subscribe();
      const events = await life.news();
      const statuses = await Promise.all([...events, ...events, ...events].map(host.deliver));
      return refused(statuses);
    },
  },
  {
    id: 'reversed',
    promise: 'Events may come in any order: the last one first',
    hint: 'The event tells what was true when it was made. Read the subscription again from Stripe.',
    active: true,
    play: async ({ host, life }) => {
      await life.subscribe({ payment_behavior: 'default_incomplete' });
      await life.payOpenInvoices();
      return refused(await inTurn(host, (await life.news()).toReversed()));
    },
  },
  {
    id: 'same_second',
    promise: 'Two changes of one second may come in either order',
    hint: 'event.created has whole seconds: it puts nothing in order.',
    active: true,
    play: async ({ host, life }) => {
      await life.subscribe();
      await life.useCard('pm_card_chargeCustomerFail');
      await life.days(32);
      const failed = await life.news();
      const held = failed.find(
        ({ type, data }) => isUpdate(type) && data.object['status'] === 'past_due',
      );
      const before = await inTurn(
        host,
        failed.filter((event) => event !== held),
      );
      // The clock stands still: the payment is of the same second as the failure.
      await life.useCard('pm_card_visa');
      await life.payOpenInvoices();
      const paid = await inTurn(host, await life.news());
      const late = await inTurn(host, held ? [held] : []);
      return refused([...before, ...paid, ...late]);
    },
  },
  {
    id: 'late_update',
    promise: 'An update that comes after the end brings nothing back',
    hint: 'The event is older than what is stored. Read the subscription again from Stripe.',
    active: false,
    play: async ({ host, life }) => {
      const { id } = await life.subscribe();
      await life.stripe.subscriptions.update(id, { metadata: { seen: 'once' } });
      const early = await life.news();
      await life.stripe.subscriptions.cancel(id);
      return refused(await inTurn(host, [...(await life.news()), ...early]));
    },
  },
  {
    id: 'late_read',
    promise: 'A read that is answered late does not overwrite a newer one',
    hint: 'Handle one customer at a time, or store with a condition (a fencing token).',
    active: true,
    play: async ({ host, stage, life }) => {
      await life.subscribe({ payment_behavior: 'default_incomplete' });
      const early = await life.news();
      await stage.holdNextRead(700);
      const held = Promise.all(early.map(host.deliver));
      await pause(250);
      await life.payOpenInvoices();
      const paid = await inTurn(host, await life.news());
      return refused([...paid, ...(await held)]);
    },
  },
  {
    id: 'two_subscriptions',
    promise: 'A second subscription that was never paid does not hide the paid one',
    hint: 'Keep each subscription, and ask for the one that gives access: not for the newest.',
    active: true,
    play: async ({ host, life }) => {
      await life.subscribe();
      const second = await life.subscribe({ payment_behavior: 'default_incomplete' });
      await life.stripe.subscriptions.cancel(second.id);
      return refused(await inTurn(host, await life.news()));
    },
  },
  {
    id: 'retries_exhausted',
    promise: 'Who does not pay is not active when all attempts have failed',
    hint: 'The final states are canceled and unpaid.',
    active: false,
    play: async ({ host, life }) => {
      await life.subscribe();
      await life.useCard('pm_card_chargeCustomerFail');
      for (const days of RETRY_DAYS) await life.days(days);
      return refused(await inTurn(host, await life.news()));
    },
  },
  {
    id: 'forged',
    promise: 'An event with a wrong signature is refused',
    hint: 'Check Stripe-Signature over the raw bytes, before anything else.',
    active: true,
    play: async ({ host, life }) => {
      await life.subscribe();
      const events = await life.news();
      await inTurn(host, events);
      const real = events.find(({ type }) => type.startsWith('customer.subscription.'))!;
      const status = await host.forge({
        ...real,
        id: `${real.id}_forged`,
        type: 'customer.subscription.deleted',
        data: { object: { ...real.data.object, status: 'canceled' } },
      });
      return status >= 200 && status < 300 ? `A forged event was answered with ${status}.` : null;
    },
  },
  {
    id: 'unknown_type',
    promise: 'An event of a type that is not handled is answered with 2xx',
    hint: 'Otherwise Stripe sends it for three days, and then disables the endpoint.',
    active: true,
    play: async ({ host, life }) => {
      await life.subscribe();
      const events = await life.news();
      const stranger = { ...events[0]!, id: `${events[0]!.id}_new`, type: 'customer.unheard_of' };
      return refused(await inTurn(host, [...events, stranger]));
    },
  },
  {
    id: 'everything_at_once',
    promise: 'A whole life may arrive at once, shuffled and with duplicates',
    hint: 'All of the above together.',
    active: true,
    play: async ({ host, life, seed }) => {
      const { id } = await life.subscribe({ trial_period_days: 3 });
      await life.days(4);
      await life.useCard('pm_card_chargeCustomerFail');
      await life.days(32);
      await life.useCard('pm_card_visa');
      await life.payOpenInvoices();
      await life.stripe.subscriptions.update(id, { cancel_at_period_end: true });
      await life.stripe.subscriptions.update(id, { cancel_at_period_end: false });
      const events = await life.news();
      const some = shuffled(events, seed).slice(0, Math.ceil(events.length / 3));
      return refused(await Promise.all(shuffled([...events, ...some], seed).map(host.deliver)));
    },
  },
];

const isUpdate = (type: string) => type === 'customer.subscription.updated';

async function inTurn(host: Host, events: readonly StripeEvent[]): Promise<number[]> {
  const statuses: number[] = [];
  for (const event of events) statuses.push(await host.deliver(event));
  return statuses;
}

/** What the handler would not take, although Stripe had sent it four times. */
function refused(statuses: readonly number[]): string | null {
  const bad = statuses.find((status) => status < 200 || status >= 300);
  if (bad === undefined) return null;
  return bad === 0 ? 'An event was not answered.' : `An event was answered with ${bad}.`;
}
