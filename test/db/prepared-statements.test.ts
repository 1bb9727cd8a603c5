import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pastsOf } from '../../db/customer-pasts.ts';
import { dueEventsOfMany, payloadsOf } from '../../db/due-events.ts';
import { insertEvents } from '../../db/insert-events.ts';
import { saveChanges } from '../../db/save-changes.ts';
import { claimDueSubjects, releaseSubjects } from '../../db/subjects.ts';
import { findSubscriptions } from '../../db/subscriptions.ts';
import { finishEvents } from '../../db/webhook-events.ts';
import { createTestDatabase, type TestDatabase } from '../support/databases.ts';
import { aLine, aNewEvent, aStoredSubscription } from '../support/factories.ts';

const NOW = 1_790_000_010_000;

describe('The statements that a connection to PostgreSQL keeps prepared', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    // One connection: what it prepared first is what it uses later.
    database = await createTestDatabase('postgres', { poolSize: 1 });
  });
  afterAll(() => database.drop());

  /** One group of work from its arrival to its end; how many rows each statement answered. */
  async function work(customer: string): Promise<number[]> {
    const db = database.knex;
    const event = aNewEvent({ subject: customer, receivedAt: NOW });
    const stored = await insertEvents(db, [event]);
    const terms = { owner: 'me', now: NOW, duration: 1_000 };
    const claims = await claimDueSubjects(db, 5, terms);
    const due = await dueEventsOfMany(db, [customer], { now: NOW, limit: 5, also: [] });
    const payloads = await payloadsOf(db, [event.id]);
    const pasts = await pastsOf(db, [customer]);
    const next = aStoredSubscription({ id: `sub_of_${customer}`, customerId: customer });
    const lines = await saveChanges(db, [{ before: null, next, lines: [aLine()] }]);
    const found = await findSubscriptions(db, [next.id]);
    await finishEvents(db, [event.id], { status: 'done', at: NOW });
    const released = await releaseSubjects(db, claims, 'me');
    return [
      stored.size,
      claims.length,
      due.length,
      payloads.size,
      pasts.length,
      lines.length,
    ].concat(found.length, released.size);
  }

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
