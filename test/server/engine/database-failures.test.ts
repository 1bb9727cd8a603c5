import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createStripeGateway } from '../../../adapters/stripe-gateway.ts';
import { openDatabase } from '../../../db/database.ts';
import { databaseFailure } from '../../../db/database-errors.ts';
import { createTestDatabase, DIALECTS, type TestDatabase } from '../../support/databases.ts';
import { createEngineLab, type EngineLab, type LabEngine } from '../../support/engine-lab.ts';
import { until } from '../../support/server.ts';
import { beginStory } from '../../support/subscription-story.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';

let lab: EngineLab;
beforeAll(async () => {
  lab = await createEngineLab();
});
afterAll(() => lab.emulator.close());

const failureOf = async (promise: PromiseLike<unknown>) => {
  const error: unknown = await Promise.resolve(promise).then(
    () => null,
    (each: unknown) => each,
  );
  return databaseFailure(error);
};
const readiness = async ({ handler }: LabEngine) => {
  const response = await handler(new Request('http://localhost/readyz'));
  return [response.status, await response.json()];
};

describe.each(DIALECTS)('A database that takes no writes, on %s,', (dialect) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase(dialect, { poolSize: 1 });
  });
  afterAll(() => database.drop());

  it('S-13: makes deliveries 503 and the server not ready, until it is well again', async () => {
    const engine = lab.engine(database);
    const [event] = await (await beginStory(lab)).news();
    const set = (isOff: boolean) =>
      database.knex.raw(
        dialect === 'sqlite'
          ? `PRAGMA query_only = ${isOff ? 'ON' : 'OFF'}`
          : `SET default_transaction_read_only = ${isOff ? 'on' : 'off'}`,
      );
    expect(await readiness(engine)).toMatchObject([200, { checks: { database: 'ok' } }]);
    await set(true);
    expect(await engine.deliver(event)).toMatchObject({
      status: 503,
      body: { error: { code: 'database_unavailable' } },
    });
    expect(await readiness(engine)).toMatchObject([503, { checks: { database: 'failed' } }]);
    await set(false);
    expect(await engine.deliver(event)).toMatchObject({ status: 200 });
    expect(await readiness(engine)).toMatchObject([200, { status: 'ready' }]);
    await engine.services.engine.stop();
  });
});

describe('A connection to PostgreSQL that has gone silent', () => {
  it('S-8: is given up with the statement that waits on it, and another one is used', async () => {
    const stored = await createTestDatabase('postgres');
    const url = new URL(stored.url);
    const proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
    url.port = String(proxy.port);
    const behind = openDatabase(url.href, { poolSize: 2, queryTimeoutMs: 300 });
    await Promise.all([behind.knex.raw('SELECT pg_sleep(0.1)'), behind.knex.raw('SELECT 1')]);
    proxy.silence();
    const from = performance.now();
    expect(await failureOf(behind.knex.raw('SELECT 1'))).toBe('unreachable');
    expect(performance.now() - from).toBeLessThan(2_000);
    await until(async () => (await failureOf(behind.knex.raw('SELECT 1'))) === null);
    await behind.close();
    await proxy.close();
    await stored.drop();
  });
});

describe('A Stripe that takes a call and never answers', () => {
  it('S-14: holds no delivery up beyond ackTimeout, and S-8: one that waits in memory is seen', async () => {
    const database = await createTestDatabase('sqlite');
    const engine = lab.engine(database, { engine: { ackTimeout: 500 } });
    const { services } = engine;
    services.stripe.retrieveSubscription = () => new Promise(() => {});
    services.stripe.subscriptionsBegun = () => new Promise(() => {});
    const [event] = await (await beginStory(lab)).news();
    const from = performance.now();
    const delivery = engine.deliver(event);
    await until(() => Promise.resolve(services.engine.oldestDelivery() > 100));
    expect((await delivery).status).toBe(500);
    expect(performance.now() - from).toBeLessThan(1_500);
    expect(services.engine.oldestDelivery()).toBe(0);
    services.engine.oldestDelivery = () => 31_000;
    expect(await readiness(engine)).toMatchObject([503, { checks: { inbox: 'failed' } }]);
    await database.drop();
  });
});

describe('Connections to Stripe that have gone silent', () => {
  it('S-14: cost one attempt: the next one makes a new connection', async () => {
    const { hostname, port } = new URL(lab.emulator.url);
    const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    const stripe = createStripeGateway({
      secretKey: lab.secretKey,
      apiBase: `http://127.0.0.1:${proxy.port}`,
      timeout: 1_000,
      maxNetworkRetries: 1,
    });
    const ask = () => stripe.retrievePrice(lab.prices.proMonthly);
    await Promise.all(Array.from({ length: 6 }, ask));
    proxy.silence();
    expect((await ask()).id).toBe(lab.prices.proMonthly);
    const from = performance.now();
    await Promise.all([ask(), ask(), ask()]);
    expect(performance.now() - from).toBeLessThan(900);
    await proxy.close();
  });
});
