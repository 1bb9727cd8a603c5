import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { attemptsOf, recordAttempts } from '../../db/attempts.ts';
import { bringForward } from '../../db/bring-forward.ts';
import { insertEvents } from '../../db/insert-events.ts';
import {
  claimCustomer,
  claimDueCustomers,
  releaseClaim,
  renewClaim,
} from '../../db/customer-locks.ts';
import { nextDueAt, dueEventsOf } from '../../db/due-events.ts';
import {
  eventStatus,
  findEvent,
  finishEvents,
  inboxHealth,
  knownEventIds,
  listEvents,
  moveEvent,
  postponeEvent,
  requeueEvents,
} from '../../db/webhook-events.ts';
import { createTestDatabase, DIALECTS, type TestDatabase } from '../support/databases.ts';
import { aNewEvent } from '../support/factories.ts';

const NOW = 1_790_000_010_000;

describe.each(DIALECTS)('the inbox on %s', (dialect) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase(dialect);
  });
  afterAll(() => database.drop());
  beforeEach(() => database.clear());
  const insert = (...events: Parameters<typeof aNewEvent>[0][]) =>
    insertEvents(database.knex, events.map(aNewEvent));

  it('stores a batch in one statement and says which events were new', async () => {
    expect(await insert({ id: 'evt_a' }, { id: 'evt_b' })).toEqual(new Set(['evt_a', 'evt_b']));
    expect(await insert({ id: 'evt_b' }, { id: 'evt_c' })).toEqual(new Set(['evt_c']));
    expect(await insertEvents(database.knex, [])).toEqual(new Set());
  });

  it('gives back exactly what was stored', async () => {
    const event = aNewEvent({
      payload: '{"text":"Grüße, 東京 😀 \\u0000 \' \\" ? $1"}',
      flags: ['thin', 'other_version'],
      subscriptionId: null,
      apiVersion: null,
      account: 'acct_1',
      livemode: true,
      source: 'catch_up',
    });
    await insertEvents(database.knex, [event]);
    expect(await findEvent(database.knex, event.id)).toEqual({
      ...event,
      attempts: 0,
      nextAttemptAt: event.receivedAt,
      lastError: null,
      processedAt: null,
    });
    expect(await findEvent(database.knex, 'evt_unknown')).toBeNull();
  });

  it('stores five hundred events at once', async () => {
    const events = Array.from({ length: 500 }, () => aNewEvent());
    expect((await insertEvents(database.knex, events)).size).toBe(500);
    const ids = events.map((event) => event.id);
    expect((await knownEventIds(database.knex, [...ids, 'evt_other'])).size).toBe(500);
  });

  it('stores an event once when twenty clients bring it at the same time', async () => {
    const event = aNewEvent();
    const results = await Promise.all(
      Array.from({ length: 20 }, () => insertEvents(database.knex, [event])),
    );
    expect(results.filter((added) => added.size === 1)).toHaveLength(1);
  });

  it('gives a subject to one claimer only, however many ask', async () => {
    await insert(
      ...Array.from({ length: 40 }, (_, i) => ({ subject: `cus_${i % 10}`, receivedAt: NOW - 1 })),
    );
    const clients = [database, database.again(), database.again(), database.again()];
    const claims = await Promise.all(
      clients.map((client, i) =>
        claimDueCustomers(client.knex, 10, { owner: `o${i}`, dueBy: NOW, duration: 60_000 }),
      ),
    );
    const keys = claims.flat().map((claim) => claim.key);
    expect(new Set(keys).size).toBe(keys.length);
    const rest = await claimDueCustomers(database.knex, 10, {
      owner: 'o9',
      dueBy: NOW,
      duration: 60_000,
    });
    expect([...keys, ...rest.map((claim) => claim.key)].sort()).toEqual(
      Array.from({ length: 10 }, (_, i) => `cus_${i}`),
    );
  });

  it('leaves events to others that it does not need for its subjects', async () => {
    await insert(...Array.from({ length: 8 }, (_, i) => ({ subject: `cus_${i}` })));
    const terms = { owner: 'me', dueBy: NOW, duration: 60_000, eventsEach: 1 };
    if (dialect === 'sqlite') {
      expect(await claimDueCustomers(database.knex, 4, terms)).toHaveLength(4);
      return;
    }
    await database.knex.transaction(async (trx) => {
      expect(await claimDueCustomers(trx, 4, terms)).toHaveLength(4);
      // Meanwhile, before that is committed.
      const other = { ...terms, owner: 'other' };
      expect(await claimDueCustomers(database.again().knex, 4, other)).toHaveLength(4);
    });
  });

  it('claims a subject whatever it has in the queue', async () => {
    await insert(
      ...Array.from({ length: 9 }, () => ({ subject: 'cus_hot', receivedAt: NOW - 10 })),
      { subject: 'cus_other', receivedAt: NOW - 1 },
    );
    const terms = { owner: 'me', dueBy: NOW, duration: 60_000, eventsEach: 1 };
    const claim = async (except: string[]) =>
      (await claimDueCustomers(database.knex, 5, { ...terms, except })).map(({ key }) => key);
    expect(await claim([])).toEqual(['cus_hot']);
    expect(await claim(['cus_hot'])).toEqual(['cus_other']);
  });

  it('claims those that wait longest first, and no more than asked for', async () => {
    await insert(
      { subject: 'cus_new', receivedAt: NOW - 10 },
      { subject: 'cus_old', receivedAt: NOW - 100 },
      { subject: 'cus_later', receivedAt: NOW + 1 },
    );
    const terms = { owner: 'me', dueBy: NOW, duration: 60_000 };
    const claim = async (limit: number) =>
      (await claimDueCustomers(database.knex, limit, terms)).map(({ key }) => key);
    expect(await claim(1)).toEqual(['cus_old']);
    expect(await claim(9)).toEqual(['cus_new']);
    expect(await nextDueAt(database.knex)).toBe(NOW - 100);
  });

  it('lets a lease be taken over once it has ended, with a higher fence', async () => {
    const claim = (owner: string) =>
      claimCustomer(database.knex, 'cus_1', { owner, duration: 60_000 });
    const first = await claim('a');
    expect(await claim('b')).toBeNull();
    await database.knex('subjects').decrement('lease_until', 60_000);
    const second = await claim('b');
    expect(second).toEqual({ key: 'cus_1', fence: first!.fence + 1 });
    expect(await releaseClaim(database.knex, first!, 'a')).toBe(false);
    expect(await releaseClaim(database.knex, second!, 'b')).toBe(true);
  });

  it('S-4: leases a customer by the clock of the database, whatever that of the process says', async () => {
    const terms = { duration: 60_000 };
    const wrong = (ms: number) => vi.spyOn(Date, 'now').mockReturnValue(Date.now() + ms);
    for (const ms of [240_000, -240_000]) {
      await database.knex('subjects').delete();
      wrong(ms);
      const claim = await claimCustomer(database.knex, 'cus_1', { ...terms, owner: 'a' });
      expect(await renewClaim(database.knex, claim!, { ...terms, owner: 'a' })).toBe(true);
      vi.restoreAllMocks();
      const row = await database.knex('subjects').first();
      expect(Math.abs(row.lease_until - Date.now() - terms.duration)).toBeLessThan(10_000);
      wrong(-ms);
      expect(await claimCustomer(database.knex, 'cus_1', { ...terms, owner: 'b' })).toBeNull();
      vi.restoreAllMocks();
    }
  });

  it('S-4: takes a lease over that reaches further than it can last: a wrong clock gave it', async () => {
    await insert({ subject: 'cus_1', receivedAt: NOW - 1 }, { subject: 'cus_2', receivedAt: NOW });
    const until = Date.now() + 240_000;
    const leased = (key: string) => ({ key, fence: 1, lease_until: until, owner: 'gone' });
    await database.knex('subjects').insert([leased('cus_1'), leased('cus_2'), leased('cus_3')]);
    const terms = { owner: 'me', dueBy: NOW, duration: 60_000 };
    const due = await claimDueCustomers(database.knex, 5, terms);
    expect(due.map(({ key }) => key).sort()).toEqual(['cus_1', 'cus_2']);
    expect(await claimCustomer(database.knex, 'cus_3', terms)).toEqual({ key: 'cus_3', fence: 2 });
  });

  it('S-5: says when something is due by the database’s clock, whatever that of the process says', async () => {
    const { clock } = database.again();
    await clock.refresh();
    for (const ms of [3_600_000, -120_000]) {
      const real = Date.now();
      vi.spyOn(Date, 'now').mockReturnValue(real + ms);
      const off = clock.now() - real;
      vi.restoreAllMocks();
      if (dialect === 'postgres') expect(Math.abs(off)).toBeLessThan(2_000);
      else expect(off).toBe(ms);
    }
  });

  it('S-5: makes due what a wrong clock put further ahead than anything can wait', async () => {
    const hour = 3_600_000;
    const now = Date.now();
    await insert(
      { id: 'evt_new', subject: 'cus_1', receivedAt: now + hour },
      { id: 'evt_failed', subject: 'cus_2', receivedAt: now },
      { id: 'evt_far', subject: 'cus_3', receivedAt: now },
    );
    const failure = { error: 'x', attempts: 3, dead: false };
    const at = (ms: number) => ({ ...failure, nextAttemptAt: now + ms });
    await postponeEvent(database.knex, 'evt_failed', at(hour));
    await postponeEvent(database.knex, 'evt_far', at(9 * hour));
    await bringForward(database.knex, 8 * hour);
    const due = await claimDueCustomers(database.knex, 5, {
      owner: 'me',
      dueBy: now + 60_000,
      duration: 60_000,
    });
    expect(due.map(({ key }) => key).sort()).toEqual(['cus_1', 'cus_3']);
  });

  it('loads the due events of a subject, and those that Stripe has just sent again', async () => {
    await insert({ id: 'evt_1' }, { id: 'evt_2' }, { id: 'evt_3', subject: 'cus_2' });
    const failure = { error: 'x', attempts: 1, nextAttemptAt: NOW + 1_000, dead: false };
    await postponeEvent(database.knex, 'evt_2', failure);
    const load = async (also: string[]) =>
      (await dueEventsOf(database.knex, 'cus_1', { now: NOW, limit: 9, also })).map((e) => e.id);
    expect(await load([])).toEqual(['evt_1']);
    expect(await load(['evt_2', 'evt_3'])).toEqual(['evt_1', 'evt_2']);
  });

  it('keeps a failed event with its reason, and a dead one until it is replayed', async () => {
    await insert({ id: 'evt_1' });
    const failure = { error: 'no luck', attempts: 1, nextAttemptAt: NOW + 5, dead: false };
    await postponeEvent(database.knex, 'evt_1', failure);
    await recordAttempts(database.knex, [
      { eventId: 'evt_1', attempt: 1, failedAt: NOW, error: 'no luck' },
    ]);
    expect(await eventStatus(database.knex, 'evt_1')).toMatchObject({
      status: 'waiting',
      lastError: 'no luck',
    });
    await postponeEvent(database.knex, 'evt_1', { ...failure, attempts: 2, dead: true });
    expect(await inboxHealth(database.knex, NOW)).toMatchObject({ waiting: 0, dead: 1 });
    expect(await attemptsOf(database.knex, 'evt_1')).toHaveLength(1);
    expect(await requeueEvents(database.knex, ['evt_1'], NOW)).toBe(1);
    expect(await eventStatus(database.knex, 'evt_1')).toMatchObject({
      status: 'waiting',
      attempts: 0,
      lastError: null,
    });
  });

  it('marks events as done or ignored, and flags them', async () => {
    await insert({ id: 'evt_1' }, { id: 'evt_2', flags: ['thin'] });
    await finishEvents(database.knex, ['evt_1'], { status: 'done', at: NOW });
    await finishEvents(database.knex, ['evt_2'], { status: 'ignored', at: NOW, flag: 'not_found' });
    expect(await findEvent(database.knex, 'evt_1')).toMatchObject({
      status: 'done',
      processedAt: NOW,
      flags: [],
    });
    expect((await findEvent(database.knex, 'evt_2'))?.flags).toEqual(['thin', 'not_found']);
  });

  it('moves an event to its customer when that becomes known', async () => {
    await insert({ id: 'evt_1', subject: 'sub_1', subscriptionId: null });
    await moveEvent(database.knex, 'evt_1', { customerId: 'cus_9', subscriptionId: 'sub_1' });
    expect(await findEvent(database.knex, 'evt_1')).toMatchObject({
      subject: 'cus_9',
      subscriptionId: 'sub_1',
    });
  });

  it('tells how it is doing', async () => {
    expect(await inboxHealth(database.knex, NOW)).toEqual({
      waiting: 0,
      failing: 0,
      dead: 0,
      oldestDueAt: null,
      dueSince: null,
    });
    await insert({ id: 'evt_1', receivedAt: NOW - 50 }, { id: 'evt_2', receivedAt: NOW + 50 });
    const failure = { error: 'x', attempts: 1, nextAttemptAt: NOW + 60, dead: false };
    await postponeEvent(database.knex, 'evt_2', failure);
    expect(await inboxHealth(database.knex, NOW)).toEqual({
      waiting: 2,
      failing: 1,
      dead: 0,
      oldestDueAt: NOW - 50,
      dueSince: NOW - 50,
    });
  });

  it('is listed page by page, newest first, without gaps or repeats', async () => {
    await insert(
      ...Array.from({ length: 25 }, (_, i) => ({
        id: `evt_${String(i).padStart(2, '0')}`,
        receivedAt: NOW + Math.floor(i / 4),
        type: i % 2 ? 'invoice.paid' : 'customer.subscription.updated',
      })),
    );
    const seen: string[] = [];
    let after: { receivedAt: number; id: string } | undefined;
    do {
      const page = await listEvents(database.knex, { limit: 7, after });
      seen.push(...page.map((event) => event.id));
      after = page.at(-1);
    } while (after);
    expect(seen).toEqual(
      Array.from({ length: 25 }, (_, i) => `evt_${String(24 - i).padStart(2, '0')}`),
    );
    expect(await listEvents(database.knex, { limit: 50, type: 'invoice.paid' })).toHaveLength(12);
    expect(await listEvents(database.knex, { limit: 50, failed: true })).toEqual([]);
  });
});
