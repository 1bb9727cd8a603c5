import { setTimeout as sleep } from 'node:timers/promises';
import type Stripe from 'stripe';
import type { Catalogue } from '../../../state/catalogue.ts';
import { isRelevant } from '../../../server/webhooks/parse-event.ts';
import type { Random } from '../../support/random.ts';
import { deliverTo } from '../../support/server-processes.ts';
import { expectWhole } from './comparison.ts';
import { beginLife, createNews, type Life } from './lives.ts';
import type { Trouble } from './troubles.ts';
import { comesTrue, readyOf, type World } from './world.ts';

/** After the cause is gone. */
const RECOVERY_MS = 30_000;
/** What was lost is looked for when it can no longer be on its way, by a process that leads for a minute. */
const LOST_MS = 120_000;
/** Lives go on for so long at least, also where the troubles are short. */
const LEAST_MS = 5_000;
const READY_MS = 15_000;
/** Deliveries are answered in `ackTimeout`, 8 s; the rest is room for a slow machine. */
const ANSWER_MS = 12_000;

export interface RoundPlan {
  troubles: Record<string, Trouble>;
  /** How many troubles, at the same time. */
  count: number;
  lives: number;
  holdMs: number;
  /** Shares of the events. */
  lost: number;
  doubled: number;
}

export interface RoundResult {
  said: string[];
  events: number;
  lost: number;
  lines: number;
  /** From the end of the last trouble until nothing that had arrived waited, in ms. */
  recovered: number;
  longestAnswer: number;
  /** Mails and webhooks that went out again, under the same id. */
  again: number;
}

/** What a world has lived through so far. */
export interface Lived {
  news: () => Promise<Stripe.Event[]>;
  events: Stripe.Event[];
  lives: Life[];
}

export const newlyLived = (world: World): Lived => ({
  news: createNews(world.lab),
  events: [],
  lives: [],
});

export interface RoundParts {
  world: World;
  record: Lived;
  catalogue: Catalogue;
  random: Random;
}

/** Customers live while things go wrong; then all is healed and compared. Throws what is not as it should be. */
export async function playRound(parts: RoundParts, plan: RoundPlan): Promise<RoundResult> {
  const { world, record, random } = parts;
  const wrong: string[] = [];
  const deliveries: Promise<void>[] = [];
  const lost = new Set<string>();
  let longestAnswer = 0;

  async function deliver(event: Stripe.Event): Promise<void> {
    await sleep(random.below(random.chance(0.2) ? 4_000 : 300));
    for (let attempt = 0; ; attempt += 1) {
      const seat = random.pick(world.seats);
      const wasBroken = seat.isBroken;
      const from = performance.now();
      const status = await deliverTo(seat.process, event);
      const took = performance.now() - from;
      if (!wasBroken && !seat.isBroken) {
        longestAnswer = Math.max(longestAnswer, took);
        if (took > ANSWER_MS) wrong.push(`${seat.name} answered ${event.id} after ${took} ms`);
      }
      if (status === 200) return;
      await sleep(Math.min(200 * 2 ** attempt, 3_000));
    }
  }
  const collect = async () => {
    for (const event of await record.news()) {
      if (!isRelevant(event.type)) continue;
      record.events.push(event);
      if (random.chance(plan.lost)) {
        lost.add(event.id);
        continue;
      }
      const copies = random.chance(plan.doubled) ? 2 + random.below(3) : 1;
      for (let copy = 0; copy < copies; copy += 1) deliveries.push(deliver(event));
    }
  };

  for (let i = 0; i < plan.lives; i += 1) record.lives.push(await beginLife(world, random));
  const end = new AbortController();
  const living = record.lives.slice(-plan.lives).map((life) => life.live(end.signal));
  const collecting = (async () => {
    while (!end.signal.aborted) {
      await collect();
      await sleep(300);
    }
  })();

  const names = random.shuffled(Object.keys(plan.troubles)).slice(0, plan.count);
  const scene = { world, random, holdMs: plan.holdMs, fail: (text: string) => wrong.push(text) };
  const least = sleep(LEAST_MS);
  const said = await Promise.all(
    names.map(async (name) => {
      await sleep(random.below(2_000));
      return plan.troubles[name]!(scene);
    }),
  );
  await least;
  end.abort();
  await Promise.all([...living, collecting]);
  await collect();

  const healed = performance.now();
  const statuses = () => Promise.all(world.seats.map(readyOf));
  const isReady = async () => (await statuses()).every((status) => status === 200);
  if (!(await comesTrue(isReady, READY_MS)))
    wrong.push(`not ready 15 s after it was healed: ${JSON.stringify(await statuses())}`);
  const open = () => stillOpen(parts, lost);
  if (!(await comesTrue(async () => (await open()).length === 0, RECOVERY_MS)))
    wrong.push(`after 30 s: ${JSON.stringify(await open())}`);
  const recovered = performance.now() - healed;
  const all = () => stillOpen(parts, new Set());
  if (!(await comesTrue(async () => (await all()).length === 0, LOST_MS)))
    wrong.push(`never came to rest: ${JSON.stringify(await all())}`);
  await Promise.all(deliveries);

  const told = `\n${said.join('\n')}`;
  if (wrong.length > 0) throw new Error(`${wrong.join('\n')}${told}\n${logsOf(world)}`);
  try {
    await expectWhole({ ...parts, lives: record.lives, events: record.events });
  } catch (error) {
    if (error instanceof Error) error.message += `${told}\n${logsOf(world)}`;
    throw error;
  }
  const { mail, receiver, database } = world;
  const again = (ids: string[]) => ids.length - new Set(ids).size;
  return {
    said,
    events: record.events.length,
    lost: lost.size,
    lines: (await database.knex('transitions').select('id')).length,
    recovered: Math.round(recovered),
    longestAnswer: Math.round(longestAnswer),
    again:
      again(mail.mails.map(({ messageId }) => messageId)) +
      again(receiver.changes.map(({ id }) => id)),
  };
}

/** What still waits; without `except`, also what never arrived. */
async function stillOpen(
  { world, record }: RoundParts,
  except: ReadonlySet<string>,
): Promise<string[]> {
  const { knex } = world.database;
  const rows: { id: string; status: string }[] = await knex('webhook_events').select(
    'id',
    'status',
  );
  const known = new Map(rows.map(({ id, status }) => [id, status]));
  const open = record.events
    .filter(({ id }) => !except.has(id) || known.has(id))
    .filter(({ id }) => known.get(id) === undefined || known.get(id) === 'waiting')
    .map(({ id, type }) => `${id} ${type} ${known.get(id) ?? 'unknown'}`);
  const effects: { id: number; kind: string; last_error: string | null }[] = await knex('outbox')
    .where({ status: 'waiting' })
    .select('id', 'kind', 'last_error');
  return [...open, ...effects.map((each) => JSON.stringify(each))];
}

const logsOf = ({ seats }: World) =>
  seats
    .map(
      ({ name, process }) =>
        `${name}:\n${process
          .said()
          .slice(-25)
          .map((line) => line.slice(0, 400))
          .join('\n')}`,
    )
    .join('\n');
