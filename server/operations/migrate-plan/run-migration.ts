import { randomBytes } from 'node:crypto';
import type { Stripe } from 'stripe';
import { findCustomerByStripeId } from '../../../db/customers.ts';
import {
  addMigrationItems,
  countHeadingFor,
  countMigrationItems,
  createMigration,
  findOpenMigration,
  finishMigration,
  markMigrationPlanned,
  migrationItems,
  retryFailedItems,
  type MigrationItem,
  type PlanMigration,
} from '../../../db/plan-migrations.ts';
import { claimCustomer, releaseClaim } from '../../../db/customer-locks.ts';
import { createLimit, sleep } from '../../lib/limit.ts';
import type { Services } from '../../lib/services.ts';
import { notifyCustomers, readBack } from './after-change.ts';
import { readsThroughOutages, type Ask } from './ask-stripe.ts';
import { changeOne, type MigrationRun } from './change-one.ts';
import { takeLead } from './lead.ts';
import { OF_ANOTHER } from './payer-of.ts';
import { previewOne } from './preview-one.ts';
import { canonicalRequest, migrationRule, type MigrationRequest } from './request.ts';

/** Subscriptions that are worked on at the same time. */
const AT_ONCE = 4;
const PAGE = 200;
/** A customer who is in the middle of a command of their own is waited for. */
const COMMAND_LEASE_MS = 30_000;

export interface MigrationHooks {
  onItem?: (item: MigrationItem) => void;
  onProgress?: (done: number, total: number) => void;
  /** Asked between two subscriptions; true stops the run, which can be resumed. */
  stopped?: () => boolean;
}

export interface MigrationResult {
  /** Null in a dry run. */
  id: string | null;
  resumed: boolean;
  total: number;
  done: number;
  skipped: number;
  failed: number;
  /** Not on the old price yet, but led there by a schedule of their own. */
  arriving: number;
  /** Not looked at: the run was stopped. */
  left: number;
  retired: boolean;
}

/** Says what would happen to each subscription; changes nothing, not even the ledger. */
export async function previewMigration(
  services: Services,
  request: MigrationRequest,
  hooks: MigrationHooks = {},
): Promise<MigrationResult> {
  const run = await prepare(services, request, 'dry-run');
  const result: MigrationResult = { ...NOTHING, id: null };
  const limit = createLimit(AT_ONCE);
  for await (const page of subscriptionsOn(run)) {
    result.total += page.length;
    const items = await Promise.all(page.map((each) => limit(() => previewOne(run, each))));
    for (const item of items) {
      if (item.status === 'pending') result.done += 1;
      else if (item.status === 'skipped') result.skipped += 1;
      else result.failed += 1;
      hooks.onItem?.(item);
    }
    hooks.onProgress?.(result.total, result.total);
  }
  return result;
}

const NOTHING = {
  resumed: false,
  total: 0,
  done: 0,
  skipped: 0,
  failed: 0,
  arriving: 0,
  left: 0,
  retired: false,
};

/**
 * Carries a migration out, or goes on with the one of the same request that was interrupted. Throws
 * MigrationRefused for a request that makes no sense or that another process is at.
 */
export async function runMigration(
  services: Services,
  request: MigrationRequest,
  hooks: MigrationHooks = {},
): Promise<MigrationResult> {
  const db = services.database.knex;
  const lead = await takeLead(db, request.from);
  try {
    const { migration, resumed } = await openMigration(services, request);
    const run = await prepare(services, request, migration.id);
    if (migration.plannedAt === null) {
      await plan(run);
      await markMigrationPlanned(db, migration.id, Date.now());
    } else await retryFailedItems(db, migration.id);
    do await workThrough(run, lead.owner, hooks);
    // A customer may have subscribed to the old price meanwhile.
    while (!hooks.stopped?.() && (await plan(run)) > 0);
    if (request.notify) await notifyCustomers(run, itemsOfMigration(services, migration.id));
    const counts = await countMigrationItems(db, migration.id);
    const left = counts.pending + counts.working;
    const finished = left === 0 && counts.failed === 0;
    const arriving = await countHeadingFor(db, request.from);
    // Their schedule would fail at an archived price.
    const retired =
      finished &&
      request.retire &&
      arriving === 0 &&
      !(await isSoldElsewhere(services, migration.id));
    if (retired) {
      await services.stripe.setPriceActive(request.from, false);
    }
    if (finished) await finishMigration(db, migration.id, Date.now());
    const { done, skipped, failed } = counts;
    const total = done + skipped + failed + left;
    return { id: migration.id, resumed, total, done, skipped, failed, arriving, left, retired };
  } finally {
    await lead.resign();
  }
}

