import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { enqueueEffects } from '../../../db/outbox.ts';
import { findSubscription } from '../../../db/subscriptions.ts';
import type { NewEvent } from '../../../db/webhook-events.ts';
import { markRestored } from '../../../server/operations/mark-restored.ts';
import { verifyDatabase } from '../../../server/operations/verify.ts';
import { catchUp } from '../../../server/webhooks/catch-up.ts';
import { replayEvents } from '../../../server/webhooks/replay.ts';
import { isRelevant } from '../../../server/webhooks/parse-event.ts';
import { DIALECTS, type TestDatabase } from '../../support/databases.ts';
import type { EngineLab, LabEngine } from '../../support/engine-lab.ts';
import { useEngines, useLabWithMail } from '../../support/engines.ts';
import { until } from '../../support/server.ts';
import type { SmtpSink } from '../../support/smtp-sink.ts';
import { beginStory } from '../../support/subscription-story.ts';
import { ownerMetadata } from '../../support/owner-metadata.ts';

const DAY = 86_400;

let lab: EngineLab;
let smtp: SmtpSink;
useLabWithMail((...both) => {
  [lab, smtp] = both;
});

describe.each(DIALECTS)('What follows from an event, on %s,', (dialect) => {
  let database: TestDatabase;
  const engine = useEngines(
    dialect,
    () => lab,
    (made) => (database = made),
  );
  beforeEach(() => {
    smtp.mails.length = 0;
  });

  async function start(env: Record<string, string>): Promise<LabEngine> {
    const started = engine({ env, engine: { poll: 20, retryBase: 20, retryMax: 5_000 } });
    await started.services.engine.start();
    return started;
  }
  const withMail = () => start({ SMTP_URL: smtp.url, MAIL_FROM: 'Shop <shop@example.com>' });
  const quiet = () =>
    until(async () => {
      const event = await database.knex('webhook_events').where({ status: 'waiting' }).first('id');
      const effect = await database.knex('outbox').where({ status: 'waiting' }).first('id');
      return event === undefined && effect === undefined;
    });
  const subjects = () =>
    smtp.mails.map(({ data }) => /^subject: (.*)$/im.exec(data)?.[1] ?? '').toSorted();

  it('S-11: is not told again after a restore, by catch-up, replay or repair, unless it is asked for', async () => {
    const receiver = await startReceiver();
    const env = {
      SMTP_URL: smtp.url,
      MAIL_FROM: 'Shop <shop@example.com>',
      OUTGOING_WEBHOOK_URL: receiver.url,
      OUTGOING_WEBHOOK_SECRET: `whsec_${Buffer.from('a secret of the team').toString('base64')}`,
    };
    const { services } = await start(env);
    const story = await beginStory(lab);
    await lab.stripe.subscriptions.cancel(story.subscriptionId);
    const restore = () => database.clear();
    const parts = { core: services, reader: services.engine.reader };
    const store = (events: NewEvent[]) => services.engine.store(events);

    await restore();
    await markRestored(services);
    await catchUp(parts, store);
    await quiet();
    expect(await findSubscription(database.knex, story.subscriptionId)).toMatchObject({
      state: 'canceled',
    });
    await restore();
    await replayEvents(services, { since: Date.now() - 60_000 });
    await quiet();
    const noted = await database.knex('outbox').select('status', 'last_error');
    expect(noted.length).toBeGreaterThan(2);
    expect(new Set(noted.map((row) => row.status))).toEqual(new Set(['delivered']));
    await restore();
    await verifyDatabase(services, { repair: true });
    await quiet();
    expect([smtp.mails.length, receiver.got.length]).toEqual([0, 0]);

    await restore();
    await replayEvents(services, { since: Date.now() - 60_000, notify: true });
    await quiet();
    expect(smtp.mails.length).toBeGreaterThan(1);
    expect(receiver.got.length).toBeGreaterThan(1);
    await services.engine.stop();
    await receiver.close();
  });

  it('is one mail, although its events come twice and to two processes', async () => {
    const two = [await withMail(), await withMail()];
    const story = await beginStory(lab);
    await lab.stripe.subscriptions.cancel(story.subscriptionId);
    const news = await story.news();
    await Promise.all(news.flatMap((event) => two.map((engine) => engine.deliver(event))));
    await quiet();
    expect(smtp.mails.map(({ to }) => to)).toEqual(Array(2).fill('someone@example.com'));
    expect(new Set(subjects()).size).toBe(2);
    expect(smtp.mails.map(({ data }) => data).join()).toContain('20.00');
  });

  it('is sent again after a mail server refused it, under the same message id', async () => {
    smtp.refuse(2);
    const engine = await withMail();
    const story = await beginStory(lab);
    for (const event of await story.news()) await engine.deliver(event);
    await quiet();
    expect(smtp.mails).toHaveLength(1);
    expect(smtp.mails[0]!.messageId).toMatch(/^<[0-9a-f]{32}@example\.com>$/);
    const [effect] = await database.knex('outbox');
    expect(effect).toMatchObject({ status: 'delivered', attempts: 3 });
  });

  it('is the end at Stripe after three failed payments, once, with notices of each', async () => {
    const engine = await withMail();
    const { stripe, prices } = lab;
    const clock = await stripe.testHelpers.testClocks.create({ frozen_time: 1_790_000_000 });
    const customer = await stripe.customers.create({
      email: 'payer@example.com',
      test_clock: clock.id,
    });
    const card = await stripe.paymentMethods.attach('pm_card_chargeCustomerFail', {
      customer: customer.id,
    });
    let mark = (await stripe.events.list({ limit: 1 })).data[0]!.id;
    const { id } = await stripe.subscriptions.create({
      customer: customer.id,
      default_payment_method: card.id,
      items: [{ price: prices.starterMonthly }],
      trial_period_days: 3,
      metadata: ownerMetadata(customer.id),
    });
    const cancels: string[] = [];
    const keys: string[] = [];
    const { cancelNow } = engine.services.stripe;
    engine.services.stripe.cancelNow = (...given) => {
      keys.push(given[2]);
      // Stripe would repeat such an answer for a day to whoever comes with the same key (lesson 14).
      if (keys.length === 1) return Promise.reject(new Error('Stripe answered 500'));
      cancels.push(given[0]);
      return cancelNow(...given);
    };
    const failures: number[] = [];
    for (let now = clock.frozen_time; cancels.length === 0 && failures.length < 5; now += 4 * DAY) {
      await stripe.testHelpers.testClocks.advance(clock.id, { frozen_time: now + 4 * DAY });
      await until(
        async () => (await stripe.testHelpers.testClocks.retrieve(clock.id)).status === 'ready',
      );
      const news = await lab.eventsSince(mark);
      mark = news.at(-1)?.id ?? mark;
      for (const event of news) {
        if (event.type === 'invoice.payment_failed') {
          failures.push(event.data.object.attempt_count);
        }
        // Twice each: the end must come once.
        if (isRelevant(event.type))
          await Promise.all([engine.deliver(event), engine.deliver(event)]);
      }
      await quiet();
    }
    expect(failures).toEqual([1, 2, 3]);
    expect(cancels).toEqual([id]);
    expect(new Set(keys).size).toBe(2);
    expect(await stripe.subscriptions.retrieve(id)).toMatchObject({ status: 'canceled' });
    expect(await findSubscription(database.knex, id)).toMatchObject({ state: 'canceled' });
    for (const event of await lab.eventsSince(mark)) await engine.deliver(event);
    await quiet();
    const kinds: { kind: string }[] = await database
      .knex('outbox')
      .whereLike('kind', 'mail.payment%')
      .orderBy('kind');
    expect(kinds.map(({ kind }) => kind)).toEqual([
      'mail.payment_failed',
      'mail.payment_failed',
      'mail.payment_failed_final',
    ]);
    const toPayer = smtp.mails.filter(({ to }) => to === 'payer@example.com');
    // P-13: a last notice is sent only to who can still act; here the end follows at once.
    expect(subjects().filter((subject) => /^last notice/i.test(subject))).toEqual([]);
    const asNote = expect.stringMatching(/ended|ends with this attempt/);
    expect(
      await database.knex('outbox').where({ kind: 'mail.payment_failed_final' }).first(),
    ).toMatchObject({ status: 'delivered', last_error: asNote });
    // The trial's end, three failures, the end of the subscription.
    expect(toPayer).toHaveLength(new Set(toPayer.map(({ messageId }) => messageId)).size);
    expect(cancels).toEqual([id]);
  });

  it('is not the end of somebody who pays again, however late it is carried out', async () => {
    const { stripe } = lab;
    const story = await beginStory(lab);
    const { customer } = await stripe.subscriptions.retrieve(story.subscriptionId);
    const customerId = typeof customer === 'string' ? customer : customer.id;
    const invoice = await stripe.invoices.create({
      customer: customerId,
      collection_method: 'send_invoice',
      days_until_due: 30,
    });
    await stripe.invoiceItems.create({
      customer: customerId,
      invoice: invoice.id,
      amount: 500,
      currency: 'usd',
    });
    await stripe.invoices.finalizeInvoice(invoice.id);
    const payload = {
      action: 'cancel' as const,
      userId: null,
      attempts: 3,
      subscriptionId: story.subscriptionId,
      customerId,
      invoiceId: invoice.id,
    };
    const kind = 'dunning.final_action' as const;
    await enqueueEffects(database.knex, [{ objectId: invoice.id, kind, payload }], Date.now());
    await withMail();
    await quiet();
    const [row] = await database.knex('outbox').where({ kind: 'dunning.final_action' });
    expect(row).toMatchObject({
      status: 'delivered',
      last_error: expect.stringMatching(/by now$/),
    });
    const { status } = await stripe.subscriptions.retrieve(story.subscriptionId);
    expect(['active', 'trialing']).toContain(status);
  });

  it('is told to the team’s own system, signed, again until it is taken', async () => {
    const calls: { headers: IncomingHttpHeaders; body: string; at: number }[] = [];
    const answers = [500, 429];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += String(chunk)));
      request.on('end', () => {
        calls.push({ headers: request.headers, body, at: Date.now() });
        const status = answers.shift() ?? 200;
        response.writeHead(status, status === 429 ? { 'retry-after': '1' } : {}).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const key = Buffer.from('a key of the team, 24 bytes+');
    const engine = await start({
      OUTGOING_WEBHOOK_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
      OUTGOING_WEBHOOK_SECRET: `whsec_${key.toString('base64')}`,
    });
    const story = await beginStory(lab);
    const created = (await story.news()).find(
      ({ type }) => type === 'customer.subscription.created',
    );
    await engine.deliver(created);
    await quiet();
    expect(calls).toHaveLength(3);
    const ids = calls.map(({ headers }) => String(headers['webhook-id']));
    expect(new Set(ids).size).toBe(1);
    expect(calls[2]!.at - calls[1]!.at).toBeGreaterThanOrEqual(995);
    const { headers, body } = calls[2]!;
    const signed = `${ids[0]}.${String(headers['webhook-timestamp'])}.${body}`;
    expect(headers['webhook-signature']).toBe(
      `v1,${createHmac('sha256', key).update(signed).digest('base64')}`,
    );
    expect(JSON.parse(body)).toMatchObject({ type: 'subscription.changed' });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});

/** A team's receiver that takes everything. */
async function startReceiver() {
  const got: string[] = [];
  const server = createServer((request, response) => {
    got.push(String(request.headers['webhook-id']));
    request.resume().on('end', () => response.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    got,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
