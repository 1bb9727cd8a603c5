import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stripe } from 'stripe';
import { afterEach, describe, expect, it } from 'vitest';
import { startEmulator, type RunningEmulator } from '../../scripts/stripe-emulator/index.ts';
import { recurringPrice, utc } from './clock.ts';
import { webhookSink } from './webhook-sink.ts';

const folder = mkdtempSync(join(tmpdir(), 'emulator-'));
const key = `sk_test_${randomBytes(8).toString('hex')}`;
let running: RunningEmulator | null = null;

afterEach(async () => {
  await running?.close();
  running = null;
  rmSync(folder, { recursive: true, force: true });
});

async function start(webhookRetrySchedule?: readonly number[]): Promise<Stripe> {
  running = await startEmulator({ dataFile: join(folder, 'data.json'), webhookRetrySchedule });
  return new Stripe(key, {
    host: '127.0.0.1',
    port: running.port,
    protocol: 'http',
    telemetry: false,
  });
}

async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; tries < 1_000; tries += 1) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('it never happened');
}

describe('work in flight survives a restart', () => {
  it('E-9: a clock that was advancing goes on to its target', async () => {
    const stripe = await start();
    const clock = await stripe.testHelpers.testClocks.create({ frozen_time: utc('2026-01-01') });
    const price = await recurringPrice(stripe, 1000);
    const customer = await stripe.customers.create({
      test_clock: clock.id,
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    const create = () => stripe.subscriptions.create({ customer: customer.id, items: [{ price }] });
    for (let made = 0; made < 40; made += 1) await create();
    await stripe.testHelpers.testClocks.advance(clock.id, { frozen_time: utc('2026-02-28') });
    await running?.close();
    const again = await start();
    const seen = await again.testHelpers.testClocks.retrieve(clock.id);
    expect(seen.status).toBe('advancing');
    await until(
      async () => (await again.testHelpers.testClocks.retrieve(clock.id)).status === 'ready',
    );
    const after = await again.testHelpers.testClocks.retrieve(clock.id);
    expect(after.frozen_time).toBe(utc('2026-02-28'));
    const { data } = await again.invoices.list({ customer: customer.id, limit: 1 });
    expect(data[0]?.created).toBe(utc('2026-02-01'));
    await again.testHelpers.testClocks.advance(clock.id, { frozen_time: utc('2026-03-01') });
  });

  it('E-10: a webhook that was refused is tried again', async () => {
    const sink = await webhookSink();
    sink.answer(500);
    const stripe = await start([50, 1_500]);
    await stripe.webhookEndpoints.create({ url: sink.url, enabled_events: ['customer.created'] });
    await stripe.customers.create({ name: 'Ada' });
    await until(() => sink.received.length === 2);
    await running?.close();
    sink.answer(200);
    const again = await start();
    await until(() => sink.received.length === 3);
    await until(async () => {
      const { data } = await again.events.list({ type: 'customer.created' });
      return data[0]?.pending_webhooks === 0;
    });
    await sink.close();
  });
});