/** Every subscription of a run as the ledger has it, in pages. */
export async function* itemsOfMigration(
  services: Services,
  id: string,
): AsyncGenerator<MigrationItem> {
  let after = '';
  for (;;) {
    const page = await migrationItems(services.database.knex, id, { after, limit: PAGE });
    yield* page;
    const last = page.at(-1);
    if (!last) return;
    after = last.subscriptionId;
  }
}

/** Another deployment sells the price too. */
async function isSoldElsewhere(services: Services, id: string): Promise<boolean> {
  for await (const { reason } of itemsOfMigration(services, id)) {
    if (reason === OF_ANOTHER) return true;
  }
  return false;
}

async function prepare(
  services: Services,
  request: MigrationRequest,
  id: string,
): Promise<MigrationRun> {
  const rule = await migrationRule(services, request);
  const ask = readsThroughOutages(services);
  return { services, request, rule, ask, now: timeFor(ask), id };
}

function timeFor(ask: Ask): MigrationRun['now'] {
  return async ({ test_clock: clock }) => {
    if (!clock) return Math.floor(Date.now() / 1000) * 1000;
    const id = typeof clock === 'string' ? clock : clock.id;
    return (await ask((stripe) => stripe.retrieveTestClock(id))).frozen_time * 1000;
  };
}

async function openMigration(
  services: Services,
  request: MigrationRequest,
): Promise<{ migration: PlanMigration; resumed: boolean }> {
  const db = services.database.knex;
  const words = canonicalRequest(request);
  const open = await findOpenMigration(db, words);
  if (open) return { migration: open, resumed: true };
  // Looked at before anything is written: a request that is refused leaves no run behind.
  await migrationRule(services, request);
  const id = `mig_${randomBytes(8).toString('hex')}`;
  const migration: PlanMigration = { id, request: words, plannedAt: null };
  await createMigration(db, migration, Date.now());
  return { migration, resumed: false };
}

/** Notes every subscription that is on the old price; returns how many were not known. */
async function plan(run: MigrationRun): Promise<number> {
  let added = 0;
  for await (const page of subscriptionsOn(run)) {
    added += await addMigrationItems(run.services.database.knex, run.id, page);
  }
  return added;
}

async function* subscriptionsOn(
  run: MigrationRun,
): AsyncGenerator<{ id: string; customerId: string }[]> {
  const { testClock } = run.services.config.stripe;
  let after: string | null = null;
  do {
    const from: string | null = after;
    const page: Stripe.ApiList<Stripe.Subscription> = await run.ask((stripe) =>
      stripe.subscriptionsOnPrice({ priceId: run.request.from, testClock }, from),
    );
    yield page.data.map(({ id, customer }) => ({
      id,
      customerId: typeof customer === 'string' ? customer : customer.id,
    }));
    after = page.has_more ? (page.data.at(-1)?.id ?? null) : null;
  } while (after !== null);
}

async function workThrough(run: MigrationRun, owner: string, hooks: MigrationHooks): Promise<void> {
  const db = run.services.database.knex;
  const counts = await countMigrationItems(db, run.id);
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  let settled = total - counts.pending - counts.working;
  const limit = createLimit(AT_ONCE);
  let after = '';
  for (;;) {
    const status: MigrationItem['status'][] = ['pending', 'working'];
    const page = await migrationItems(db, run.id, { status, after, limit: PAGE });
    const last = page.at(-1);
    if (!last) return;
    await Promise.all(
      page.map((item) =>
        limit(async () => {
          if (hooks.stopped?.()) return;
          const end = await changeForCustomer(run, item, owner);
          settled += 1;
          hooks.onItem?.(end);
          hooks.onProgress?.(settled, total);
        }),
      ),
    );
    if (hooks.stopped?.()) return;
    after = last.subscriptionId;
  }
}

/** While the customer’s own commands wait; then the database is told. */
async function changeForCustomer(
  run: MigrationRun,
  item: MigrationItem,
  owner: string,
): Promise<MigrationItem> {
  const db = run.services.database.knex;
  const userId = (await findCustomerByStripeId(db, item.customerId))?.userId ?? null;
  const end = await whileOthersWait(run, { userId, owner }, () => changeOne(run, item));
  if (end.status !== 'done') return end;
  await readBack(run, end);
  return end;
}

async function whileOthersWait<T>(
  run: MigrationRun,
  { userId, owner }: { userId: string | null; owner: string },
  task: () => Promise<T>,
): Promise<T> {
  if (userId === null) return task();
  const db = run.services.database.knex;
  for (;;) {
    const terms = { owner, duration: COMMAND_LEASE_MS };
    const claim = await claimCustomer(db, `command of ${userId}`, terms);
    if (!claim) {
      await sleep(100);
      continue;
    }
    try {
      return await task();
    } finally {
      await releaseClaim(db, claim, owner);
    }
  }
}
