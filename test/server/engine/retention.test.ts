import { beforeEach, describe, expect, it } from 'vitest';
import { leadJob, readCursor } from '../../../db/cursors.ts';
import { takeKey } from '../../../db/idempotency-keys.ts';
import type { NewEvent } from '../../../db/webhook-events.ts';
import { catchUp } from '../../../server/webhooks/catch-up.ts';
import { replayEvents } from '../../../server/webhooks/replay.ts';
import { DIALECTS, type TestDatabase } from '../../support/databases.ts';
import type { EngineLab, LabEngine } from '../../support/engine-lab.ts';
import { useEngines, useLabWithMail } from '../../support/engines.ts';
import { until } from '../../support/server.ts';
import type { SmtpSink } from '../../support/smtp-sink.ts';
import { beginStory } from '../../support/subscription-story.ts';

const DAY = 86_400_000;

let lab: EngineLab;
let smtp: SmtpSink;
useLabWithMail((...both) => {
  [lab, smtp] = both;
});

describe.each(DIALECTS)('Old events, on %s,', (dialect) => {
  let database: TestDatabase;
  const engine = useEngines(
    dialect,
    () => lab,
    (made) => (database = made),
  );
  beforeEach(() => {
    smtp.mails.length = 0;
  });

  async function start(env: Record<string, string> = {}): Promise<LabEngine> {
    const started = engine({
      env: { SMTP_URL: smtp.url, ...env },
      engine: { poll: 20, retentionEvery: 50 },
    });
    await started.services.engine.start();
    return started;
  }
  const count = async (table: string) => (await database.knex(table).select('*')).length;
  const idle = () =>
    until(async () => {
      const event = await database.knex('webhook_events').where({ status: 'waiting' }).first('id');
      const effect = await database.knex('outbox').where({ status: 'waiting' }).first('id');
      return event === undefined && effect === undefined;
    });
  /** A subscription that was begun and paid for, and all that is stored of it, as if it were `days` ago. */
  async function longAgo(days: number) {
    const engine = await start();
    const story = await beginStory(lab);
    const news = await story.news();
    for (const event of news) await engine.deliver(event);
    await idle();
    await engine.services.engine.stop();
    const ms = days * DAY;
    const back = (...columns: string[]) =>
      Object.fromEntries(columns.map((name) => [name, database.knex.raw('?? - ?', [name, ms])]));
    await database.knex('webhook_events').update(back('created_at', 'received_at', 'processed_at'));
    await database.knex('outbox').update(back('created_at', 'delivered_at'));
    return news;
  }
  /** Until a round of deleting has begun after now and ended. */
  async function retentionRan(): Promise<void> {
    const last = async () => Number((await readCursor(database.knex, 'retention')) ?? 0);
    for (let round = 0; round < 2; round += 1) {
      const before = await last();
      await until(async () => (await last()) > before);
    }
  }

  it('are kept for ever unless it is asked for; what is never needed again is not', async () => {
    await longAgo(4_000);
    const events = await count('webhook_events');
    const key = { userId: 'u', key: 'old', requestHash: 'x' };
    await takeKey(database.knex, key, { now: Date.now() - 31 * DAY, lease: 1 });
    await takeKey(database.knex, { ...key, key: 'new' }, { now: Date.now() - DAY / 2, lease: 1 });
    await start();
    await retentionRan();
    expect(await count('webhook_events')).toBe(events);
    expect(await count('outbox')).toBeGreaterThan(0);
    expect(await count('subjects')).toBe(0);
    expect(await database.knex('idempotency_keys').pluck('key')).toEqual(['new']);
  });

  it('are deleted when asked for, with what they led to; the history and the subscription stay', async () => {
    await longAgo(100);
    const tables = ['transitions', 'subscriptions', 'customers', 'trials', 'arrow_counts'];
    const before = await Promise.all(tables.map(count));
    const engine = await start({ EVENT_RETENTION_DAYS: '60' });
    await retentionRan();
    expect(await count('webhook_events')).toBe(0);
    expect(await count('outbox')).toBe(0);
    expect(await Promise.all(tables.map(count))).toEqual(before);
    expect(before[0]).toBeGreaterThan(0);
    expect(await engine.services.metrics.text()).toMatch(
      /tenure_rows_deleted_total\{table="webhook_events"\} [1-9]/,
    );
  });

  it('take their effects along a month later only: each replay until then sends nothing again', async () => {
    const news = await longAgo(61);
    const mails = smtp.mails.length;
    expect(mails).toBeGreaterThan(0);
    // The twin of the one that led to the receipt arrived late.
    const late = news.find(({ type }) => type === 'invoice.payment_succeeded')!;
    await database
      .knex('webhook_events')
      .where({ id: late.id })
      .update({ received_at: Date.now() - 32 * DAY });
    const engine = await start({ EVENT_RETENTION_DAYS: '60' });
    await retentionRan();
    expect(await database.knex('webhook_events').pluck('id')).toEqual([late.id]);
    await replayEvents(engine.services, { ids: [late.id] });
    await idle();
    expect(smtp.mails).toHaveLength(mails);
  });

  it('keep what a dead event of the same customer would send again when it is replayed', async () => {
    const news = await longAgo(1_000);
    const mails = smtp.mails.length;
    const dead = news.find(({ type }) => type === 'invoice.payment_succeeded')!;
    await database
      .knex('webhook_events')
      .where({ id: dead.id })
      .update({ status: 'dead', last_error: 'x' });
    const engine = await start({ EVENT_RETENTION_DAYS: '60' });
    await retentionRan();
    expect(await database.knex('webhook_events').pluck('id')).toEqual([dead.id]);
    await replayEvents(engine.services, { failed: true });
    await idle();
    await retentionRan();
    expect(await database.knex('webhook_events').first()).toMatchObject({ status: 'done' });
    await replayEvents(engine.services, { ids: [dead.id] });
    await idle();
    expect(smtp.mails).toHaveLength(mails);
  });

  it('are not brought back by the search for what never arrived', async () => {
    await longAgo(100);
    const { services } = await start({ EVENT_RETENTION_DAYS: '60' });
    await retentionRan();
    const { listEvents } = services.stripe;
    const asked: number[] = [];
    services.stripe.listEvents = (range) => {
      asked.push(range.createdFrom);
      return listEvents(range);
    };
    const store = (events: NewEvent[]) => services.engine.store(events);
    const core = { core: services, reader: services.engine.reader };
    await catchUp(core, store, { since: 1 });
    expect(asked[0]).toBeGreaterThan(Date.now() / 1000 - 61 * 86_400);
  });

  it('are looked after by one process at a time', async () => {
    await longAgo(100);
    await leadJob(database.knex, 'retention', { owner: 'another', duration: 60_000 });
    await start({ EVENT_RETENTION_DAYS: '60' });
    await start({ EVENT_RETENTION_DAYS: '60' });
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(await count('webhook_events')).toBeGreaterThan(0);
    // It died.
    await database.knex('cursors').where({ name: 'retention' }).update({ lease_until: 0 });
    await retentionRan();
    expect(await count('webhook_events')).toBe(0);
  });
});
