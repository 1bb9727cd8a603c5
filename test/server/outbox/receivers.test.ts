import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addressed, enqueueEffects } from '../../../db/outbox.ts';
import { ROUTE_DIALECTS } from '../../support/databases.ts';
import { effectOfAnyRelease } from '../../support/effects.ts';
import { startTestServer, until, type TestServer } from '../../support/server.ts';

const SECRET = `whsec_${Buffer.from('a secret of the team').toString('base64')}`;

/** Answers a status, or nothing at all while it is null. */
interface Receiver {
  url: string;
  status: number | null;
  /** What came, by type and object. */
  got: { type: string; object: string; id: string }[];
  server: Server;
}

async function startReceiver(): Promise<Receiver> {
  const receiver: Receiver = { url: '', status: 204, got: [], server: createServer() };
  receiver.server.on('request', (request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      const { type, data } = JSON.parse(body) as { type: string; data: { id: string } };
      const id = String(request.headers['webhook-id']);
      receiver.got.push({ type, object: data.id, id });
      if (receiver.status !== null) response.writeHead(receiver.status).end();
    });
  });
  await new Promise<void>((resolve) => receiver.server.listen(0, '127.0.0.1', resolve));
  receiver.url = `http://127.0.0.1:${(receiver.server.address() as AddressInfo).port}/hook`;
  return receiver;
}

