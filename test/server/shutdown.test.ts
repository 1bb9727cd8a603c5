import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEmulator, type RunningEmulator } from '../../scripts/stripe-emulator/index.ts';
import { startTestServer, until } from '../support/server.ts';
import { TEST_ADMIN_TOKEN, tokenFor } from '../support/tokens.ts';

let emulator: RunningEmulator;
beforeAll(async () => {
  emulator = await startEmulator();
});
afterAll(() => emulator.close());

describe('A server that is told to stop', () => {
  it('finishes the requests in flight, then takes no more', async () => {
    const users = Array.from({ length: 20 }, (_, i) => `u${i}`);
    const arrived = new Set<string>();
    const server = await startTestServer({
      database: 'sqlite',
      emulator,
      services: {
        authenticate: (request) => {
          const id = request.headers.get('x-user') ?? '';
          arrived.add(id);
          return { id, email: null, name: null };
        },
      },
    });
    const body = { plan: 'pro', interval: 'monthly' };
    const asked = users.map((user) =>
      server.call('POST', '/api/billing/checkout', { body, headers: { 'x-user': user } }),
    );
    await until(async () => arrived.size === users.length);
    const stopped = server.close();
    const answers = await Promise.all(asked);
    await stopped;
    expect(answers.map(({ status }) => status)).toEqual(asked.map(() => 200));
    await expect(server.call('GET', '/healthz')).rejects.toThrow('fetch failed');
  });

  it('does not wait for streams that never end, nor for connections kept alive', async () => {
    const server = await startTestServer({ database: 'sqlite', emulator });
    const stream = await fetch(`${server.url}/admin/api/stream`, {
      headers: { authorization: `Bearer ${TEST_ADMIN_TOKEN}` },
    });
    expect(stream.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const reading = stream.text().catch((error: unknown) => error);
    await server.call('GET', '/healthz');
    const before = performance.now();
    await server.close();
    expect(performance.now() - before).toBeLessThan(5_000);
    await reading;
  });

  it('does not wait for connections that were opened in advance and never used', async () => {
    const server = await startTestServer({ database: 'sqlite', emulator });
    const { hostname, port } = new URL(server.url);
    const silent = connect(Number(port), hostname);
    await once(silent, 'connect');
    const before = performance.now();
    await server.close();
    expect(performance.now() - before).toBeLessThan(5_000);
    silent.destroy();
  });

  it('may be told twice', async () => {
    const server = await startTestServer({ database: 'sqlite', emulator });
    const token = await tokenFor('u1');
    await fetch(`${server.url}/api/billing/subscription`, {
      headers: { authorization: `Bearer ${token}` },
    });
    await Promise.all([server.services.engine.stop(), server.services.engine.stop()]);
    await server.close();
    expect(server.services.engine.backlog()).toBe(0);
  });
});
