import { request as httpRequest, type ClientRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEmulator, type RunningEmulator } from '../../scripts/stripe-emulator/index.ts';
import { bytesUnderWay, createBytesUnderWay } from '../../server/http/bytes-under-way.ts';
import { createInOrder } from '../../server/billing/with-customer-lock.ts';
import { createAtOnce, MAX_AT_ONCE } from '../../server/http/rate-limit.ts';
import { signStripePayload } from '../support/sign-stripe-payload.ts';
import { startTestServer, until, type TestServer } from '../support/server.ts';
import { TEST_ADMIN_TOKEN } from '../support/tokens.ts';
import { newPerson, PRO } from './billing/person.ts';

let emulator: RunningEmulator;
beforeAll(async () => {
  emulator = await startEmulator();
});
afterAll(() => emulator.close());

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

describe('An account that sends 500 commands at once', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ database: 'sqlite', emulator });
  });
  afterAll(() => server.close());

  it('S-16: has a few of them worked on and the rest refused at once, and slows no other account down', async () => {
    expect(MAX_AT_ONCE).toBe(25);
    const [eager, other] = [newPerson(server), newPerson(server)];
    await eager.subscribe();
    const ask = async () => {
      const from = performance.now();
      const { status } = await server.call('GET', '/api/billing/subscription', {
        user: other.id,
      });
      expect(status).toBe(200);
      return performance.now() - from;
    };
    const measure = async (until: () => boolean, least: number) => {
      const times: number[] = [];
      while (times.length < least || !until()) {
        times.push(await ask());
        await sleep(20);
      }
      return times;
    };
    let writes = 0;
    server.database.knex.on('query', ({ sql }: { sql: string }) => {
      if (/^\s*(insert|update|delete)/i.test(sql)) writes += 1;
    });
    await measure(() => true, 10);
    const rounds: { quiet: number; busy: number }[] = [];
    const slowed = ({ quiet, busy } = rounds.at(-1)!) => busy >= 2 * quiet + 20;
    // Measured again when it was slow: what we slow down is slow in every round, and the machine's other work is not.
    for (const command of ['cancel', 'resume', 'cancel']) {
      if (rounds.length > 0 && !slowed()) break;
      await server.settled();
      const quiet = median(await measure(() => true, 20));
      writes = 0;
      let done = false;
      const commands = Promise.all(
        Array.from({ length: 500 }, (_, i) =>
          eager.command(command, {}, { 'idempotency-key': `k${rounds.length}-${i}` }),
        ),
      ).finally(() => (done = true));
      // The requests themselves have to arrive and to be refused, which takes a moment of everyone's time.
      await sleep(500);
      const busy = median(await measure(() => done, 20));
      const answers = await commands;
      const count = (status: number) => answers.filter((each) => each.status === status).length;
      // A few places become free while the rest are still arriving.
      expect(count(429)).toBeGreaterThan(500 - 4 * MAX_AT_ONCE);
      expect(count(429)).toBeLessThanOrEqual(500 - MAX_AT_ONCE);
      expect(count(200)).toBeGreaterThan(0);
      expect(count(200) + count(409) + count(429)).toBe(500);
      const refused = answers.find(({ status }) => status === 429);
      expect(refused?.headers.get('retry-after')).toBe('2');
      // Each of the others writes its key, its lock and its answer, and none writes while it waits.
      expect(writes).toBeLessThan(15 * (500 - count(429)));
      rounds.push({ quiet, busy });
    }
    const told = rounds.map(({ quiet, busy }) => `${quiet.toFixed(1)} → ${busy.toFixed(1)}`);
    process.stdout.write(`GET of another account, in ms, quiet → meanwhile: ${told.join(', ')}\n`);
    expect(slowed(), told.join(', ')).toBe(false);
  }, 120_000);

  it('S-16: those that wait for one key write nothing meanwhile', async () => {
    const slow = { type: 'latency', ms: 1_500, method: 'POST', path: '/v1/checkout/sessions' };
    const authorization = `Bearer ${server.env['STRIPE_SECRET_KEY']}`;
    const headers = { authorization, 'content-type': 'application/json' };
    const faults = `${emulator.url}/_emulator/faults`;
    await fetch(faults, { method: 'POST', headers, body: JSON.stringify(slow) });
    const person = newPerson(server);
    const writes: string[] = [];
    const asked = Array.from({ length: 10 }, () =>
      person.post('checkout', PRO, { 'idempotency-key': 'one' }),
    );
    await sleep(600);
    server.database.knex.on('query', ({ sql }: { sql: string }) => {
      if (/^\s*(insert|update|delete).*idempotency_keys/i.test(sql)) writes.push(sql);
    });
    await sleep(600);
    expect(writes).toEqual([]);
    const answers = await Promise.all(asked);
    await fetch(faults, { method: 'DELETE', headers: { authorization } });
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  });
});

