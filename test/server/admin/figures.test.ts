import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { randomFrom, type Random } from '../../support/random.ts';
import { sizeOf } from '../../support/sizes.ts';
import { newPerson, PRO, PRO_YEARLY, STARTER, type Person } from '../billing/person.ts';

const DAY = 86_400_000;
const ACCOUNTS = sizeOf({ sample: 5, full: 40 });
const STEPS = sizeOf({ sample: 6, full: 12 });
const SEED = Math.floor(Math.random() * 1e9);

/** Noon of a day some months ago: what happens in a step happens on that day. */
const START = Date.UTC(2026, 0, 5, 12) / 1000;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ database: 'sqlite', startAt: START });
});
afterAll(() => server.close());

/** What a price is a month, told apart from the program: by Stripe's objects alone. */
async function mrrAtStripe(): Promise<Map<string, number>> {
  const plans = new Map(
    ['STARTER', 'PRO'].flatMap((plan) =>
      ['MONTHLY', 'YEARLY'].map((interval): [string | undefined, string] => [
        server.env[`STRIPE_${plan}_${interval}_PRICE_ID`],
        plan.toLowerCase(),
      ]),
    ),
  );
  const sums = new Map<string, number>();
  for await (const { status, pause_collection, items } of server.stripe.subscriptions.list({
    status: 'all',
    limit: 100,
    test_clock: server.env['STRIPE_TEST_CLOCK'] ?? '',
  })) {
    if (!['active', 'past_due'].includes(status) || pause_collection) continue;
    for (const { price, quantity } of items.data) {
      const months = price.recurring?.interval === 'year' ? 12 : 1;
      const amount = Math.round(((price.unit_amount ?? 0) * (quantity ?? 1)) / months);
      const plan = plans.get(price.id) ?? '';
      for (const key of [plan, 'all']) sums.set(key, (sums.get(key) ?? 0) + amount);
    }
  }
  return sums;
}

interface Row {
  plan: string | null;
  start: number;
  net: number;
  moved: number;
  end: number;
}

const isoDay = (at: number) => new Date(at).toISOString().slice(0, 10);

describe('MRR movements', () => {
  it(`of random lives are the differences of the MRR of Stripe’s objects, by plan (seed ${SEED})`, async () => {
    const random = randomFrom(SEED);
    const people = Array.from({ length: ACCOUNTS }, () => newPerson(server));
    const snapshots: { day: number; sums: Map<string, number> }[] = [];
    let now = START * 1000;
    for (let step = 0; step < STEPS; step += 1) {
      for (const person of people) await actAtRandom(person, random);
      await server.settled();
      await server.advance(0.49);
      snapshots.push({ day: Math.floor(now / DAY) * DAY + DAY, sums: await mrrAtStripe() });
      const days = random.pick([4, 15, 31]);
      await server.advance(days + 0.51);
      now += (days + 1) * DAY;
    }
    const seen = new Set<string>();
    for (let from = 0; from < snapshots.length; from += 1) {
      for (let to = from + 1; to < snapshots.length; to += 1) {
        const [start, end] = [snapshots[from]!, snapshots[to]!];
        const path = `/admin/api/figures/mrr-movements?from=${isoDay(start.day)}&to=${isoDay(end.day)}`;
        const { json } = await server.call('GET', path, { admin: true });
        const rows = json['rows'] as (Row & Record<string, number>)[];
        const words = `${isoDay(start.day)} to ${isoDay(end.day)}, seed ${SEED}`;
        for (const plan of ['all', 'starter', 'pro']) {
          const row = rows.find((each) => each.plan === (plan === 'all' ? null : plan));
          const [before, after] = [start.sums.get(plan) ?? 0, end.sums.get(plan) ?? 0];
          const told = { start: row?.start ?? 0, net: row?.net ?? 0, end: row?.end ?? 0 };
          expect(told, `${plan}, ${words}`).toEqual({
            start: before,
            net: after - before,
            end: after,
          });
          if (plan === 'all') expect(row?.moved ?? 0).toBe(0);
        }
        for (const row of rows) {
          for (const [name, value] of Object.entries(row)) if (value !== 0) seen.add(name);
        }
      }
    }
    // What was tried: without movements the sums would be true of nothing.
    expect([...seen]).toEqual(expect.arrayContaining(['new', 'net']));
    const { json } = await server.call('GET', '/admin/api/figures/retention', { admin: true });
    const cohorts = json['cohorts'] as { size: number; kept: number[] }[];
    const paying = (
      await server.database.knex('subscriptions').where('mrr', '>', 0).distinct('user_id')
    ).length;
    expect(cohorts.reduce((sum, { kept }) => sum + (kept.at(-1) ?? 0), 0)).toBe(paying);
  }, 540_000);
});

/** One act, or none; what is not allowed as things stand is left out. */
async function actAtRandom(person: Person, random: Random): Promise<void> {
  const known = await person.get('subscription');
  const subscription = known.json['subscription'] as { id: string; state: string } | null;
  if (!subscription) {
    if (random.chance(0.7)) await person.subscribe(random.pick([STARTER, PRO, PRO_YEARLY]));
    return;
  }
  const { state, id } = subscription;
  if (state === 'trialing') {
    if (random.chance(0.7)) await server.stripe.subscriptions.update(id, { trial_end: 'now' });
    return;
  }
  if (state === 'canceled') {
    if (random.chance(0.6)) await person.command('reactivate', random.pick([STARTER, PRO]));
    return;
  }
  const act = random.pick([
    'nothing',
    'change',
    'change',
    'cancel',
    'plan to leave',
    'pause or resume',
  ]);
  if (act === 'change')
    await person.changeTo(random.pick([STARTER, PRO, { ...PRO, quantity: 3 }])).catch(() => null);
  if (act === 'cancel') await person.command('cancel', { when: 'now' });
  if (act === 'plan to leave') await person.command('cancel', { when: 'period_end' });
  if (act === 'pause or resume') await person.command(state === 'paused' ? 'resume' : 'pause');
}