describe.each(ROUTE_DIALECTS)('A-12: several receivers of outgoing webhooks, on %s,', (dialect) => {
  let server: TestServer;
  let [main, crm, down]: Receiver[] = [];
  beforeAll(async () => {
    [main, crm, down] = await Promise.all([startReceiver(), startReceiver(), startReceiver()]);
    server = await startTestServer({
      database: dialect,
      engine: { poll: 20, retryBase: 20, retryMax: 40, maxEffectAttempts: 3 },
      env: {
        OUTGOING_WEBHOOK_URL: main.url,
        OUTGOING_WEBHOOK_SECRET: SECRET,
        OUTGOING_WEBHOOKS: JSON.stringify([
          { name: 'crm', url: crm.url, secret: SECRET, events: ['dispute.*', 'payment.refunded'] },
          { name: 'down', url: down.url, secret: SECRET },
        ]),
      },
    });
  });
  afterAll(async () => {
    for (const { server: each } of [main!, crm!, down!]) {
      each.closeAllConnections();
      each.close();
    }
    await server.close();
  });

  /** Puts webhooks into the outbox as commits do. */
  async function tell(type: string, objects: string[]): Promise<void> {
    const effects = objects.map((id) =>
      effectOfAnyRelease(`webhook.${type}`, id, { type, timestamp: 'now', data: { id } }),
    );
    await enqueueEffects(
      server.database.knex,
      addressed(server.services.config.receivers, effects),
      Date.now(),
    );
    server.services.engine.wake();
  }
  const ids = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, i) => `${prefix}_${i}`);
  const at = (receiver: Receiver | undefined, prefix: string) =>
    receiver?.got.filter(({ object }) => object.startsWith(prefix)) ?? [];
  const webhooks = async (query: string) => {
    const { json, status, text } = await server.call('GET', `/admin/api/webhooks?${query}`, {
      admin: true,
    });
    expect(status, text).toBe(200);
    return json['webhooks'] as { id: string; state: string; type: string; receiver: string }[];
  };
  const details = async (id: string) =>
    (await server.call('GET', `/admin/api/webhooks/${id}`, { admin: true })).json;
  const resend = (id: string) =>
    server.call('POST', `/admin/api/webhooks/${id}/resend`, { admin: true, body: {} });

  it('each is told what it asked for, and none waits for another that answers nothing', async () => {
    down!.status = null;
    await tell('payment.failed', ids('hung', 15));
    await until(async () => at(down, 'hung').length === 10);
    await tell('dispute.opened', ids('du', 25));
    await tell('payment.refunded', ['re_1']);
    await until(async () => at(main, 'du').length === 25 && at(crm, 'du').length === 25, 5_000);
    await until(async () => at(crm, 're').length === 1);
    expect(at(crm, 'hung')).toEqual([]);
    expect(at(main, 'hung')).toHaveLength(15);
    // The one that hangs keeps to its own places.
    expect(at(down, 'du')).toEqual([]);
    expect(at(down, 'hung')).toHaveLength(10);
    // Nor does the order of a subscription's lines at one hold up those of another.
    const lines = [1, 2, 3].map((number) =>
      effectOfAnyRelease('webhook.subscription.changed', `sub_1:${number}`, {
        type: 'subscription.changed',
        data: { id: `line_${number}`, subscriptionId: 'sub_1', number },
      }),
    );
    const { receivers } = server.services.config;
    await enqueueEffects(server.database.knex, addressed(receivers, lines), Date.now());
    server.services.engine.wake();
    await until(async () => at(main, 'line').length === 3, 5_000);
    expect(at(main, 'line').map(({ object }) => object)).toEqual(['line_1', 'line_2', 'line_3']);
    expect(at(down, 'line')).toEqual([]);
    down!.status = 204;
    down!.server.closeAllConnections();
    await until(async () => at(down, 'du').length >= 25, 5_000);
  });

  it('the log has each attempt with its answer, and an operator sends one again', async () => {
    crm!.status = 500;
    await tell('dispute.lost', ['du_log']);
    await until(async () => (await webhooks('receiver=crm&status=dead')).length === 1);
    const [dead] = await webhooks('receiver=crm&status=dead&type=dispute.lost');
    expect(dead).toMatchObject({ state: 'dead', type: 'dispute.lost', receiver: 'crm' });
    const { log, url } = (await details(dead!.id)) as { log: unknown[]; url: string };
    expect(url).toBe(crm!.url);
    expect(log).toHaveLength(3);
    for (const attempt of log) {
      expect(attempt).toMatchObject({
        at: expect.stringMatching(/^\d{4}-/),
        status: 500,
        error: 'The receiver answered 500',
        durationMs: expect.any(Number),
      });
    }
    expect(await webhooks('receiver=default&status=dead')).toEqual([]);

    crm!.status = 204;
    expect((await resend(dead!.id)).status).toBe(202);
    await until(async () => (await details(dead!.id))['state'] === 'delivered');
    const after = (await details(dead!.id)) as { log: { status: number; error: string | null }[] };
    expect(after.log.at(-1)).toMatchObject({ status: 204, error: null });
    // What was delivered can be sent again too, under the id that it had.
    const sent = () => at(crm, 'du_log').map(({ id }) => id);
    const count = sent().length;
    await resend(dead!.id);
    await until(async () => sent().length === count + 1);
    expect(new Set(sent()).size).toBe(1);
    const audit = await server.database.knex('audit_log').where({ target: dead!.id });
    expect(audit.map(({ action }) => action)).toEqual(
      Array(2).fill('POST /admin/api/webhooks/:id/resend'),
    );
  });

  it('what no one answers at is in the log in words', async () => {
    const { server: gone } = down!;
    gone.closeAllConnections();
    await new Promise((resolve) => gone.close(resolve));
    await tell('dispute.won', ['du_gone']);
    await until(async () => (await webhooks('receiver=down&type=dispute.won')).length === 1);
    const [found] = await webhooks('receiver=down&type=dispute.won');
    await until(async () => (await details(found!.id))['state'] === 'dead');
    const { log } = (await details(found!.id)) as { log: unknown[] };
    expect(log).toHaveLength(3);
    const error = expect.stringMatching(/^fetch failed: .*ECONNREFUSED/);
    expect(log.at(-1)).toMatchObject({ status: null, error });
  });

  it('what waits for one that is not set any more is noted, and cannot be sent again', async () => {
    const effect = effectOfAnyRelease('webhook.dispute.won', 'du_old', { data: { id: 'du_old' } });
    await enqueueEffects(
      server.database.knex,
      [{ ...effect, receiver: 'former' }],
      Date.now() - 1_000,
    );
    await server.restart();
    const [found] = await webhooks('receiver=former');
    expect(found).toMatchObject({ state: 'not sent' });
    expect((await resend(found!.id)).status).toBe(409);
    expect((await resend('123456789')).status).toBe(404);
  });
});
