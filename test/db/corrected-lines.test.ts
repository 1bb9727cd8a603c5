import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { arrowTraffic } from '../../db/counters.ts';
import { arrowTrafficByDay, figuresSince } from '../../db/dashboard-figures.ts';
import { movesPerHour, transitionsOfArrow } from '../../db/dashboard-transitions.ts';
import { saveChanges, type SubscriptionChange } from '../../db/save-changes.ts';
import {
  disproveTransitions,
  disprovedAt,
  recentHistories,
  timelineOf,
  type TransitionRow,
} from '../../db/transitions.ts';
import { backtest } from '../../server/operations/backtest.ts';
import { createTestDatabase, DIALECTS, type TestDatabase } from '../support/databases.ts';
import { aLine, aStoredSubscription } from '../support/factories.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe.each(DIALECTS)('Lines that are known better by now, on %s,', (dialect) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase(dialect);
  });
  afterAll(() => database.drop());
  beforeEach(() => database.clear());

  const subscription = aStoredSubscription({ id: 'sub_1', state: 'past_due' });
  const failed = { from: 'active', to: 'past_due', event: 'payment_failed' } as const;
  const change = (more: Partial<SubscriptionChange>): SubscriptionChange => ({
    before: subscription,
    next: subscription,
    lines: [],
    ...more,
  });

  /** A line that a read gave away. */
  async function guessed(): Promise<TransitionRow> {
    const { cause } = aLine();
    const line = {
      ...aLine(),
      ...failed,
      cause: { ...cause, at: 20 * DAY },
      number: 1,
      guess: true,
    };
    const [row] = await saveChanges(database.knex, [change({ lines: [line] })]);
    return row!;
  }

  /** What is counted around a moment, which on a test clock is far from the server's time. */
  const counted = async (at: number) => ({
    arrows: (await arrowTraffic(database.knex, at - HOUR))
      .map(({ count }) => count)
      .filter(Boolean),
    days: (await arrowTrafficByDay(database.knex, at)).map(({ count }) => count).filter(Boolean),
    hours: (await movesPerHour(database.knex, at + HOUR, 8)).filter(Boolean),
    failed: (await figuresSince(database.knex, 1))
      .filter(({ figure, value }) => figure === 'payment_failed' && value !== 0)
      .map(({ day, value }) => [day, value]),
  });

  it('P-2, P-19: are counted once, on the day and in the hour in which they happened', async () => {
    const line = await guessed();
    const once = { arrows: [1], days: [1], hours: [1] };
    expect(await counted(20 * DAY)).toEqual({ ...once, failed: [[20 * DAY, 1]] });
    const cause = { type: 'event', id: 'evt_1', actor: 'dunning', at: 17 * DAY } as const;
    const known = { ...failed, unexpected: false, late: false, detail: {}, guess: false };
    const revision = { ...known, line, at: 17 * DAY, cause, account: null, requestId: null };
    await saveChanges(database.knex, [change({ revised: [revision] })]);
    expect(await counted(17 * DAY)).toEqual({ ...once, failed: [[17 * DAY, 1]] });
    const [told] = await timelineOf(database.knex, 'sub_1');
    expect(told).toMatchObject({ occurredAt: 17 * DAY, cause: { id: 'evt_1' }, evidence: 'event' });
  });

  it('P-4: are taken back where they were counted, and no list shows them', async () => {
    const line = await guessed();
    await saveChanges(database.knex, [change({ removed: [line] })]);
    expect(await counted(20 * DAY)).toEqual({ arrows: [], days: [], hours: [], failed: [] });
    expect(await timelineOf(database.knex, 'sub_1')).toEqual([]);
    const wish = { from: [], to: null, event: null, unexpected: false, since: null };
    const listed = await transitionsOfArrow(database.knex, { ...wish, beforeId: null, limit: 9 });
    expect(listed).toEqual([]);
  });

  it('stand behind those of an older release, which keep their order by time', async () => {
    const lines = [3, 1, 2].map((at) => {
      const { cause } = aLine();
      return { ...aLine(), cause: { ...cause, id: `evt_${at}`, at: at * DAY } };
    });
    await saveChanges(database.knex, [change({ lines })]);
    await database.knex('transitions').update({ number: null, evidence: null });
    const line = { ...aLine(), ...failed, number: 1_000_000 };
    await saveChanges(database.knex, [
      change({ lines: [{ ...line, cause: { ...line.cause, id: 'evt_4', at: 4 * DAY } }] }),
    ]);
    const told = await timelineOf(database.knex, 'sub_1');
    expect(told.map(({ cause, evidence }) => [cause.id, evidence])).toEqual(
      [1, 2, 3, 4].map((at) => [`evt_${at}`, 'event']),
    );
  });

  it('are left out of a backtest, which reads each subscription of ours once, page by page', async () => {
    const before = Date.now();
    const row = await guessed();
    await disproveTransitions(database.knex, [row.id]);
    const [struck] = await recentHistories(database.knex, ['sub_1'], 10);
    expect(disprovedAt(struck!)).toBeGreaterThanOrEqual(before);
    expect(disprovedAt(row)).toBeNull();

    const moves = [
      { ...aLine(), mrr: 2_000 },
      { ...aLine(failed), number: 2, mrr: 2_000 },
      { ...aLine({ from: 'past_due', to: 'active', event: 'payment_succeeded' }), number: 3 },
    ];
    const changes = Array.from({ length: 501 }, (_, i) => {
      const next = aStoredSubscription({ id: `sub_page${i}`, foreign: i === 7 });
      const at = (day: number) => next.facts.createdAt + day * DAY;
      const lines = moves.map((line, nth) => ({
        ...line,
        number: nth + 1,
        cause: { ...line.cause, id: `evt_${i}_${nth}`, at: at(nth * 10) },
      }));
      return { before: null, next, lines };
    });
    for (let i = 0; i < changes.length; i += 100)
      await saveChanges(database.knex, changes.slice(i, i + 100));
    const rules = { maxAttempts: 3, finalAction: 'cancel', onDispute: 'keep' } as const;
    const found = await backtest(database.knex, {
      asConfigured: { ...rules, grace: { days: 12 } },
      underPolicy: { ...rules, grace: { days: 4 } },
      now: Date.now(),
    });
    expect(found).toMatchObject({ subscriptions: 501, transitions: 1_500, differ: 500 });
    expect(found.asConfigured.lockedMs).toBe(0);
    expect(found.underPolicy).toMatchObject({ lockedOut: 500, lockedMs: 500 * 6 * DAY, lost: 0 });
  });
});
