import { expect } from 'vitest';
import { stateCounts } from '../../db/counters.ts';
import type { Database } from '../../db/database.ts';
import { findSubscription } from '../../db/subscriptions.ts';
import { compareFacts } from '../../server/operations/compare-facts.ts';
import type { Catalogue } from '../../state/catalogue.ts';
import { readSubscription } from '../../state/subscription-facts.ts';
import { expectHistory } from './expected-history.ts';
import type { Tape } from './tape.ts';

/** The promises that hold at the end of every run, whatever happened in it. */
export async function expectConverged(
  database: Database,
  tapes: Tape[],
  catalogue: Catalogue,
): Promise<void> {
  for (const tape of tapes) {
    const events = tape.steps.flatMap((step) => step.events);
    const story = tape.steps.map(({ name }) => name).join('\n');
    const { objects } = tape.steps.at(-1)!;
    for (const [id, object] of objects) {
      const row = await findSubscription(database.knex, id);
      expect(row, `${id} is stored`).not.toBeNull();
      const difference = compareFacts(row!.facts, readSubscription(object));
      expect(difference, `${id} equals Stripe's object`).toEqual([]);
      // Events come in any order: either of two subscriptions may be heard of after the other's end.
      const isReturn = objects.size > 1;
      await expectHistory(database.knex, {
        subscriptionId: id,
        events,
        catalogue,
        isReturn,
        story,
      });
    }
  }
  await expectCounts(database);
  await expectNothingLeft(database);
}

async function expectCounts(database: Database): Promise<void> {
  const rows: { state: string; count: number }[] = await database
    .knex('subscriptions')
    .groupBy('state')
    .select('state')
    .count({ count: '*' });
  expect(await stateCounts(database.knex)).toEqual(
    Object.fromEntries(rows.map((row) => [row.state, row.count])),
  );
}

async function expectNothingLeft(database: Database): Promise<void> {
  const open = await database.knex('webhook_events').whereNotIn('status', ['done', 'ignored']);
  expect(open).toEqual([]);
  const undelivered = await database.knex('outbox').whereNot({ status: 'delivered' });
  expect(undelivered).toEqual([]);
}

/** Effects that do not depend on when Stripe was read: each must be there exactly once. */
export async function effectKeys(database: Database): Promise<string[]> {
  const rows: { kind: string; object_id: string }[] = await database
    .knex('outbox')
    .whereLike('kind', 'mail.%')
    // They confirm a line, which is told only while it is news.
    .whereNotIn('kind', ['mail.cancel_scheduled', 'mail.plan_changed'])
    .select('kind', 'object_id');
  return rows.map((row) => `${row.kind} ${row.object_id}`).sort();
}
