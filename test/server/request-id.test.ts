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
    expect(keys[0]).toMatch(/^tenure-cancel-trace-of-a-click-[0-9a-f]{12}$/);
    // The webhook may have been faster than the answer: then its event is the cause, and its key has the id.
    const moved = await server.database
      .knex('transitions')
      .where({ event: 'cancel_scheduled' })
      .first();
    const byEvent = data.find(({ id }) => id === moved.cause_id)?.request?.idempotency_key;
    expect(byEvent ?? moved.cause_id).toContain('trace-of-a-click');
    const lines = written.split('\n').filter((line) => line.includes('trace-of-a-click'));
    const words = lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
    expect(words).toContain('request');
  });
});
