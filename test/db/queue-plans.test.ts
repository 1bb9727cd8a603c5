import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dueEventsOfMany } from '../../db/due-events.ts';
import { insertEvents } from '../../db/insert-events.ts';
import { claimDueCustomers, claimCustomers, releaseClaims } from '../../db/customer-locks.ts';
import { createTestDatabase, type TestDatabase } from '../support/databases.ts';
import { aNewEvent } from '../support/factories.ts';

const NOW = 1_790_000_010_000;
const BACKLOG = 3_000;
const GROUP = 64;

/**
 * A queue is empty most of the time, and that is what PostgreSQL's statistics say of it while ten thousand events wait.
 * Plans made from them must not go through the whole queue for each group.
 */
describe('On a PostgreSQL that knows the queue as empty, with a backlog,', () => {
  let database: TestDatabase;
  const customer = (i: number) => `cus_${String(i).padStart(5, '0')}`;
  const terms = { owner: 'one', dueBy: NOW, duration: 60_000 };

  beforeAll(async () => {
    // One connection: what it has read is counted when it says so.
    database = await createTestDatabase('postgres', { poolSize: 1 });
    const old = Array.from({ length: 2_000 }, () => aNewEvent({ receivedAt: NOW - 1 }));
    await insertEvents(database.knex, old);
    await database.knex('webhook_events').update({ status: 'done' });
    const idle = Array.from({ length: BACKLOG }, (_, i) => `idle_${i}`).sort();
    const claims = await claimCustomers(database.knex, idle, terms);
    await releaseClaims(database.knex, claims, 'one');
    await database.knex.raw('VACUUM ANALYZE webhook_events');
    const events = Array.from({ length: BACKLOG }, (_, i) =>
      aNewEvent({ subject: customer(i), receivedAt: NOW }),
    );
    await insertEvents(database.knex, events);
  });
  afterAll(() => database.drop());

  /** Rows and index entries that were read while `work` ran, by table and index. */
  async function readBy(work: () => Promise<unknown>): Promise<Record<string, number>> {
    const before = await counted();
    // Often enough for the plan that is kept.
    for (let i = 0; i < 8; i += 1) await work();
    const after = await counted();
    return Object.fromEntries(
      Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)]),
    );
  }

  async function counted(): Promise<Record<string, number>> {
    await database.knex.raw('SELECT pg_stat_force_next_flush()');
    const indexes: { name: string; read: string }[] = await database
      .knex('pg_stat_user_indexes')
      .select({ name: 'indexrelname', read: 'idx_tup_read' });
    const tables: { name: string; read: string }[] = await database
      .knex('pg_stat_user_tables')
      .select({ name: 'relname', read: 'seq_tup_read' });
    return Object.fromEntries(
      [...indexes, ...tables].map(({ name, read }) => [name, Number(read)]),
    );
  }

  it('the events of a group are found by their subjects', async () => {
    const subjects = Array.from({ length: GROUP }, (_, i) => customer(i * 7));
    const read = await readBy(async () => {
      const rows = await dueEventsOfMany(database.knex, subjects, { now: NOW, limit: 9, also: [] });
      expect(rows).toHaveLength(GROUP);
    });
    expect(read).toMatchObject({
      webhook_events_by_subject: 8 * GROUP,
      webhook_events_due: 0,
      webhook_events: 0,
    });
  });

  it('subjects are claimed and given back without a look at all others', async () => {
    const read = await readBy(async () => {
      const claims = await claimDueCustomers(database.knex, GROUP, terms);
      expect(claims).toHaveLength(GROUP);
      expect((await releaseClaims(database.knex, claims, 'one')).size).toBe(GROUP);
    });
    expect(read).toMatchObject({ webhook_events: 0, subjects: 0, webhook_events_by_subject: 0 });
    expect(read['webhook_events_due']).toBeLessThan(8 * GROUP * 5);
  });
});
