import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { listAudit, recordAudit } from '../../db/audit-log.ts';
import { leadJob, readCursor, resignJob, saveCursor } from '../../db/cursors.ts';
import {
  attachStripeCustomer,
  ensureCustomer,
  findCustomerByStripeId,
  findCustomerByUser,
  markCustomerDeleted,
} from '../../db/customers.ts';
import { takeKey, finishKey, pruneKeys, releaseKey } from '../../db/idempotency-keys.ts';
import { listen, notify } from '../../db/notifications.ts';
import {
  renewEffect,
  markDelivered,
  postponeEffect,
  requeueEffects,
} from '../../db/effect-outcomes.ts';
import { claimEffects, enqueueEffects, listEffects, outboxHealth } from '../../db/outbox.ts';
import { findTrial, hadTrial, recordTrialOutcome, recordTrialStarted } from '../../db/trials.ts';
import { effectOfAnyRelease } from '../support/effects.ts';
import { createTestDatabase, DIALECTS, type TestDatabase } from '../support/databases.ts';

const NOW = 1_790_000_000_000;

describe.each(DIALECTS)('on %s', (dialect) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase(dialect);
  });
  afterAll(() => database.drop());
  beforeEach(() => database.clear());

  describe('a billing account', () => {
    it('exists once for a user, however many first requests come at once', async () => {
      const user = { userId: 'u1', email: 'A@b.c', now: NOW };
      await Promise.all(Array.from({ length: 20 }, () => ensureCustomer(database.knex, user)));
      expect(await database.knex('customers').count({ n: '*' })).toEqual([{ n: 1 }]);
      expect(await findCustomerByUser(database.knex, 'u1')).toEqual({
        userId: 'u1',
        stripeCustomerId: null,
        email: 'A@b.c',
        name: null,
        createdAt: NOW,
        deletedAt: null,
        claimedEmail: 'A@b.c',
        claimedName: '',
        locale: null,
      });
    });

    it('keeps an address that a later token does not repeat, and takes a new one', async () => {
      await ensureCustomer(database.knex, { userId: 'u1', email: 'a@b.c', name: 'Ann' });
      expect(await ensureCustomer(database.knex, { userId: 'u1' })).toMatchObject({ name: 'Ann' });
      const changed = await ensureCustomer(database.knex, { userId: 'u1', email: 'new@b.c\0' });
      expect(changed).toMatchObject({ email: 'new@b.c', name: 'Ann' });
    });

    it('has one Stripe customer: the loser of a race learns the winner’s', async () => {
      await ensureCustomer(database.knex, { userId: 'u1' });
      const attach = (id: string) => attachStripeCustomer(database.knex, 'u1', id);
      const [a, b] = await Promise.all([attach('cus_a'), attach('cus_b')]);
      expect(a.stripeCustomerId).toBe(b.stripeCustomerId);
      const found = await findCustomerByStripeId(database.knex, a.stripeCustomerId!);
      expect(found?.userId).toBe('u1');
      await expect(attachStripeCustomer(database.knex, 'nobody', 'cus_c')).rejects.toThrow();
    });

    it('gets another Stripe customer after the first was deleted', async () => {
      await ensureCustomer(database.knex, { userId: 'u1' });
      await attachStripeCustomer(database.knex, 'u1', 'cus_a');
      await markCustomerDeleted(database.knex, 'cus_a', NOW);
      expect((await findCustomerByUser(database.knex, 'u1'))?.deletedAt).toBe(NOW);
      expect(await attachStripeCustomer(database.knex, 'u1', 'cus_b')).toMatchObject({
        stripeCustomerId: 'cus_b',
        deletedAt: null,
      });
    });
  });

  describe('the trial ledger (lesson 15: by user, by customer, by card)', () => {
    const trial = {
      subscriptionId: 'sub_1',
      userId: 'u1',
      customerId: 'cus_1',
      cardFingerprint: null,
      startedAt: NOW,
      endsAt: NOW + 1,
    };

    it('knows a trial by any of the three, and can leave one subscription out', async () => {
      await recordTrialStarted(database.knex, trial);
      await recordTrialStarted(database.knex, { ...trial, userId: null, cardFingerprint: 'fp_1' });
      expect(await hadTrial(database.knex, { userId: 'u1' })).toBe(true);
      expect(await hadTrial(database.knex, { userId: 'u2', customerId: 'cus_1' })).toBe(true);
      expect(await hadTrial(database.knex, { userId: 'u2', fingerprint: 'fp_1' })).toBe(true);
      expect(await hadTrial(database.knex, { userId: 'u2', customerId: 'cus_2' })).toBe(false);
      expect(await hadTrial(database.knex, {})).toBe(false);
      const others = { userId: 'u1', exceptSubscriptionId: 'sub_1' };
      expect(await hadTrial(database.knex, others)).toBe(false);
    });

    it('H-2b: knows a user again who comes with another customer and another card', async () => {
      await recordTrialStarted(database.knex, { ...trial, cardFingerprint: 'fp_1' });
      const others = { customerId: 'cus_2', fingerprint: 'fp_2' };
      expect(await hadTrial(database.knex, { userId: 'u1', ...others })).toBe(true);
      expect(await hadTrial(database.knex, { userId: 'u2', ...others })).toBe(false);
    });

    it('keeps the first outcome', async () => {
      await recordTrialStarted(database.knex, trial);
      await recordTrialOutcome(database.knex, 'sub_1', { outcome: 'converted', at: NOW + 2 });
      await recordTrialOutcome(database.knex, 'sub_1', { outcome: 'lost', at: NOW + 3 });
      expect(await findTrial(database.knex, 'sub_1')).toEqual({
        ...trial,
        outcome: 'converted',
        outcomeAt: NOW + 2,
      });
      expect(await findTrial(database.knex, 'sub_2')).toBeNull();
    });
  });

  describe('the outbox', () => {
    const effect = (kind: string, objectId = 'in_1') =>
      effectOfAnyRelease(kind, objectId, { a: 1 });
    const upTo = (count: number) => ({ mail: count, webhook: count, stripe: count });

    it('takes an effect once for one object and kind (lesson 12: two receipts for one charge)', async () => {
      const put = () =>
        enqueueEffects(database.knex, [{ ...effect('mail.receipt'), causeId: 'evt_1' }], NOW);
      expect(await put()).toBe(1);
      expect(await put()).toBe(0);
      expect(await enqueueEffects(database.knex, [effect('webhook.payment.succeeded')], NOW)).toBe(
        1,
      );
      expect(await enqueueEffects(database.knex, [], NOW)).toBe(0);
      expect(await listEffects(database.knex, { causeIds: ['evt_1'], limit: 9 })).toMatchObject([
        { ...effect('mail.receipt'), causeId: 'evt_1', status: 'waiting', createdAt: NOW },
      ]);
    });

    it('takes as many effects at once as two hundred waiting events of a customer can have', async () => {
      const many = Array.from({ length: 1_200 }, (_, i) => effect('mail.receipt', `in_${i}`));
      expect(await enqueueEffects(database.knex, many, NOW)).toBe(1_200);
      expect(await enqueueEffects(database.knex, many, NOW)).toBe(0);
    });

    it('gives each effect to one claimer, and again when that one dies', async () => {
      const many = Array.from({ length: 30 }, (_, i) => effect('mail.receipt', `in_${i}`));
      await enqueueEffects(database.knex, many, NOW);
      const other = database.again();
      const terms = { lease: 1_500 };
      const claims = await Promise.all(
        [database, other, database, other].map((client) =>
          claimEffects(client.knex, upTo(10), terms),
        ),
      );
      const ids = claims.flat().map((row) => row.id);
      expect(new Set(ids).size).toBe(ids.length);
      const left = await claimEffects(database.knex, upTo(30), terms);
      expect(left).toHaveLength(30 - ids.length);
      expect(left.map(({ id }) => id).filter((id) => ids.includes(id))).toEqual([]);
      await sleep(1_600);
      const again = await claimEffects(database.knex, upTo(50), terms);
      expect(again).toHaveLength(30);
      expect(again.some((row) => row.attempts === 2)).toBe(true);
    });

    it('S-2: says when a claim was lost, and does not give a process what it is at work on', async () => {
      await enqueueEffects(database.knex, [effect('mail.receipt')], NOW);
      const [slow] = await claimEffects(database.knex, upTo(1), { lease: 0 });
      const terms = { lease: 0, except: [slow!.id] };
      expect(await claimEffects(database.knex, upTo(1), terms)).toEqual([]);
      expect(await renewEffect(database.knex, slow!, 0)).toBe(true);
      const [quick] = await claimEffects(database.knex, upTo(1), { lease: 60_000 });
      expect(quick?.id).toBe(slow?.id);
      expect(await renewEffect(database.knex, slow!, 60_000)).toBe(false);
      await markDelivered(database.knex, [{ id: quick!.id, note: null, sent: null }], NOW);
      expect(await renewEffect(database.knex, quick!, 60_000)).toBe(false);
    });

    it('S-1: a claim holds whatever the clock of the process says', async () => {
      await enqueueEffects(database.knex, [effect('mail.receipt')], NOW);
      expect(await claimEffects(database.knex, upTo(1), { lease: 60_000 })).toHaveLength(1);
      if (dialect === 'sqlite') return;
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 120_000 });
      try {
        expect(await claimEffects(database.knex, upTo(1), { lease: 60_000 })).toEqual([]);
        await enqueueEffects(database.knex, [effect('mail.receipt', 'in_2')], NOW);
        expect(await claimEffects(database.knex, upTo(1), { lease: 60_000 })).toHaveLength(1);
      } finally {
        vi.useRealTimers();
      }
    });

    it('ends an effect as delivered, or as dead until it is replayed', async () => {
      await enqueueEffects(database.knex, [effect('a'), effect('b')], NOW);
      const [a, b] = await claimEffects(database.knex, upTo(9), { lease: 1 });
      await markDelivered(database.knex, [{ id: a!.id, note: null, sent: null }], NOW);
      const failure = { error: 'refused', attempts: 1, delayMs: 0, dead: true };
      await postponeEffect(database.knex, b!, failure);
      expect(await outboxHealth(database.knex)).toEqual({ waiting: 0, dead: 1 });
      expect(await claimEffects(database.knex, upTo(9), { lease: 1 })).toEqual([]);
      expect(await requeueEffects(database.knex, [a!.id, b!.id], NOW)).toBe(1);
      expect(await outboxHealth(database.knex)).toEqual({ waiting: 1, dead: 0 });
    });

    it('is claimed lane by lane, so that what waits in one hides nothing of another', async () => {
      const many = Array.from({ length: 40 }, (_, i) =>
        effect('webhook.payment.failed', `in_${i}`),
      );
      await enqueueEffects(database.knex, many, NOW - 1_000);
      const others = [effect('mail.receipt'), effect('trial.refuse'), effect('of.a.newer.release')];
      await enqueueEffects(database.knex, others, NOW);
      const terms = { lease: 60_000 };
      const claimed = await claimEffects(database.knex, { webhook: 3, mail: 5, stripe: 5 }, terms);
      expect(claimed.map(({ kind }) => kind).toSorted()).toEqual([
        'mail.receipt',
        'of.a.newer.release',
        'trial.refuse',
        ...Array<string>(3).fill('webhook.payment.failed'),
      ]);
      expect(await claimEffects(database.knex, { webhook: 0, mail: 5 }, terms)).toEqual([]);
      expect(await claimEffects(database.knex, { webhook: 0 }, terms)).toEqual([]);
    });

    it('finds a mail behind any number of webhooks by an index', async () => {
      const plan = async (sql: string) => JSON.stringify(await database.knex.raw(sql));
      const seen: string[] = [];
      database.knex.on('query', ({ sql, bindings }: { sql: string; bindings: unknown[] }) => {
        if (!sql.includes('UPDATE outbox')) return;
        let nth = 0;
        seen.push(sql.replaceAll(/\?|\$\d+/g, () => String(bindings[nth++])));
      });
      const many = Array.from({ length: 2_000 }, (_, i) => effect('webhook.x', `in_${i}`));
      await enqueueEffects(database.knex, many, NOW - 1_000);
      await enqueueEffects(database.knex, [effect('mail.receipt')], NOW);
      await database.knex.raw('ANALYZE outbox');
      expect(await claimEffects(database.knex, { mail: 5 }, { lease: 1 })).toHaveLength(1);
      database.knex.removeAllListeners('query');
      const explain = dialect === 'postgres' ? 'EXPLAIN' : 'EXPLAIN QUERY PLAN';
      expect(await plan(`${explain} ${seen[0]}`)).toContain('outbox_due_by_receiver');
    });

    it('leaves alone what another process took over and delivered, however late the first one fails', async () => {
      await enqueueEffects(database.knex, [effect('mail.receipt')], NOW);
      const [slow] = await claimEffects(database.knex, upTo(1), { lease: 0 });
      const [quick] = await claimEffects(database.knex, upTo(1), { lease: 60_000 });
      const failure = { error: 'too late', attempts: 1, delayMs: 1, dead: true };
      await postponeEffect(database.knex, slow!, failure);
      expect(await outboxHealth(database.knex)).toEqual({ waiting: 1, dead: 0 });
      await markDelivered(database.knex, [{ id: quick!.id, note: null, sent: null }], NOW);
      await postponeEffect(database.knex, slow!, failure);
      expect(await outboxHealth(database.knex)).toEqual({ waiting: 0, dead: 0 });
    });
  });

  describe('an idempotency key', () => {
    const key = { userId: 'u1', key: 'k1', requestHash: 'h1' };
    const terms = { now: NOW, lease: 1_000 };

    it('lets one request through and gives the others its answer', async () => {
      const claims = await Promise.all(
        Array.from({ length: 10 }, () => takeKey(database.knex, key, terms)),
      );
      expect(claims.filter((claim) => claim.kind === 'claimed')).toHaveLength(1);
      expect(claims.filter((claim) => claim.kind === 'in_progress')).toHaveLength(9);
      const response = { status: 202, headers: { 'content-type': 'x' }, body: '{}' };
      await finishKey(database.knex, key, response);
      expect(await takeKey(database.knex, key, terms)).toEqual({ kind: 'answered', response });
    });

    it('refuses another request under the same key, and belongs to one user', async () => {
      await takeKey(database.knex, key, terms);
      const other = { ...key, requestHash: 'h2' };
      expect(await takeKey(database.knex, other, terms)).toEqual({ kind: 'conflict' });
      const mine = { ...key, userId: 'u2' };
      expect(await takeKey(database.knex, mine, terms)).toEqual({ kind: 'claimed' });
    });

    it('can be taken over from a process that died, and given back after a failure', async () => {
      await takeKey(database.knex, key, terms);
      const later = { now: NOW + 1_000, lease: 1_000 };
      const claims = await Promise.all(
        Array.from({ length: 5 }, () => takeKey(database.knex, key, later)),
      );
      expect(claims.filter((claim) => claim.kind === 'claimed')).toHaveLength(1);
      await releaseKey(database.knex, key);
      expect(await takeKey(database.knex, key, later)).toEqual({ kind: 'claimed' });
      expect(await pruneKeys(database.knex, NOW + 2_000, 9)).toBe(1);
    });
  });

  it('a periodic job has one leader and a position', async () => {
    const terms = { duration: 60_000 };
    const wins = await Promise.all(
      ['a', 'b', 'c'].map((owner) => leadJob(database.knex, 'job', { ...terms, owner })),
    );
    expect(wins.filter(Boolean)).toHaveLength(1);
    const leader = ['a', 'b', 'c'][wins.indexOf(true)]!;
    expect(await leadJob(database.knex, 'job', { ...terms, owner: leader })).toBe(true);
    expect(await readCursor(database.knex, 'job')).toBeNull();
    await saveCursor(database.knex, 'job', '42');
    expect(await readCursor(database.knex, 'job')).toBe('42');
    await resignJob(database.knex, 'job', leader);
    expect(await leadJob(database.knex, 'job', { ...terms, owner: 'd' })).toBe(true);
  });

  it('S-5: a lease of a periodic job that a wrong clock gave is over', async () => {
    const now = Date.now();
    const lease = (until: number) =>
      database.knex('cursors').where({ name: 'job' }).update({ owner: 'a', lease_until: until });
    await saveCursor(database.knex, 'job', '1');
    await lease(now + 3_600_000);
    expect(await leadJob(database.knex, 'job', { owner: 'b', duration: 60_000 })).toBe(true);
    await lease(now + 30_000);
    expect(await leadJob(database.knex, 'job', { owner: 'b', duration: 60_000 })).toBe(false);
  });

  it('the audit log keeps who did what', async () => {
    const entry = { actor: 'admin', action: 'replay', target: 'evt_1', detail: { reason: 'x' } };
    await recordAudit(database.knex, entry);
    await recordAudit(database.knex, { ...entry, target: 'evt_2' });
    expect(await listAudit(database.knex, { target: 'evt_1', limit: 9 })).toMatchObject([entry]);
    expect(await listAudit(database.knex, { limit: 1 })).toMatchObject([{ target: 'evt_2' }]);
  });
});

