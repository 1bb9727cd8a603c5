/** Many accounts live their stories on one stack and one clock; a story that fails is told as short as it can be. */
import { readFileSync } from 'node:fs';
import type { NewEvent } from '../../../db/webhook-events.ts';
import { catchUp } from '../../../server/webhooks/catch-up.ts';
import type { RunningEmulator } from '../../../scripts/stripe-emulator/index.ts';
import { advanceClock } from '../../../scripts/testing/clock.ts';
import { stripeSwitches } from '../../server/billing/stripe-calls.ts';
import { startTestServer, until, type TestServer } from '../../support/server.ts';
import { mixedPlans } from '../mixed-plans.ts';
import { Actor } from './actor.ts';
import { DEBIT_DAYS } from './ledger.ts';
import { liveOf, planItemOf, type Catalogue } from './observe.ts';
import { checkUsageAtEnd, secondOfCard } from './once.ts';
import type { Act, Batch, Leap, Story } from './story.ts';

const DAY = 86_400;
/** Renewals are collected an hour after their draft. */
const BEFORE = -3_600;
const IN_DRAFT = 600;
const AFTER = 2 * 3_600;
const PATIENCE_MS = 120_000;

const lossy = new WeakSet<TestServer>();
const sharing = new WeakSet<TestServer>();

export interface Failure {
  /** Which of the stories. */
  at: number;
  problems: string[];
  told: string[];
}

export interface World {
  trialDays: number;
  /** Stripe's own dunning. */
  retryDays: number[];
  finalAction: 'cancel' | 'past_due';
  /** Webhooks come twice, or in another order. */
  rough: boolean;
  /** A third of the webhooks never arrive; what was lost is caught up with after each leap. */
  lossy?: boolean;
  /** One trial per card, whichever account pays with it; all accounts share few cards. */
  onePerCard?: boolean;
}

export async function startWorld(emulator: RunningEmulator, world: World): Promise<TestServer> {
  const server = await startTestServer({
    database: 'sqlite',
    emulator,
    prepare: mixedPlans,
    env: {
      TRIAL_DAYS: String(world.trialDays),
      WEBHOOK_ACK: 'stored',
      TRIAL_ONE_PER_CARD: String(world.onePerCard === true),
    },
    engine: { overdueEvery: 200 },
    services: { usage: { flushEvery: 0, retryBase: 10, retryMax: 50 } },
  });
  const { retryDays, finalAction } = world;
  await stripeSwitches(server).settings({ retryDays, finalAction, debitDays: DEBIT_DAYS });
  await server.stripe.coupons.create({ id: 'promised', percent_off: 30, duration: 'once' });
  const half = { code: 'HALF', percentOff: 50, duration: 'once' };
  await server.call('POST', '/api/billing/promotion-codes', { admin: true, body: half });
  if (world.rough) await stripeSwitches(server).rough();
  if (world.onePerCard) sharing.add(server);
  if (world.lossy) {
    lossy.add(server);
    await stripeSwitches(server).lose(0.3);
  }
  return server;
}

export async function catalogueOf(server: TestServer): Promise<Catalogue> {
  const { plans, products } = JSON.parse(
    readFileSync(String(server.env['PLANS_FILE']), 'utf8'),
  ) as {
    plans: {
      id: string;
      rank: number;
      prices: Record<string, string>;
      meters: { priceId: string }[];
    }[];
    products: { priceId: string }[];
  };
  const amounts: Record<string, number> = { small: 2_000, big: 5_000 };
  const { data } = await server.stripe.promotionCodes.list({ code: 'HALF', limit: 1 });
  const coupon = data[0]?.promotion.coupon;
  return {
    plans: new Map(
      plans.flatMap(({ id, rank, prices }) =>
        Object.entries(prices).map(([name, price]) => {
          const interval = name === 'yearly' ? ('year' as const) : ('month' as const);
          const amount = amounts[id]! * (interval === 'year' ? 10 : 1);
          return [price, { plan: id, rank, amount, interval }] as const;
        }),
      ),
    ),
    callsPrice: plans[0]!.meters[0]!.priceId,
    oncePrice: products[0]!.priceId,
    addonPrice: String(server.env['ADDON_PRICE_ID']),
    coupon: typeof coupon === 'string' ? coupon : String(coupon?.id),
  };
}

