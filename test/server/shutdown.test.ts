import { once } from 'node:events';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEmulator, type RunningEmulator } from '../../scripts/stripe-emulator/index.ts';
import { createLogger } from '../../server/lib/log.ts';
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

  it('S-28: is not ready first and takes requests for DRAIN_SECONDS, so that no client of a balancer fails', async () => {
    const lines: string[] = [];
    const destination = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        lines.push(chunk.toString());
        done();
      },
    });
    const server = await startTestServer({
      database: 'sqlite',
      emulator,
      env: { DRAIN_SECONDS: '3' },
      services: { log: createLogger({ level: 'info', destination }) },
    });
    const statuses: number[] = [];
    const failures: unknown[] = [];
    let stopped = false;
    /** A balancer's pool: connections are kept alive, and are used until it sees that the server is not ready. */
    const isReady = { now: true };
    const clients = Array.from({ length: 24 }, async () => {
      while (isReady.now) {
        await server.call('GET', '/api/billing/plans').then(
          ({ status }) => statuses.push(status),
          (error: unknown) => failures.push(error),
        );
        await sleep(50);
      }
    });
    const probe = (async () => {
      while (isReady.now) {
        const { status, json } = await server.call('GET', '/readyz');
        if (status === 503) expect(json['status']).toBe('stopping');
        await sleep(200);
        isReady.now = status === 200;
      }
    })();
    await until(async () => statuses.length > 50);
    const before = statuses.length;
    const draining = server.drain().then(() => (stopped = true));
    await Promise.all([probe, ...clients]);
    expect(stopped).toBe(false);
    expect(statuses.length).toBeGreaterThan(before);
    await draining;
    expect(failures).toEqual([]);
    expect(new Set(statuses)).toEqual(new Set([200]));
    const said = lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
    expect(said.filter((text) => text !== 'request')).toEqual([
      expect.stringMatching(/^told to stop: .*DRAIN_SECONDS/),
      expect.stringMatching(/^stopping: /),
      'stopped',
    ]);
    await server.close();
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
