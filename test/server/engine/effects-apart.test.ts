import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureCustomer } from '../../../db/customers.ts';
import { enqueueEffects } from '../../../db/outbox.ts';
import { effectOfAnyRelease } from '../../support/effects.ts';
import { sleep } from '../../../server/lib/limit.ts';
import { DIALECTS, type TestDatabase } from '../../support/databases.ts';
import { type EngineLab, type LabEngineOptions } from '../../support/engine-lab.ts';
import { useEngines, useLabWithMail } from '../../support/engines.ts';
import { until } from '../../support/server.ts';
import type { SmtpSink } from '../../support/smtp-sink.ts';

let lab: EngineLab;
let smtp: SmtpSink;
useLabWithMail((...both) => {
  [lab, smtp] = both;
});

/** The team's own server: answers 200, but nothing at all while `hangs` says so. */
interface Receiver {
  env: Record<string, string>;
  /** The object of each call, in the order in which they came. */
  calls: string[];
  server: Server;
}

async function startReceiver(hangs: (object: string) => boolean): Promise<Receiver> {
  const calls: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      const { object } = JSON.parse(body) as { object: string };
      calls.push(object);
      if (!hangs(object)) response.writeHead(200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const env = {
    OUTGOING_WEBHOOK_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    OUTGOING_WEBHOOK_SECRET: `whsec_${Buffer.from('a key of the team, 24 bytes+').toString('base64')}`,
  };
  return { env, calls, server };
}

const ids = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${prefix}_${i}`);
const webhooks = (objects: string[]) =>
  objects.map((object) => effectOfAnyRelease('webhook.payment.failed', object, { object }));
const mails = (objects: string[]) =>
  objects.map((object) =>
    effectOfAnyRelease('mail.receipt', object, {
      userId: 'u1',
      amountPaid: 2_000,
      currency: 'usd',
    }),
  );

describe.each(DIALECTS)('A delivery that takes long, on %s,', (dialect) => {
  let database: TestDatabase;
  const receivers: Receiver[] = [];
  const engine = useEngines(
    dialect,
    () => lab,
    (made) => (database = made),
  );
  beforeEach(async () => {
    smtp.mails.length = 0;
    await ensureCustomer(database.knex, { userId: 'u1', email: 'one@example.com', now: 1 });
  });
  afterEach(async () => {
    const closed = receivers.splice(0).map(({ server }) => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    });
    await Promise.all(closed);
  });

  async function receiver(hangs: (object: string) => boolean): Promise<Receiver> {
    const started = await startReceiver(hangs);
    receivers.push(started);
    return started;
  }

  async function start(env: Record<string, string>, more: LabEngineOptions = {}) {
    const started = engine({
      ...more,
      env: { ...env, SMTP_URL: smtp.url, MAIL_FROM: 'Shop <shop@example.com>' },
      engine: { poll: 1_000, ...more.engine },
    });
    await started.services.engine.start();
    return started.services.engine;
  }
  const delivered = async (kind: string) =>
    (await database.knex('outbox').where({ kind, status: 'delivered' }).select('id')).length;

  it('keeps no mail waiting: thirty leave while the team’s receiver answers nothing', async () => {
    const { env, calls } = await receiver(() => true);
    await enqueueEffects(database.knex, webhooks(ids('hung', 40)), Date.now() - 1_000);
    const engine = await start(env);
    await until(async () => calls.length === 10);
    await enqueueEffects(database.knex, mails(ids('in', 30)), Date.now());
    engine.wake();
    const before = performance.now();
    await until(async () => (await delivered('mail.receipt')) === 30, 5_000);
    expect(performance.now() - before).toBeLessThan(3_000);
    expect(new Set(smtp.mails.map(({ messageId }) => messageId)).size).toBe(30);
    // The receiver is not flooded: as many at once as ever, each once.
    expect(new Set(calls).size).toBe(10);
    expect(calls).toHaveLength(10);
  });

  it('holds its own place only: others of its kind go on', async () => {
    const { env, calls } = await receiver((object) => object === 'in_0');
    await enqueueEffects(database.knex, webhooks(ids('in', 60)), Date.now());
    await start(env);
    await until(async () => (await delivered('webhook.payment.failed')) === 59, 5_000);
    expect(calls.filter((object) => object === 'in_0')).toHaveLength(1);
    expect(calls).toHaveLength(60);
  });

  it('is given up before another process would try the same, and made again', async () => {
    let hung = 0;
    const { env, calls } = await receiver(() => (hung += 1) <= 1);
    smtp.ramble(1);
    await enqueueEffects(database.knex, [...webhooks(['in_1']), ...mails(['in_2'])], Date.now());
    const engine = { poll: 20, mailTimeout: 300, webhookTimeout: 300, effectLease: 60_000 };
    await start(env, { engine });
    await until(
      async () =>
        (await delivered('webhook.payment.failed')) + (await delivered('mail.receipt')) === 2,
    );
    const rows: { attempts: number }[] = await database.knex('outbox');
    expect(rows.map(({ attempts }) => attempts)).toEqual([2, 2]);
    expect(calls).toEqual(['in_1', 'in_1']);
    expect(smtp.mails).toHaveLength(1);
  });

  it('is given up when the server stops, costs no attempt, and is tried by the next one at once', async () => {
    let hangs = true;
    const { env, calls } = await receiver(() => hangs);
    await enqueueEffects(database.knex, webhooks(['in_1']), Date.now());
    const engine = await start(env);
    await until(async () => calls.length === 1);
    const before = performance.now();
    await engine.stop();
    expect(performance.now() - before).toBeLessThan(8_000);
    expect(await database.knex('outbox').first()).toMatchObject({ status: 'waiting', attempts: 0 });
    hangs = false;
    await start(env);
    await until(async () => (await delivered('webhook.payment.failed')) === 1, 2_000);
  });

  it('is not made again because the database was away just when it had ended', async () => {
    const { env, calls } = await receiver(() => false);
    const rename = (from: string, to: string) =>
      database.knex.raw(`ALTER TABLE ${from} RENAME TO ${to}`);
    const back: Promise<unknown>[] = [];
    const probe = async (step: string) => {
      if (step !== 'after_delivery' || back.length > 0) return;
      await rename('outbox', 'outbox_away');
      back.push(sleep(500).then(() => rename('outbox_away', 'outbox')));
    };
    await enqueueEffects(database.knex, webhooks(['in_1']), Date.now());
    await start(env, { probe, engine: { poll: 50, effectLease: 3_000 } });
    await until(async () => back.length > 0);
    await Promise.all(back);
    await until(async () => (await delivered('webhook.payment.failed')) === 1, 2_500);
    expect(calls).toEqual(['in_1']);
  });

  it('comes to rest when it never ends at all, as when it kills its process each time', async () => {
    const { env, calls } = await receiver(() => false);
    await enqueueEffects(database.knex, webhooks(['in_1']), Date.now());
    await database.knex('outbox').update({ attempts: 3 });
    await start(env, { engine: { maxEffectAttempts: 3 } });
    await until(async () => (await database.knex('outbox').first()).status === 'dead');
    expect(await database.knex('outbox').first()).toMatchObject({
      last_error: expect.stringContaining('none came to an end'),
    });
    expect(calls).toEqual([]);
  });
});
