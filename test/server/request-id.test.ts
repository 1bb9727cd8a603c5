import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '../../server/lib/log.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { newPerson } from './billing/person.ts';

let written = '';
const destination = new Writable({
  write(chunk: Buffer, _encoding, done) {
    written += chunk.toString();
    done();
  },
});

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({
    database: 'sqlite',
    services: { log: createLogger({ level: 'debug', destination }) },
  });
});
afterAll(() => server.close());

describe('The id of a request', () => {
  it('is in its log lines, leads to it from the history, and is in Stripe’s own log', async () => {
    const person = newPerson(server);
    await person.subscribe();
    const headers = { 'x-request-id': 'trace-of-a-click' };
    const answer = await person.command('cancel', { when: 'period_end' }, headers);
    expect(answer.headers.get('x-request-id')).toBe('trace-of-a-click');
    await server.settled();

    const { data } = await server.stripe.events.list({ type: 'customer.subscription.updated' });
    const keys = data.map(({ request }) => request?.idempotency_key ?? '');
    expect(keys[0]).toMatch(/^tenure-cancel-trace-of-a-click-c[0-9a-f]{20}-[0-9a-f]{12}$/);
    // P-3, P-27: one line, joined with its event, whichever of them came first; it says who did it.
    const moved = await server.database
      .knex('transitions')
      .where({ event: 'cancel_scheduled' })
      .first();
    expect(data.map(({ id }) => id)).toContain(moved.cause_id);
    expect(moved).toMatchObject({
      cause_type: 'event',
      actor: `user:${person.id}`,
      account_id: person.id,
      request_id: 'trace-of-a-click',
      evidence: 'event',
    });
    const lines = written.split('\n').filter((line) => line.includes('trace-of-a-click'));
    const words = lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
    expect(words).toContain('request');
  });
});
