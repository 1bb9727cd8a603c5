import { expect } from 'vitest';
import { stateCounts } from '../../db/counters.ts';
import type { Database } from '../../db/database.ts';
import { findSubscription } from '../../db/subscriptions.ts';
import { timelineOf } from '../../db/transitions.ts';
import { compareFacts } from '../../server/operations/compare-facts.ts';
import type { Catalogue } from '../../state/catalogue.ts';
import { readEvent } from '../../state/event-facts.ts';
import { lifecycleOf } from '../../state/lifecycle.ts';
import { readSubscription } from '../../state/subscription-facts.ts';
import type { LifecycleState } from '../../state/types.ts';
import type { Tape } from './tape.ts';

/** The promises that hold at the end of every run, whatever happened in it. */
export async function expectConverged(
  database: Database,
  tapes: Tape[],
  catalogue: Catalogue,
): Promise<void> {
  for (const tape of tapes) {
    for (const [id, object] of tape.steps.at(-1)!.objects) {
      const row = await findSubscription(database.knex, id);
      expect(row, `${id} is stored`).not.toBeNull();
      const difference = compareFacts(row!.facts, readSubscription(object));
      expect(difference, `${id} equals Stripe's object`).toEqual([]);
      await expectHistory(database, { id, tape, catalogue });
    }
  }
  await expectCounts(database);
  await expectNothingLeft(database);
}

/** No state that an event's payload shows is missing, and no line is told twice. */
async function expectHistory(
  database: Database,
  { id, tape, catalogue }: { id: string; tape: Tape; catalogue: Catalogue },
): Promise<void> {
  const lines = await timelineOf(database.knex, id);
  const seen = new Set<LifecycleState>(lines.map((line) => line.to));
  for (const event of tape.steps.flatMap((step) => step.events)) {
    const facts = readEvent(event).subscription;
    if (facts?.id !== id) continue;
    const { state } = lifecycleOf(facts, { catalogue, previous: 'none' });
    expect([...seen], `${id} was ${state} by ${event.id} (${event.type})`).toContain(state);
  }
  const keys = lines.map((line) => `${line.cause.id} ${line.event} ${line.to}`);
  expect(new Set(keys).size).toBe(keys.length);
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
    .select('kind', 'object_id');
  return rows.map((row) => `${row.kind} ${row.object_id}`).sort();
}
