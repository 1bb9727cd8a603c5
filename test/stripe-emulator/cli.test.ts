import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Stripe } from 'stripe';
import { startEmulator } from '../../scripts/stripe-emulator/index.ts';
import { emulatedAccount, type EmulatedAccount } from './emulated-account.ts';
import { createStripeCli, type StripeCli } from '../../scripts/stripe-cli/cli.ts';
import { verified, webhookSink, type WebhookSink } from './webhook-sink.ts';

let account: EmulatedAccount;
let cli: StripeCli;
let sink: WebhookSink;

beforeAll(async () => {
  account = await emulatedAccount();
  cli = createStripeCli({ apiBase: account.emulator.url, key: account.key });
  sink = await webhookSink();
});
afterAll(async () => {
  await cli.close();
  await sink.close();
  await account.close();
});

async function secret(): Promise<string> {
  return (await cli.run(['listen', '--print-secret'])).stdout.trim();
}

describe('the official Stripe CLI', () => {
  it('prints the same signing secret each time, and another for another account', async () => {
    const first = await secret();
    expect(first).toMatch(/^whsec_\w{32,}$/);
    expect(await secret()).toBe(first);
    const other = createStripeCli({
      apiBase: account.emulator.url,
      key: 'sk_test_another_account',
    });
    expect((await other.run(['listen', '--print-secret'])).stdout.trim()).not.toBe(first);
    await other.close();
  });

  it('forwards signed events that constructEvent accepts, in order', async () => {
    const listen = cli.start([
      'listen',
      '-s',
      '-e',
      'product.created,product.updated',
      '--forward-to',
      sink.url,
    ]);
    await listen.until(/Ready!/);
    const product = await account.stripe.products.create({ name: 'First' });
    for (let index = 0; index < 10; index += 1) {
      await account.stripe.products.update(product.id, { metadata: { step: String(index) } });
    }
    await account.stripe.prices.create({ product: product.id, currency: 'usd', unit_amount: 100 });
    const got = await sink.waitFor(11, ({ body }) => body.includes(product.id));
    const key = await secret();
    const events = got.map((each) => verified(each, key));
    expect(events.map((event) => event.type)).toEqual([
      'product.created',
      ...Array.from({ length: 10 }, () => 'product.updated'),
    ]);
    const steps = events.flatMap((event) =>
      event.type === 'product.updated' ? [event.data.object.metadata['step']] : [],
    );
    expect(steps).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    await listen.stop();
    expect(sink.received.filter(({ type }) => type.startsWith('price.'))).toEqual([]);
  });

  it('resends an event to the connected CLI', async () => {
    const listen = cli.start(['listen', '-s', '-e', 'coupon.created', '--forward-to', sink.url]);
    await listen.until(/Ready!/);
    await account.stripe.coupons.create({ percent_off: 10, duration: 'once' });
    const [first] = await sink.waitFor(1, ({ type }) => type === 'coupon.created');
    const run = await cli.run(['events', 'resend', first?.id ?? '']);
    expect(run.stdout).toContain(first?.id);
    const both = await sink.waitFor(2, ({ id }) => id === first?.id);
    expect(both).toHaveLength(2);
    await listen.stop();
  });

  it('serves --latest and --all-thin', async () => {
    const latest = cli.start([
      'listen',
      '-s',
      '--latest',
      '-e',
      'tax_rate.created',
      '--forward-to',
      sink.url,
    ]);
    const thin = cli.start(['listen', '-s', '--all-thin', '--forward-thin-to', sink.url]);
    await Promise.all([latest.until(/Ready!/), thin.until(/Ready!/)]);
    await account.stripe.taxRates.create({ display_name: 'VAT', inclusive: false, percentage: 20 });
    await sink.waitFor(1, ({ type }) => type === 'tax_rate.created');
    const [notice] = await sink.waitFor(1, ({ type }) => type === 'v1.tax_rate.created');
    const key = await secret();
    const note = account.stripe.parseEventNotification(
      notice?.body ?? '',
      notice?.signature ?? '',
      key,
    );
    expect(note.type).toBe('v1.tax_rate.created');
    if (note.type === 'v1.tax_rate.created')
      expect((await note.fetchRelatedObject()).percentage).toBe(20);
    await Promise.all([latest.stop(), thin.stop()]);
  });

  it('tails the request log, filtered on the server', async () => {
    const tail = cli.start(['logs', 'tail', '--filter-http-method', 'POST']);
    await tail.until(/Ready!/);
    await account.stripe.products.list();
    await account.stripe.products.create({ name: 'Logged' });
    await tail.until(/\[200\] POST \/v1\/products /);
    expect(tail.output()).not.toMatch(/GET/);
    await tail.stop();
  });

  it('gets, posts, deletes, and runs resource commands', async () => {
    const posted = await cli.run([
      'post',
      '/v1/coupons',
      '-d',
      'percent_off=25',
      '-d',
      'duration=once',
      '-d',
      'id=CLI25',
    ]);
    expect(JSON.parse(posted.stdout)).toMatchObject({
      id: 'CLI25',
      object: 'coupon',
      percent_off: 25,
    });
    expect(JSON.parse((await cli.run(['get', '/v1/coupons/CLI25'])).stdout)).toMatchObject({
      id: 'CLI25',
    });
    expect(JSON.parse((await cli.run(['delete', '/v1/coupons/CLI25', '-c'])).stdout)).toMatchObject(
      { deleted: true },
    );
    const missing = JSON.parse((await cli.run(['get', '/v1/coupons/CLI25'])).stdout);
    expect(missing.error).toMatchObject({
      type: 'invalid_request_error',
      code: 'resource_missing',
    });
    const product = await cli.run([
      'products',
      'create',
      '--name',
      'By the CLI',
      '-d',
      'metadata[k]=v',
    ]);
    expect(JSON.parse(product.stdout)).toMatchObject({ name: 'By the CLI', metadata: { k: 'v' } });
    const listed = JSON.parse((await cli.run(['events', 'list', '--limit', '2'])).stdout);
    expect(listed.data).toHaveLength(2);
  });

  it('triggers events by fixtures whose answers have every field that later steps read', async () => {
    for (const name of [
      'product.created',
      'price.updated',
      'plan.created',
      'coupon.deleted',
      'promotion_code.created',
      'tax_rate.updated',
    ]) {
      const run = await cli.run(['trigger', name]);
      expect(`${name} ${run.code}\n${run.stdout}${run.stderr}`).toContain('Trigger succeeded');
      expect((await account.eventTypes()).at(-1)).toBe(
        name === 'price.updated' ? 'price.updated' : name,
      );
    }
    const requests = await fetch(`${account.emulator.url}/_emulator/requests`, {
      headers: { Authorization: `Bearer ${account.key}` },
    });
    expect(decodeURIComponent(await requests.text())).not.toContain('${');
  });

  it('finds its session again when the emulator comes back on the same port', async () => {
    const first = await startEmulator({ port: 0 });
    const key = 'sk_test_restarted_account';
    const other = createStripeCli({ apiBase: first.url, key });
    const listen = other.start(['listen', '-s', '-e', 'product.created', '--forward-to', sink.url]);
    await listen.until(/Ready!/);
    await first.close();
    const second = await startEmulator({ port: first.port });
    const stripe = new Stripe(key, {
      host: '127.0.0.1',
      port: second.port,
      protocol: 'http',
      telemetry: false,
    });
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    const product = await stripe.products.create({ name: 'After the restart' });
    const got = await sink.waitFor(1, ({ body }) => body.includes(product.id));
    expect(got).toHaveLength(1);
    await other.close();
    await second.close();
  });
});
