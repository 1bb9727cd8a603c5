import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { arrowTraffic, mrrByCurrency, stateCounts } from '../../db/counters.ts';
import { attachStripeCustomer, ensureCustomer } from '../../db/customers.ts';
import { saveChanges } from '../../db/save-changes.ts';
import {
  currentSubscriptionOfUser,
  findSubscription,
  findSubscriptions,
  listSubscriptions,
  markDuplicates,
  searchByEmail,
} from '../../db/subscriptions.ts';
import { recentHistories, timelineOf } from '../../db/transitions.ts';
import { createTestDatabase, DIALECTS, type TestDatabase } from '../support/databases.ts';
import { aLine, aStoredSubscription } from '../support/factories.ts';

const NO_PLANS = { plans: [], products: [] };

describe.each(DIALECTS)('subscriptions on %s', (dialect) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase(dialect);
  });
  afterAll(() => database.drop());
  beforeEach(() => database.clear());
  const save = (given: Parameters<typeof aStoredSubscription>[0], lines = [aLine()]) => {
    const next = aStoredSubscription(given);
    return saveChanges(database.knex, [{ before: null, next, lines }]).then(() => next);
  };

  it('are one row for one Stripe id, however often and by whichever way they come', async () => {
    const first = await save({ id: 'sub_1', userId: 'u1' });
    const next = { ...first, state: 'canceled' as const, status: 'canceled' as const, mrr: 0 };
    await saveChanges(database.knex, [{ before: first, next, lines: [] }]);
    expect(await findSubscription(database.knex, 'sub_1')).toMatchObject(next);
    expect(await database.knex('subscriptions').count({ n: '*' })).toEqual([{ n: 1 }]);
    expect(await findSubscription(database.knex, 'sub_2')).toBeNull();
    expect(await findSubscriptions(database.knex, ['sub_1', 'sub_2'])).toHaveLength(1);
  });

  it('of a user: the live one, else the newest, else none', async () => {
    expect(await currentSubscriptionOfUser(database.knex, 'u1', NO_PLANS)).toBeNull();
    await save({ id: 'sub_old', userId: 'u1', state: 'canceled', facts: { createdAt: 1 } });
    await save({ id: 'sub_new', userId: 'u1', state: 'canceled', facts: { createdAt: 3 } });
    expect((await currentSubscriptionOfUser(database.knex, 'u1', NO_PLANS))?.id).toBe('sub_new');
    await save({ id: 'sub_live', userId: 'u1', state: 'past_due', facts: { createdAt: 2 } });
    expect((await currentSubscriptionOfUser(database.knex, 'u1', NO_PLANS))?.id).toBe('sub_live');
  });

  it('that live beside each other are marked, until one has ended', async () => {
    await save({ id: 'sub_1', customerId: 'cus_1', userId: 'u1' });
    const second = await save({ id: 'sub_2', customerId: 'cus_2', userId: 'u1' });
    expect(await markDuplicates(database.knex, ['u1'])).toEqual([['sub_1', 'sub_2']]);
    expect(await listSubscriptions(database.knex, { duplicate: true, limit: 9 })).toHaveLength(2);
    const ended = { ...second, state: 'canceled' as const, status: 'canceled' as const };
    await saveChanges(database.knex, [{ before: second, next: ended, lines: [] }]);
    expect(await markDuplicates(database.knex, ['u1'])).toEqual([]);
    expect(await listSubscriptions(database.knex, { duplicate: true, limit: 9 })).toEqual([]);
  });

  it('are counted by state and currency in the transaction that changes them', async () => {
    const first = await save({ id: 'sub_1', mrr: 2_000 });
    await save({ id: 'sub_2', mrr: 900, facts: { currency: 'eur' } });
    expect(await stateCounts(database.knex)).toEqual({ active: 2 });
    expect(await mrrByCurrency(database.knex)).toEqual({ usd: 2_000, eur: 900 });
    const next = { ...first, state: 'past_due' as const, mrr: 1_500 };
    await saveChanges(database.knex, [{ before: first, next, lines: [] }]);
    await saveChanges(database.knex, [{ before: next, next, lines: [] }]);
    expect(await stateCounts(database.knex)).toEqual({ active: 1, past_due: 1 });
    expect(await mrrByCurrency(database.knex)).toEqual({ usd: 1_500, eur: 900 });
    await database.knex
      .transaction(async (trx) => {
        await saveChanges(trx, [
          { before: next, next: { ...next, state: 'canceled', mrr: 0 }, lines: [] },
        ]);
        throw new Error('rolled back');
      })
      .catch(() => undefined);
    expect(await stateCounts(database.knex)).toEqual({ active: 1, past_due: 1 });
  });

  it('count right and without deadlock when many change at once', async () => {
    const subs = await Promise.all(Array.from({ length: 40 }, () => save({})));
    const move = (state: 'past_due' | 'unpaid', indexes: number[]) =>
      database.knex.transaction((trx) =>
        saveChanges(
          trx,
          indexes.map((i) => ({
            before: subs[i]!,
            next: { ...subs[i]!, state },
            lines: [aLine()],
          })),
        ),
      );
    await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        move(
          i % 2 ? 'past_due' : 'unpaid',
          [i, i + 10, i + 20, i + 30].sort(() => (i % 2 ? 1 : -1)),
        ),
      ),
    );
    expect(await stateCounts(database.knex)).toEqual({ past_due: 20, unpaid: 20 });
  });

  it('take as many lines at once as a long wait can leave behind', async () => {
    const sub = await save({ id: 'sub_1' }, []);
    const lines = Array.from({ length: 700 }, () => aLine());
    const added = await saveChanges(database.knex, [{ before: sub, next: sub, lines }]);
    expect(added).toHaveLength(700);
  });

  it('have a history that takes each line once and counts the traffic of each arrow', async () => {
    const sub = await save({ id: 'sub_1' }, []);
    const lines = [
      aLine({ cause: { id: 'evt_1', at: 20 } }),
      aLine({
        from: 'active',
        to: 'past_due',
        event: 'payment_failed',
        unexpected: true,
        detail: { attempt: 1 },
        cause: { id: 'evt_2', at: 10 },
      }),
    ];
    const write = () => saveChanges(database.knex, [{ before: sub, next: sub, lines }]);
    expect(await write()).toHaveLength(2);
    expect(await write()).toHaveLength(0);
    expect((await timelineOf(database.knex, 'sub_1')).map((line) => line.cause.id)).toEqual([
      'evt_2',
      'evt_1',
    ]);
    expect((await recentHistories(database.knex, ['sub_1'], 50)).map((line) => line.to)).toEqual([
      'past_due',
      'active',
    ]);
    expect(await timelineOf(database.knex, 'sub_1')).toContainEqual(
      expect.objectContaining({ detail: { attempt: 1 }, occurredAt: 10, late: false }),
    );
    const traffic = await arrowTraffic(database.knex, 0);
    expect(traffic).toHaveLength(2);
    expect(traffic).toContainEqual({ from: 'none', to: 'active', event: 'paid', count: 1 });
  });

  it('are listed newest first, by state or owner, page by page', async () => {
    for (let i = 0; i < 12; i += 1) {
      await save({
        id: `sub_${String(i).padStart(2, '0')}`,
        state: i % 3 === 0 ? 'trialing' : 'active',
        facts: { createdAt: Math.floor(i / 2) },
      });
    }
    const seen: string[] = [];
    let after: { createdAt: number; id: string } | undefined;
    do {
      const page = await listSubscriptions(database.knex, { limit: 5, after });
      seen.push(...page.map((sub) => sub.id));
      after = page.at(-1);
    } while (after);
    expect(seen).toEqual(
      Array.from({ length: 12 }, (_, i) => `sub_${String(11 - i).padStart(2, '0')}`),
    );
    expect(await listSubscriptions(database.knex, { limit: 9, state: 'trialing' })).toHaveLength(4);
  });

  it('are found by the beginning of an e-mail address, whatever its case', async () => {
    for (const [i, email] of ['Ann@a.test', 'anna@b.test', 'bob@c.test', 'an_%@d.test'].entries()) {
      await ensureCustomer(database.knex, { userId: `u${i}`, email });
      await attachStripeCustomer(database.knex, `u${i}`, `cus_${i}`);
      await save({ id: `sub_${i}`, customerId: `cus_${i}` });
    }
    const emails = async (prefix: string, after?: { email: string; id: string }) =>
      (await searchByEmail(database.knex, prefix, { limit: 2, after })).map((row) => row.email);
    expect(await emails('ANN')).toEqual(['Ann@a.test', 'anna@b.test']);
    expect(await emails('ann', { email: 'Ann@a.test', id: 'sub_0' })).toEqual(['anna@b.test']);
    expect(await emails('an_%')).toEqual(['an_%@d.test']);
    expect(await emails('z')).toEqual([]);
  });
});