describe('Tasks of one key', () => {
  it('S-16: run in the order in which they came, and are given up after their time', async () => {
    const inOrder = createInOrder();
    const ran: number[] = [];
    const task = (i: number, ms: number) => async () => {
      await sleep(ms);
      ran.push(i);
      return i;
    };
    const all = [
      inOrder('a', 1_000, task(1, 100)),
      inOrder('a', 20, task(2, 0)),
      inOrder('a', 1_000, task(3, 0)),
      inOrder('b', 1_000, task(4, 0)),
    ];
    expect(await Promise.all(all)).toEqual([{ result: 1 }, null, { result: 3 }, { result: 4 }]);
    expect(ran).toEqual([4, 1, 3]);
  });

  it('S-16: are counted until they end, failures too', async () => {
    const atOnce = createAtOnce(1);
    const failing = atOnce('a', () => Promise.reject(new Error('no')));
    await expect(atOnce('a', () => Promise.resolve(1))).rejects.toMatchObject({ status: 429 });
    await expect(failing).rejects.toThrow('no');
    expect(await atOnce('a', () => Promise.resolve(1))).toBe(1);
  });
});

describe('Calls to Stripe that an account causes', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      database: 'sqlite',
      emulator,
      env: { RATE_LIMIT_STRIPE_CALLS: '12' },
    });
  });
  afterAll(() => server.close());

  it('S-17: are bounded, for this account only, and not what needs none', async () => {
    const [eager, other] = [newPerson(server), newPerson(server)];
    const statuses: number[] = [];
    for (let i = 0; i < 15; i += 1) statuses.push((await eager.post('checkout', PRO)).status);
    expect(statuses[0]).toBe(200);
    expect(statuses.at(-1)).toBe(429);
    const first = statuses.indexOf(429);
    expect(new Set(statuses.slice(first))).toEqual(new Set([429]));
    const free = await server.call('GET', '/api/billing/subscription', { user: eager.id });
    expect(free.status).toBe(200);
    expect((await other.post('checkout', PRO)).status).toBe(200);
  });

  it('S-17: promotion codes cannot be guessed, by whichever route: after twenty wrong ones the account waits', async () => {
    const guesser = newPerson(server);
    const ask = async (code: string) => (await guesser.get(`promotion-codes/${code}`)).status;
    const buy = async (promotionCode: string) =>
      (await guesser.post('checkout', { ...PRO, promotionCode })).status;
    server.services.stripe.promotionByCode = () => Promise.resolve(null);
    const statuses: number[] = [];
    for (let i = 0; i < 18; i += 1) statuses.push(await ask(`CODE${i}`));
    for (let i = 18; i < 20; i += 1) statuses.push(await buy(`CODE${i}`));
    statuses.push(await ask('CODE20'), await buy('CODE21'));
    expect(statuses).toEqual([...Array(18).fill(404), 400, 400, 429, 429]);
  });

  it('S-17: admin tokens cannot be guessed through the API: after twenty wrong ones even the right one waits', async () => {
    const ask = (token: string) =>
      server.call('GET', '/admin/api/stats', { headers: { authorization: `Bearer ${token}` } });
    const statuses: number[] = [];
    for (let i = 0; i < 22; i += 1) statuses.push((await ask(`guess-${i}`)).status);
    expect(statuses).toEqual([...Array(20).fill(401), 429, 429]);
    expect((await ask(TEST_ADMIN_TOKEN)).status).toBe(429);
    const text = await server.services.metrics.text();
    expect(text).toContain('tenure_tokens_refused_total{by="admin"} 20');
  });
});

