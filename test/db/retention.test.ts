import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { attemptsOf, recordAttempts } from '../../db/attempts.ts';
import { takeKey, pruneKeys } from '../../db/idempotency-keys.ts';
import { insertEvents } from '../../db/insert-events.ts';
import { enqueueEffects } from '../../db/outbox.ts';
import {
  pruneEffects,
  pruneEvents,
  pruneLocks,
  STEP,
  type EventPosition,
} from '../../db/retention.ts';
import { claimCustomer, releaseClaim } from '../../db/customer-locks.ts';
import { finishEvents, postponeEvent } from '../../db/webhook-events.ts';
import { effectOfAnyRelease } from '../support/effects.ts';
import { createTestDatabase, DIALECTS, type TestDatabase } from '../support/databases.ts';
import { aNewEvent } from '../support/factories.ts';

const NOW = 1_790_000_010_000;
const DAY = 86_400_000;
const BEFORE = NOW - 90 * DAY;
const OLD = BEFORE - DAY;

describe.each(DIALECTS)('what is too old, on %s', (dialect) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase(dialect);
  });
  afterAll(() => database.drop());
  beforeEach(() => database.clear());

  const insert = (...events: Parameters<typeof aNewEvent>[0][]) =>
    insertEvents(
      database.knex,
      events.map((event) => aNewEvent({ createdAt: OLD, receivedAt: OLD, ...event })),
    );
  const finish = (ids: string[], at = OLD) =>
    finishEvents(database.knex, ids, { status: 'done', at });
  const eventIds = () => database.knex('webhook_events').orderBy('id').pluck<string[]>('id');

  describe('events', () => {
    it('go with their failed attempts once they are done or ignored', async () => {
      await insert(
        { id: 'evt_1' },
        { id: 'evt_2', status: 'ignored' },
        { id: 'evt_young', receivedAt: BEFORE },
      );
      await finish(['evt_1', 'evt_young']);
      const attempt = { attempt: 1, failedAt: OLD, error: 'x' };
      await recordAttempts(database.knex, [
        { ...attempt, eventId: 'evt_1' },
        { ...attempt, eventId: 'evt_young' },
      ]);
      const step = await pruneEvents(database.knex, BEFORE, null);
      expect(step).toEqual({ events: 2, attempts: 1, about: [], next: null });
      expect(await eventIds()).toEqual(['evt_young']);
      expect(await attemptsOf(database.knex, 'evt_1')).toEqual([]);
      expect(await attemptsOf(database.knex, 'evt_young')).toHaveLength(1);
    });

    it('stay, however old, while they wait or are dead, and while Stripe may tell of them again', async () => {
      await insert(
        { id: 'evt_waits', subject: 'cus_waits', subscriptionId: null, objectId: null },
        { id: 'evt_dead', subject: 'cus_dead', subscriptionId: 'sub_dead', objectId: 'in_dead' },
        { id: 'evt_replayed', subject: 'cus_r' },
        { id: 'evt_test_clock', subject: 'cus_t', createdAt: NOW + 400 * DAY },
      );
      const failure = { error: 'x', attempts: 15, nextAttemptAt: OLD, dead: true };
      await postponeEvent(database.knex, 'evt_dead', failure);
      await finish(['evt_replayed'], NOW - DAY);
      await finish(['evt_test_clock']);
      const step = await pruneEvents(database.knex, BEFORE, null);
      expect(step).toMatchObject({ events: 0, attempts: 0, next: null });
      for (const name of ['cus_waits', 'cus_dead', 'sub_dead', 'in_dead', 'cus_r', 'cus_t']) {
        expect(step.about).toContain(name);
      }
      expect(await eventIds()).toHaveLength(4);
    });

    it('are looked at a few at a time, and those that stay are passed over', async () => {
      const ids = Array.from(
        { length: STEP * 2 + 10 },
        (_, i) => `evt_${String(i).padStart(4, '0')}`,
      );
      for (let i = 0; i < ids.length; i += 200) {
        await insert(...ids.slice(i, i + 200).map((id) => ({ id })));
      }
      await finish(ids.slice(100));
      const steps: number[] = [];
      let at: EventPosition | null = null;
      do {
        const step = await pruneEvents(database.knex, BEFORE, at);
        steps.push(step.events);
        at = step.next;
      } while (at);
      expect(steps).toEqual([STEP - 100, STEP, 10]);
      expect(await eventIds()).toEqual(ids.slice(0, 100));
    });
  });

  describe('effects', () => {
    const kinds = () => database.knex('outbox').orderBy('id').pluck<string[]>('kind');
    async function put(
      kind: string,
      row: { object_id?: string; [column: string]: unknown },
      payload: Record<string, unknown> = {},
    ) {
      const objectId = row.object_id ?? 'in_1';
      await enqueueEffects(database.knex, [effectOfAnyRelease(kind, objectId, payload)], OLD);
      await database
        .knex('outbox')
        .where({ object_id: objectId, kind })
        .update({ status: 'delivered', delivered_at: OLD, ...row });
    }
    const prune = (except: string[] = []) =>
      pruneEffects(database.knex, { before: BEFORE, except: new Set(except) }, 0);

    it('go once they are delivered; those that wait, are dead or were delivered lately stay', async () => {
      await put('mail.old', {});
      await put('mail.waits', { status: 'waiting', delivered_at: null });
      await put('mail.dead', { status: 'dead', delivered_at: null });
      await put('mail.late', { delivered_at: NOW });
      await put('mail.young', { created_at: NOW, delivered_at: NOW });
      expect(await prune()).toEqual({ effects: 1, next: null });
      expect(await kinds()).toEqual(['mail.waits', 'mail.dead', 'mail.late', 'mail.young']);
    });

    it('stay when the state of things, not an event, would have them happen again', async () => {
      await put('dunning.final_action', {});
      await put('trial.refuse', {});
      await put('mail.price_change', { object_id: 'run_1:sub_1' });
      expect(await prune()).toEqual({ effects: 0, next: null });
    });

    it('stay while an old event about the same is still here, for it may be replayed', async () => {
      await put('mail.receipt', { object_id: 'in_1' }, { customerId: 'cus_1' });
      await put(
        'webhook.payment.failed',
        { object_id: 'in_2:1' },
        { data: { customerId: 'cus_2' } },
      );
      await put(
        'webhook.subscription.changed',
        { object_id: 'sub_3:evt_3:x:active' },
        { data: { subscriptionId: 'sub_3', number: 1 } },
      );
      await put('mail.receipt', { object_id: 'in_4' }, { customerId: 'cus_4' });
      expect(await prune(['cus_1', 'cus_2', 'sub_3'])).toEqual({ effects: 1, next: null });
      expect(await kinds()).toHaveLength(3);
    });

    it('are looked at a few at a time, and no further than to the first young ones', async () => {
      const many = (from: number, count: number) =>
        Array.from({ length: count }, (_, i) => effectOfAnyRelease('mail.x', `in_${from + i}`));
      await enqueueEffects(database.knex, many(0, STEP + 20), OLD);
      await enqueueEffects(database.knex, many(STEP + 20, STEP * 3), NOW);
      await database.knex('outbox').update({ status: 'delivered', delivered_at: OLD });
      const steps: number[] = [];
      for (let after: number | null = 0; after !== null;) {
        const step = await pruneEffects(
          database.knex,
          { before: BEFORE, except: new Set() },
          after,
        );
        steps.push(step.effects);
        after = step.next;
      }
      expect(steps).toEqual([STEP, 20, 0]);
    });
  });

  describe('customer locks', () => {
    const claim = (key: string, owner = 'me') =>
      claimCustomer(database.knex, key, { owner, duration: 60_000 });
    const expire = (key: string) =>
      database.knex('subjects').where({ key }).update({ lease_until: NOW });

    it('are forgotten once nobody works on them, and come back with a fence they never had', async () => {
      const stuck = await claim('cus_1');
      await expire('cus_1');
      const other = await claim('cus_1', 'other');
      await releaseClaim(database.knex, other!, 'other');
      await claim('cus_2');
      expect(await pruneLocks(database.knex, NOW + 70, '')).toEqual({ locks: 1, next: null });
      const again = await claim('cus_1');
      expect(again).not.toBeNull();
      // What this process was stuck in since the first claim has no right to write, although it claimed again.
      expect(await releaseClaim(database.knex, stuck!, 'me')).toBe(false);
      expect(await releaseClaim(database.knex, again!, 'me')).toBe(true);
    });

    it('are looked at a few at a time', async () => {
      for (let i = 0; i < STEP + 5; i += 1) {
        const key = `cus_${String(i).padStart(4, '0')}`;
        await releaseClaim(database.knex, (await claim(key))!, 'me');
      }
      const first = await pruneLocks(database.knex, NOW, '');
      expect(first).toMatchObject({ locks: STEP, next: expect.any(String) });
      expect(await pruneLocks(database.knex, NOW, first.next!)).toMatchObject({ locks: 5 });
    });
  });

  it('answers under an Idempotency-Key go, so many at once', async () => {
    for (const key of ['a', 'b', 'c']) {
      await takeKey(database.knex, { userId: 'u', key, requestHash: 'x' }, { now: OLD, lease: 1 });
    }
    expect(await pruneKeys(database.knex, BEFORE, 2)).toBe(2);
    expect(await pruneKeys(database.knex, BEFORE, 2)).toBe(1);
    expect(await pruneKeys(database.knex, BEFORE, 2)).toBe(0);
  });
});
