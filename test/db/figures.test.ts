import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addFigures, figuresSince } from '../../db/dashboard-figures.ts';
import { atRisk, subscriptionsLeaving, type LeavingQuery } from '../../db/boards.ts';
import { saveRestriction, saveReturns } from '../../db/payment-returns.ts';
import { restrictedCounts, returnsByDay, returnSums } from '../../db/return-figures.ts';
import { saveChanges } from '../../db/save-changes.ts';
import type { MoneyReturn } from '../../state/returns.ts';
import type { LifecycleState } from '../../state/types.ts';
import { storedIn, T0, type Raw } from '../state/factories.ts';
import { figureNames } from '../../state/metrics.ts';
import { createTestDatabase, DIALECTS, type TestDatabase } from '../support/databases.ts';

const DAY = 86_400_000;
const NOW = 20_000 * DAY;

describe.each(DIALECTS)('The figures on %s', (dialect) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase(dialect);
  });
  afterAll(() => database.drop());

  it('H-6: are read back, each that may be stored', async () => {
    const names = figureNames();
    const add = (at: number, value: number) =>
      addFigures(
        database.knex,
        names.map((figure) => ({ at, figure, currency: '', subscriptionId: 'sub_1', value })),
      );
    await add(NOW - 5 * DAY, 2);
    await add(NOW, 1);
    const figures = await figuresSince(database.knex, NOW);
    const of = (day: number, value: number) =>
      figures.filter((row) => row.day === day && row.value === value);
    expect(
      of(NOW, 1)
        .map(({ figure }) => figure)
        .toSorted(),
    ).toEqual(names.toSorted());
    expect(
      of(0, 2)
        .map(({ figure }) => figure)
        .toSorted(),
    ).toEqual(['mrr', 'paying']);
  });

  it('R-14: who leaves is read by when, page by page, and what is at risk is added up', async () => {
    const db = database.knex;
    const stored = (id: string, state: LifecycleState, raw: Raw = {}) => ({
      ...storedIn(state, { ...raw, id }),
    });
    const invoice = { id: 'in_1', status: 'open', attempt_count: 1, amount_remaining: 5_000 };
    const ends = (day: number) => ({ cancel_at: T0 + day * 86_400, canceled_at: T0 });
    const rows = [
      stored('sub_soon', 'cancel_pending', ends(2)),
      stored('sub_late', 'cancel_pending', ends(9)),
      { ...stored('sub_left', 'canceled'), since: T0 * 1000 },
      stored('sub_owes', 'past_due', { latest_invoice: invoice }),
      stored('sub_owes_too', 'past_due', { latest_invoice: invoice }),
    ];
    const restriction = { reason: 'disputed', since: 1, until: null } as const;
    const cause = { type: 'event', id: 'evt_1', actor: 'stripe', at: T0 * 1000 } as const;
    await saveChanges(
      db,
      rows.map((next) => ({
        before: null,
        next,
        lines: [
          {
            from: 'active',
            to: next.state,
            event: 'canceled',
            unexpected: false,
            late: false,
            detail: {},
            cause,
          },
        ],
      })),
    );
    const ids = async (query: Partial<LeavingQuery>) =>
      (await subscriptionsLeaving(db, { limit: 9, ...query })).map(
        (row) => row.line.subscriptionId,
      );
    expect(await ids({})).toEqual(['sub_late', 'sub_soon', 'sub_left']);
    const after = { at: (T0 + 9 * 86_400) * 1000, id: 'sub_late' };
    expect(await ids({ after, limit: 1 })).toEqual(['sub_soon']);
    expect(await ids({ earliestFirst: true, from: T0 * 1000 + 1 })).toEqual([
      'sub_soon',
      'sub_late',
    ]);
    const [sum] = await atRisk(db, { states: ['past_due'] });
    expect(sum).toMatchObject({ currency: 'usd', count: 2, amount: 10_000 });
    await saveRestriction(db, 'sub_owes', restriction);
    await saveRestriction(db, 'sub_owes_too', { ...restriction, reason: 'refunded', until: 5 });
    expect(await restrictedCounts(db, 5)).toEqual({ past_due: 1 });
  });

  it('R-1: what came back is added up by day, kind and currency', async () => {
    const back = (id: string, at: number, more: Partial<MoneyReturn> = {}): MoneyReturn => ({
      id,
      kind: 'refund',
      chargeId: 'ch_1',
      invoiceId: null,
      subscriptionId: null,
      customerId: null,
      amount: 700,
      currency: 'usd',
      status: 'succeeded',
      reason: null,
      createdAt: at,
      paid: { amount: 700, periodStart: null, periodEnd: null },
      ...more,
    });
    const dispute = { kind: 'dispute', status: 'lost', currency: 'eur' } as const;
    await saveReturns(database.knex, [
      back('re_1', NOW + 1),
      back('re_2', NOW + DAY - 1),
      back('dp_1', NOW - 1, dispute),
    ]);
    const days = await returnsByDay(database.knex, NOW - DAY);
    expect(days.toSorted((a, b) => a.day - b.day)).toEqual([
      { ...dispute, day: NOW - DAY, count: 1, amount: 700 },
      { kind: 'refund', status: 'succeeded', currency: 'usd', day: NOW, count: 2, amount: 1_400 },
    ]);
    expect(await returnSums(database.knex)).toHaveLength(2);
  });
});
