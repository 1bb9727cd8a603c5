import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { figuresSince } from '../../../db/dashboard-figures.ts';
import { claimCustomers, releaseClaims } from '../../../db/customer-locks.ts';
import { recordTrials } from '../../../server/sync/trial-ledger.ts';
import { createTestDatabase, type TestDatabase } from '../../support/databases.ts';
import { aStoredSubscription } from '../../support/factories.ts';

const TRIAL_AT = Date.UTC(2026, 8, 21);

describe('Processes that want the same customers', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase('postgres');
  });
  afterAll(() => database.drop());
  beforeEach(() => database.clear());

  it('lock them in one order: a claim and a commit wait for each other, never both', async () => {
    const { knex } = database;
    const terms = (owner: string) => ({ owner, duration: 60_000 });
    // As they lie on the disk, which is the order of a statement that names none.
    const over = { ...terms('one'), duration: 0 };
    const [last] = await claimCustomers(knex, ['cus_b'], over);
    const [first] = await claimCustomers(knex, ['cus_a'], over);
    const holder = await knex.transaction();
    await holder('subjects').where({ key: 'cus_a' }).forUpdate().select('key');
    const claiming = claimCustomers(knex, ['cus_a', 'cus_b'], terms('two'));
    await waiters(1);
    const committing = knex.transaction((trx) => releaseClaims(trx, [last!, first!], 'one'));
    await waiters(2);
    await holder.commit();
    expect((await claiming).map(({ key }) => key)).toEqual(['cus_a', 'cus_b']);
    expect(await committing).toEqual(new Set());
  });

  it('give back what was renewed while they waited for it, and not what was taken over', async () => {
    const { knex } = database;
    const terms = (owner: string) => ({ owner, duration: 60_000 });
    const claims = await claimCustomers(knex, ['cus_a', 'cus_b', 'cus_c'], terms('one'));
    const other = await knex.transaction();
    await other('subjects').where({ key: 'cus_a' }).increment('lease_until', 1);
    await other('subjects').where({ key: 'cus_b' }).update({ owner: 'two' }).increment('fence');
    const committing = knex.transaction((trx) => releaseClaims(trx, claims, 'one'));
    await waiters(1);
    await other.commit();
    expect(await committing).toEqual(new Set([claims[0], claims[2]]));
    const rows: { key: string; lease_until: number }[] = await knex('subjects').orderBy('key');
    expect(rows.map((row) => row.lease_until > 0)).toEqual([false, true, false]);
  });

  it('give back the newer of two claims of one process that come together, and not the older', async () => {
    const { knex } = database;
    const terms = { owner: 'one' };
    const [old] = await claimCustomers(knex, ['cus_a'], { ...terms, duration: 0 });
    const [again] = await claimCustomers(knex, ['cus_a'], { ...terms, duration: 60_000 });
    const ours = await knex.transaction((trx) => releaseClaims(trx, [old!, again!], 'one'));
    expect([...ours]).toEqual([again]);
  });

  /** Resolves when so many connections to this database wait for a lock. */
  async function waiters(count: number): Promise<void> {
    const other = database.again();
    for (;;) {
      const row = await other
        .knex('pg_stat_activity')
        .whereRaw('datname = current_database()')
        .where({ wait_event_type: 'Lock' })
        .count({ n: '*' })
        .first();
      if (Number(row?.['n']) >= count) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await other.close();
  }
});

describe('Trials that begin in groups', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase('postgres');
  });
  afterAll(() => database.drop());

  it('are counted without deadlock, whatever the order in each group', async () => {
    const groups = Array.from({ length: 4 }, (_, group) => {
      const changes = Array.from({ length: 40 }, (__, i) => ({
        before: null,
        next: aStoredSubscription({
          id: `sub_${i}_${group}`,
          facts: { stripeStatus: 'trialing', trialStart: TRIAL_AT, trialEnd: TRIAL_AT + 1 },
        }),
        lines: [],
      }));
      return group % 2 ? changes.reverse() : changes;
    });
    await Promise.all(
      groups.map((changes) =>
        database.knex.transaction((trx) => recordTrials(trx, changes, { onePerCard: false })),
      ),
    );
    const figures = await figuresSince(database.knex, TRIAL_AT);
    expect(figures).toContainEqual(
      expect.objectContaining({ figure: 'trial_started', value: 160 }),
    );
  });
});
