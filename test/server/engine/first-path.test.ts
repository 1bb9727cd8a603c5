import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listEffects } from '../../../db/outbox.ts';
import { findSubscription } from '../../../db/subscriptions.ts';
import { timelineOf } from '../../../db/transitions.ts';
import { listEvents } from '../../../db/webhook-events.ts';
import { isRelevant } from '../../../server/webhooks/parse-event.ts';
import { createTestDatabase, DIALECTS, type TestDatabase } from '../../support/databases.ts';
import { createEngineLab, type EngineLab, type LabEngine } from '../../support/engine-lab.ts';
import { ownerMetadata } from '../../support/owner-metadata.ts';

let lab: EngineLab;
beforeAll(async () => {
  lab = await createEngineLab();
});
afterAll(() => lab.emulator.close());

describe.each(DIALECTS)('a webhook on %s', (dialect) => {
  let database: TestDatabase;
  let engine: LabEngine;
  beforeAll(async () => {
    database = await createTestDatabase(dialect);
    engine = lab.engine(database);
  });
  afterAll(async () => {
    await engine.services.engine.stop();
    await database.drop();
  });

  it('goes from the door to the row, its history and its effects', async () => {
    const { stripe, prices } = lab;
    const mark = (await stripe.events.list({ limit: 1 })).data[0]!.id;
    const customer = await stripe.customers.create({
      email: 'a@b.c',
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: prices.starterMonthly }],
      metadata: ownerMetadata(customer.id),
    });
    const events = await lab.eventsSince(mark);
    expect(events.map((event) => event.type)).toContain('customer.subscription.created');
    for (const event of events) {
      expect(await engine.deliver(event)).toMatchObject({ status: 200, body: { received: true } });
    }
    const row = await findSubscription(database.knex, subscription.id);
    expect(row).toMatchObject({ state: 'active', status: 'active', plan: 'starter', mrr: 2_000 });
    expect(await timelineOf(database.knex, subscription.id)).toMatchObject([
      { from: 'none', to: 'active', event: 'paid', unexpected: false, actor: 'dashboard' },
    ]);
    const effects = await listEffects(database.knex, { limit: 9 });
    expect(effects.map((effect) => effect.kind)).toEqual(['mail.receipt']);
    const stored = await listEvents(database.knex, { limit: 100 });
    expect(stored).toHaveLength(events.length);
    for (const event of stored) {
      expect(event.status).toBe(isRelevant(event.type) ? 'done' : 'ignored');
    }
  });
});
