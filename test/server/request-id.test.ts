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
  it('of the caller is answered and logged; ours is in the history and in Stripe’s own log (M-11)', async () => {
    const person = newPerson(server);
    await person.subscribe();
    const headers = { 'x-request-id': 'trace-of-a-click' };
    const answer = await person.command('cancel', { when: 'period_end' }, headers);
    expect(answer.headers.get('x-request-id')).toBe('trace-of-a-click');
    await server.settled();

    const { data } = await server.stripe.events.list({ type: 'customer.subscription.updated' });
    const keys = data.map(({ request }) => request?.idempotency_key ?? '');
    expect(keys[0]).toMatch(/^tenure-cancel-req_[0-9a-f-]{36}-c[0-9a-f]{20}-[0-9a-f]{12}$/);
    const own = /req_[0-9a-f-]{36}/.exec(keys[0] ?? '')?.[0] ?? 'none';
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
      request_id: own,
      evidence: 'event',
    });
    const lines = written.split('\n').filter((line) => line.includes('trace-of-a-click'));
    const words = lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
    expect(words).toContain('request');
    expect(lines.some((line) => line.includes(own))).toBe(true);
  });

  it('M-11: two invoices under one id of the caller are two', async () => {
    const person = newPerson(server);
    await person.subscribe();
    const headers = { 'x-request-id': 'trace-1' };
    const made = [];
    for (const amount of [1_000, 9_999]) {
      const items = [{ description: 'Work', amount, currency: 'usd' }];
      const wish = { userId: person.id, items, collection: 'send' };
      made.push((await person.asAdmin('invoices', wish, headers)).json['invoice']);
    }
    expect(made).toMatchObject([{ total: 1_000 }, { total: 9_999 }]);
  });
});
