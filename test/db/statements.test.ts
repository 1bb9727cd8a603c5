import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pastsOf } from '../../db/customer-pasts.ts';
import { dueEventsOfMany, payloadsOf } from '../../db/due-events.ts';
import { insertEvents } from '../../db/insert-events.ts';
import { saveChanges } from '../../db/save-changes.ts';
import { claimDueCustomers, releaseClaims } from '../../db/customer-locks.ts';
import { findSubscriptions } from '../../db/subscriptions.ts';
import { finishEvents } from '../../db/webhook-events.ts';
import { createTestDatabase, type TestDatabase } from '../support/databases.ts';
import { aLine, aNewEvent, aStoredSubscription } from '../support/factories.ts';

const NOW = 1_790_000_010_000;

describe('The statements of a group of work on PostgreSQL', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    // One connection: what it keeps is looked at here.
    database = await createTestDatabase('postgres', { poolSize: 1 });
  });
  afterAll(() => database.drop());

  /** One group of work from its arrival to its end; how many rows each statement answered. */
  async function work(customer: string): Promise<number[]> {
    const db = database.knex;
    const event = aNewEvent({ subject: customer, receivedAt: NOW });
    const stored = await insertEvents(db, [event]);
    const terms = { owner: 'me', dueBy: NOW, duration: 1_000 };
    const claims = await claimDueCustomers(db, 5, terms);
    const due = await dueEventsOfMany(db, [customer], { now: NOW, limit: 5, also: [] });
    const payloads = await payloadsOf(db, [event.id]);
    const pasts = await pastsOf(db, [customer]);
    const next = aStoredSubscription({ id: `sub_of_${customer}`, customerId: customer });
    const lines = await saveChanges(db, [{ before: null, next, lines: [aLine()] }]);
    const found = await findSubscriptions(db, [next.id]);
    await finishEvents(db, [event.id], { status: 'done', at: NOW });
    const released = await releaseClaims(db, claims, 'me');
    return [
      stored.size,
      claims.length,
      due.length,
      payloads.size,
      pasts.length,
      lines.length,
    ].concat(found.length, released.size);
  }

  it('S-10: are not kept prepared on a connection that a pooler may give to another client', async () => {
    await work('cus_first');
    expect(await database.knex('pg_prepared_statements').select('statement')).toEqual([]);
  });

  it('go on when a newer release adds a column to each table', async () => {
    const before = await work('cus_before');
    expect(before).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
    const newer = database.again().knex;
    const tables: { tablename: string }[] = await newer('pg_tables').where({
      schemaname: 'public',
    });
    for (const { tablename } of tables) {
      await newer.schema.alterTable(tablename, (table) => table.text('next_note').nullable());
    }
    expect(await work('cus_after')).toEqual(before);
  });
});