describe('Bodies of senders who are not known yet', () => {
  it('S-25: have a bound together and by address; the one that arrives for longest gives way', () => {
    const under = createBytesUnderWay({ total: 100, perAddress: 60 });
    const cut: string[] = [];
    const begin = (name: string, address: string) =>
      under.begin(address, (error) => cut.push(`${name} ${error.status}`));
    const [a, b] = [begin('a', '192.0.2.1'), begin('b', '192.0.2.1')];
    a.add(30);
    b.add(30);
    expect(cut).toEqual([]);
    begin('c', '192.0.2.1').add(10);
    expect(cut).toEqual(['a 503']);
    a.add(1_000);
    expect(under.bytes()).toBe(40);
    begin('d', '192.0.2.2').add(60);
    expect(cut).toEqual(['a 503']);
    begin('e', '192.0.2.3').add(10);
    expect(cut).toEqual(['a 503', 'b 503']);
    b.end();
    expect(under.bytes()).toBe(80);
  });

  it('S-25: are bounded at 64 MiB together and 16 MiB of an address', () => {
    const cut: string[] = [];
    const begin = (address: string) => bytesUnderWay.begin(address, () => cut.push(address));
    const bodies = ['a', 'b', 'c', 'd', 'e'].map((address) => ({ address, body: begin(address) }));
    for (const { body } of bodies.slice(0, 4)) body.add(16 * 1_048_576);
    expect(cut).toEqual([]);
    bodies[4]!.body.add(1);
    expect(cut).toEqual(['a']);
    bodies[1]!.body.add(1);
    expect(cut).toEqual(['a', 'b']);
    for (const { body } of bodies) body.end();
    expect(bytesUnderWay.bytes()).toBe(0);
  });

  it.each(['with its length declared', 'in chunks'])(
    'S-25: 300 stalled webhooks of 900 kB, %s, cost 16 MiB, and a signed one is answered meanwhile',
    async (how) => {
      const server = await startTestServer({ database: 'sqlite', emulator });
      const { hostname, port } = new URL(server.url);
      const stalled: ClientRequest[] = [];
      const refused: number[] = [];
      const chunk = Buffer.alloc(900_000, 'x');
      const headers = how === 'in chunks' ? {} : { 'content-length': 1_000_000 };
      let most = 0;
      for (let i = 0; i < 300; i += 1) {
        const path = '/api/webhooks/stripe';
        const sender = httpRequest({ hostname, port, path, method: 'POST', headers });
        sender.on('response', (answer) => refused.push(answer.statusCode ?? 0));
        sender.on('error', () => undefined);
        sender.write(chunk);
        stalled.push(sender);
        if (i % 20 === 19) await sleep(20);
        most = Math.max(most, bytesUnderWay.bytes());
      }
      await until(async () => refused.length > 250);
      most = Math.max(most, bytesUnderWay.bytes());
      expect(most).toBeGreaterThan(4 * 1_048_576);
      expect(most).toBeLessThanOrEqual(16 * 1_048_576);
      expect(new Set(refused)).toEqual(new Set([503]));
      const event = {
        id: 'evt_s25',
        object: 'event',
        type: 'x.y',
        created: 1,
        data: { object: {} },
      };
      const [secret = ''] = server.services.config.stripe.webhookSecrets;
      const now = Math.floor(Date.now() / 1000);
      const signature = signStripePayload(Buffer.from(JSON.stringify(event)), secret, now);
      const answer = await server.call('POST', '/api/webhooks/stripe', {
        body: event,
        headers: { 'stripe-signature': signature },
      });
      expect(answer.status).toBe(200);
      for (const sender of stalled) sender.destroy();
      await until(async () => bytesUnderWay.bytes() === 0);
      await server.close();
    },
    60_000,
  );
});
