import type Stripe from 'stripe';
import { expect } from 'vitest';
import { findSubscription } from '../../../db/subscriptions.ts';
import { compareFacts } from '../../../server/operations/compare-facts.ts';
import type { Catalogue } from '../../../state/catalogue.ts';
import { readSubscription } from '../../../state/subscription-facts.ts';
import { expectHistory } from '../../support/expected-history.ts';
import { patiently, type Life } from './lives.ts';
import type { World } from './world.ts';

/** What must be so when all is quiet again, whatever happened. */
export interface Told {
  world: World;
  lives: readonly Life[];
  /** Every relevant event of the account, in Stripe's order. */
  events: readonly Stripe.Event[];
  catalogue: Catalogue;
}

export async function expectWhole({ world, lives, events, catalogue }: Told): Promise<void> {
  const { database, lab } = world;
  for (const { subscriptionId: id, story: steps } of lives) {
    const story = steps.join('\n');
    const row = await findSubscription(database.knex, id);
    expect(row, `${id} is stored\n${story}`).not.toBeNull();
    const atStripe = await patiently(() => lab.gateway.retrieveSubscription(id));
    expect(compareFacts(row!.facts, readSubscription(atStripe)), `${id} is as at Stripe`).toEqual(
      [],
    );
    const lines = await expectHistory(database.knex, {
      subscriptionId: id,
      events,
      catalogue,
      isReturn: false,
      story,
    });
    const numbers = lines.map(({ number }) => number ?? 0);
    expectTold(world, { id, numbers, state: row!.state, story });
  }
  await expectMails(world, lives);
  expect(await database.knex('webhook_events').where({ status: 'dead' })).toEqual([]);
}

/** The team was told of each line, under one id, and of nothing else. */
function expectTold(
  { receiver }: World,
  { id, numbers, state, story }: { id: string; numbers: number[]; state: string; story: string },
): void {
  const told = receiver.changes.filter(({ subscriptionId }) => subscriptionId === id);
  // A process that dies between the receiver's answer and its own note sends again, under the same id.
  const byId = new Map(told.map((each) => [each.id, each]));
  const toldNumbers = [...byId.values()].map(({ number }) => number);
  expect(new Set(toldNumbers).size, `${id}: one id for each line\n${story}`).toBe(
    toldNumbers.length,
  );
  expect(toldNumbers, `${id}: each line is told\n${story}`).toEqual(
    expect.arrayContaining(numbers),
  );
  // What was told before other events came may have got another place, or none; the highest number is how it is.
  const highest = [...byId.values()].find(({ number }) => number === Math.max(...toldNumbers));
  expect(highest?.to, `${id}: the highest number is how it is\n${story}`).toBe(state);
  for (const { number, from, to, confirmed } of byId.values()) {
    if (numbers.includes(number)) continue;
    process.stdout.write(
      `${id}: ${from} → ${to} was told and has gone (${number}, ${confirmed ? 'by an event' : 'by a read'}; ${numbers.join(' ')})\n${story}\n`,
    );
  }
}

/** Each mail of the outbox went out under one id, no other did, and each paid invoice has its receipt. */
async function expectMails({ database, lab, mail }: World, lives: readonly Life[]): Promise<void> {
  const rows: { kind: string; object_id: string; status: string; last_error: string | null }[] =
    await database.knex('outbox').whereLike('kind', 'mail.%');
  expect(rows.filter(({ status }) => status !== 'delivered')).toEqual([]);
  const sent = rows.filter(({ last_error: note }) => note === null);
  const ids = new Set(mail.mails.map(({ messageId }) => messageId));
  expect(ids.size, `${mail.mails.length} mails for ${JSON.stringify(sent)}`).toBe(sent.length);
  const receipts = rows.filter(({ kind }) => kind === 'mail.receipt');
  const paid: string[] = [];
  for (const { subscriptionId: subscription } of lives) {
    const list = () => lab.stripe.invoices.list({ subscription, status: 'paid', limit: 100 });
    const { data } = await patiently(list);
    paid.push(...data.filter(({ amount_paid }) => amount_paid > 0).map(({ id }) => id));
  }
  expect(receipts.map(({ object_id: id }) => id).toSorted(), 'a receipt each').toEqual(
    paid.toSorted(),
  );
}