/** Lives a batch through; returns the first failure of each account that has one. */
export async function live(server: TestServer, batch: Batch): Promise<Failure[]> {
  const catalogue = await catalogueOf(server);
  const actors = batch.stories.map(() => new Actor(server, catalogue));
  const failed = new Map<number, string[]>();
  const each = async (task: (actor: Actor, at: number) => Promise<string[]>) => {
    const going = actors.map((_, at) => at).filter((at) => !failed.has(at));
    await inGroups(going, async (at) => {
      const problems = await task(actors[at]!, at).catch((error: unknown) => [
        `it broke: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      ]);
      if (problems.length > 0) failed.set(at, problems);
    });
  };
  for (const [round, leap] of batch.leaps.entries()) {
    const acts = (at: number) => batch.stories[at]?.acts[round] ?? { do: 'rest' as const };
    await each(async (actor, at) => {
      await actor.act(acts(at));
      return [];
    });
    await rest(server);
    await each((actor) => actor.judge());
    const seconds = await leapOf(leap, actors);
    for (const actor of actors) actor.told.push(`  ${(seconds / DAY).toFixed(2)} days pass`);
    await advance(server, seconds);
    await each((actor) => actor.look());
    if (sharing.has(server)) checkCards(actors, failed);
  }
  await each(async (actor) => {
    const { said } = await actor.moment();
    if (said && said.state !== 'canceled') await actor.act({ do: 'cancel', when: 'now' });
    return [];
  });
  await rest(server);
  await advance(server, AFTER);
  await each(async (actor) => {
    const problems = await actor.look();
    const moment = await actor.moment();
    return liveOf(moment.books) ? problems : [...problems, ...checkUsageAtEnd(moment)];
  });
  return [...failed].map(([at, problems]) => ({ at, problems, told: actors[at]!.told }));
}

/** No event is on its way or waits, no effect waits, and what is overdue was looked at. */
async function rest(server: TestServer): Promise<void> {
  const { knex } = server.database;
  const away = ['mail%', 'webhook%'];
  await until(async () => {
    if (await server.isDelivering()) return false;
    const effects = knex('outbox').where({ status: 'waiting' });
    for (const kind of away) void effects.whereNot('kind', 'like', kind);
    const [event, effect] = await Promise.all([
      knex('webhook_events').where({ status: 'waiting' }).first('id'),
      effects.first('id'),
    ]);
    return event === undefined && effect === undefined;
  }, PATIENCE_MS);
}

async function advance(server: TestServer, seconds: number): Promise<void> {
  const id = String(server.env['STRIPE_TEST_CLOCK']);
  const { frozen_time } = await server.stripe.testHelpers.testClocks.retrieve(id);
  await advanceClock(server.stripe, id, frozen_time + seconds);
  await rest(server);
  await server.services.usage.flush();
  await rest(server);
  // What is found has effects, whose webhooks may be lost in turn.
  while (lossy.has(server) && (await findLost(server)) > 0) await rest(server);
}

/** The trials of accounts whose story has failed count for the others all the same. */
function checkCards(actors: readonly Actor[], failed: Map<number, string[]>): void {
  const second = secondOfCard(actors.flatMap((actor) => actor.trials()));
  for (const [at, actor] of actors.entries()) {
    const problems = actor.trials().flatMap(({ id }) => second.get(id) ?? []);
    if (problems.length > 0 && !failed.has(at)) failed.set(at, problems);
  }
}

async function findLost({ services }: TestServer): Promise<number> {
  const { engine } = services;
  const parts = { core: services, reader: engine.reader };
  const store = (events: NewEvent[]) => engine.store(events);
  return catchUp(parts, store, { since: 0, onItsWay: 0 });
}

async function leapOf(leap: Leap, actors: readonly Actor[]): Promise<number> {
  if ('days' in leap) return Math.round(leap.days * DAY);
  const offset = { before_renewal: BEFORE, in_draft: IN_DRAFT, after_renewal: AFTER }[leap.to];
  const ends: number[] = [];
  let now = 0;
  for (const actor of actors) {
    const moment = await actor.moment();
    ({ now } = moment);
    const subscription = liveOf(moment.books);
    const item = subscription && planItemOf(subscription, moment.catalogue);
    if (item && item.end + offset > now) ends.push(item.end + offset);
  }
  return ends.length === 0 ? DAY : Math.min(...ends) - now;
}

/** Some at a time: the clock stands still meanwhile. */
async function inGroups(all: readonly number[], task: (at: number) => Promise<void>) {
  const queue = [...all];
  const worker = async () => {
    for (let at = queue.shift(); at !== undefined; at = queue.shift()) await task(at);
  };
  await Promise.all(Array.from({ length: 6 }, worker));
}

/** The same failure with fewer acts: each act is left out in an account of its own, all at the same time. */
export async function shorten(
  start: () => Promise<TestServer>,
  found: { story: Story; leaps: Leap[] },
): Promise<{ story: Story; leaps: Leap[]; failure: Failure | null }> {
  let best: { story: Story; leaps: Leap[]; failure: Failure | null } = { ...found, failure: null };
  for (let pass = 0; pass < 6; pass += 1) {
    const { acts } = best.story;
    const without = acts
      .map((_, i) => acts.map((act, at): Act => (at === i ? { do: 'rest' } : act)))
      .filter((_, i) => acts[i]?.do !== 'rest');
    const stories = [{ acts }, ...without.map((some) => ({ acts: some }))];
    const server = await start();
    const failures = await live(server, { stories, leaps: best.leaps });
    await server.close();
    const shortest = failures.find(({ at }) => at > 0) ?? failures.find(({ at }) => at === 0);
    if (!shortest) return best;
    best = { ...best, story: stories[shortest.at]!, failure: shortest };
    if (shortest.at === 0) return best;
  }
  return best;
}