describe('notifications between processes', () => {
  it('are heard on Postgres, also after the connection broke', async () => {
    const database = await createTestDatabase('postgres');
    const heard: string[] = [];
    let gaps = 0;
    const listener = listen(database, ['news'], {
      heard: (channel, payload) => heard.push(`${channel}:${payload}`),
      onGap: () => (gaps += 1),
    });
    const until = async (holds: () => boolean) => {
      for (let i = 0; i < 200 && !holds(); i += 1) await new Promise((r) => setTimeout(r, 25));
      expect(holds()).toBe(true);
    };
    await until(() => gaps === 1);
    await notify(database.knex, 'news', 'one');
    await until(() => heard.includes('news:one'));
    await database.knex.raw(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tenure listener' AND datname = current_database()",
    );
    await until(() => gaps === 2);
    await notify(database.knex, 'news', 'x'.repeat(9_000));
    await until(() => heard.includes('news:'));
    await listener.close();
    await database.drop();
  });

  it('H-15: cost no statement on SQLite, which has one process', async () => {
    const database = await createTestDatabase('sqlite');
    const statements: string[] = [];
    const heard: string[] = [];
    database.knex.on('query', ({ sql }: { sql: string }) => statements.push(sql));
    const listener = listen(database, ['news'], { heard: (channel) => heard.push(channel) });
    await notify(database.knex, 'news', 'one');
    await listener.close();
    expect([statements, heard]).toEqual([[], []]);
    await database.drop();
  });
});
