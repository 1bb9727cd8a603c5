import type { Decision, Failure, Outcome, SubscriptionDecision } from './decision.ts';
import { recordAttempts } from '../../db/attempts.ts';
import {
  linkCustomer,
  markCustomerDeleted,
  saveCustomerDetails,
  type CustomerDetails,
  type OwnerLink,
} from '../../db/customers.ts';
import { limitLockWait, type Db } from '../../db/database.ts';
import { addressed, enqueueEffects, quietChanges } from '../../db/outbox.ts';
import { saveChanges, type SubscriptionChange } from '../../db/save-changes.ts';
import { releaseClaims, type Claim } from '../../db/customer-locks.ts';
import { markDuplicates } from '../../db/subscriptions.ts';
import type { TransitionRow } from '../../db/transitions.ts';
import type { DueEvent } from '../../db/due-events.ts';
import { finishEvents, moveEvent, postponeEvent, type EventFlag } from '../../db/webhook-events.ts';
import type { Effect } from '../../state/effect-kinds.ts';
import { createBatchQueue, togetherElseAlone, type BatchQueue } from '../lib/batch-queue.ts';
import { createLimit } from '../lib/limit.ts';
import type { EngineContext } from './context.ts';
import { backoff } from './options.ts';
import { StripeOutage } from '../lib/stripe-outage.ts';
import { recordTrials } from './trial-ledger.ts';

interface Written {
  lines: TransitionRow[];
  effects: number;
  /** Of each account with more than one live subscription, those. */
  duplicates: string[][];
  /** Claims that contradict a link. */
  conflicts: OwnerLink[];
}

/** How long a transaction waits for a row that another one has locked, in ms: of several customers, and of one. */
const JOINT_LOCK_TIMEOUT_MS = 1_000;
const LOCK_TIMEOUT_MS = 3_000;

/** Transactions at a time: those that wait for a locked row must not use up the connections. */
const MAX_COMMITS = 3;
const COMMITS = { maxBatchSize: 128, concurrency: 2, holdMs: 250 };

/** Decisions that come while others are written make the next transaction. False for one whose lease was lost. */
export function createCommitQueue(ctx: EngineContext): BatchQueue<Decision, boolean> {
  const limit = createLimit(MAX_COMMITS);
  return createBatchQueue(
    (decisions) =>
      togetherElseAlone(decisions, async (some) => {
        const committed = await limit(() => commit(ctx, some));
        return some.map(({ claim }) => committed.has(claim));
      }),
    COMMITS,
  );
}

/**
 * Writes rows, history, effects and "done" of several customers in one transaction, and gives the leases back in its
 * first statement: that locks the customers' rows, and where a fence has moved, what was read may be old and
 * nothing of that customer is written. Returns the claims whose work was. Safe to repeat when it is not known whether it
 * came through: a lease can be given back only once.
 */
async function commit(ctx: EngineContext, decisions: readonly Decision[]): Promise<Set<Claim>> {
  await ctx.probe('before_transaction');
  const done = await ctx.core.database.knex.transaction(async (trx) => {
    await limitLockWait(trx, decisions.length > 1 ? JOINT_LOCK_TIMEOUT_MS : LOCK_TIMEOUT_MS);
    const claims = decisions.map(({ claim }) => claim);
    const ours = await releaseClaims(trx, claims, ctx.owner);
    if (ours.size === 0) return null;
    const work = together(decisions.filter(({ claim }) => ours.has(claim)));
    const written = await write(trx, ctx, work);
    await ctx.probe('before_commit');
    return { ours, work, written };
  });
  if (done) report(ctx, done);
  return done?.ours ?? new Set();
}

/** The work of several customers as one. */
interface JointWork {
  subscriptions: SubscriptionDecision[];
  changes: SubscriptionChange[];
  /** Accounts that may have several subscriptions, and of which one changed. */
  accountIds: string[];
  other: Pick<Decision['other'], 'events' | 'foreign' | 'effects'>;
  links: OwnerLink[];
  details: CustomerDetails[];
  deletedCustomers: { id: string; at: number }[];
  moves: Decision['moves'];
  failures: Failure[];
}

function together(decisions: Decision[]): JointWork {
  const subscriptions = decisions.flatMap((each) => each.subscriptions);
  const accountIds = decisions.flatMap((each) => {
    const changed = each.subscriptions.filter(({ change }) => change);
    const several = changed.length > 1 ? changed : changed.filter(({ isAlone }) => !isAlone);
    return several.flatMap(({ change }) => [change?.before?.userId, change?.next.userId]);
  });
  return {
    subscriptions,
    changes: subscriptions.flatMap(({ change }) => change ?? []),
    accountIds: [...new Set(accountIds)].filter((id) => typeof id === 'string'),
    links: decisions.flatMap((each) => [
      ...each.other.links,
      ...each.subscriptions.flatMap(({ links }) => links),
    ]),
    other: {
      events: decisions.flatMap(({ other }) => other.events),
      foreign: decisions.flatMap(({ other }) => other.foreign),
      effects: decisions.flatMap(({ other }) => other.effects),
    },
    details: decisions.flatMap(({ other }) => other.details),
    deletedCustomers: decisions.flatMap(({ other }) => other.deletedCustomer ?? []),
    moves: decisions.flatMap(({ moves }) => moves),
    failures: decisions.flatMap(({ failures }) => failures),
  };
}

async function write(trx: Db, ctx: EngineContext, work: JointWork): Promise<Written> {
  const now = Date.now();
  const { changes, other, subscriptions } = work;
  // In one order, so that two transactions cannot lock each other out.
  const links = work.links.toSorted((a, b) => (a.customerId < b.customerId ? -1 : 1));
  const conflicts: OwnerLink[] = [];
  for (const link of links) {
    if ((await linkCustomer(trx, link)) === 'new_conflict') conflicts.push(link);
  }
  const lines = changes.length > 0 ? await saveChanges(trx, changes) : [];
  const ours = changes.filter(({ next }) => !next.foreign);
  const ledger = await recordTrials(trx, ours, ctx.core.config.trial);
  const duplicates = await markDuplicates(trx, work.accountIds);
  for (const each of work.details) await saveCustomerDetails(trx, each);
  for (const { id, at } of work.deletedCustomers) await markCustomerDeleted(trx, id, at);
  const late = subscriptions.flatMap((each) => each.effects.flatMap((e) => e.quietLike ?? []));
  const names = ctx.core.config.receivers.map(({ name }) => name);
  const quiet = await quietChanges(trx, late, names);
  const effects = [
    ...subscriptions.flatMap((each) =>
      each.effects.map(({ quietLike, ...effect }) => ({
        ...effect,
        isQuiet: each.isQuiet || quiet.has(quietLike ?? ''),
      })),
    ),
    ...other.effects,
    ...ledger.map((effect) => ({ ...effect, causeId: null })),
  ];
  const wanted = addressed(ctx.core.config.receivers, effects).map((effect) => ({
    ...effect,
    holdMs: holdOf(ctx, effect),
  }));
  const enqueued = await enqueueEffects(trx, wanted, now);
  const of = (outcome: Outcome) => eventsOf(subscriptions, outcome);
  const finish = (ids: string[], status: 'done' | 'ignored', flag?: EventFlag) =>
    finishEvents(trx, ids, { status, at: now, flag });
  await finish([...of('done'), ...other.events.map(idOf)], 'done');
  await finish(of('first_sight'), 'done', 'first_sight');
  await finish([...of('foreign'), ...other.foreign.map(idOf)], 'ignored', 'foreign');
  await finish(of('not_found'), 'ignored', 'not_found');
  for (const move of work.moves) await moveEvent(trx, move.eventId, move);
  await postpone(trx, ctx, work.failures);
  return { lines, effects: enqueued, duplicates, conflicts };
}

const eventsOf = (decisions: SubscriptionDecision[], outcome: Outcome) =>
  decisions.filter((each) => each.outcome === outcome).flatMap(({ events }) => events.map(idOf));

const idOf = (row: DueEvent) => row.id;

/** What a read gave away is told a little later: by then its event, and those before it, have mostly come. */
const holdOf = (ctx: EngineContext, effect: Effect) =>
  effect.kind === 'webhook.subscription.changed' && !effect.payload.data.confirmed
    ? ctx.options.settle
    : 0;

/** Lets failed events wait. An outage of Stripe costs no attempt: those events wait as long as it takes. */
export async function postpone(db: Db, ctx: EngineContext, failures: Failure[]): Promise<void> {
  const now = ctx.core.database.clock.now();
  for (const { events, error } of failures) {
    const reason = wordsOf(error);
    for (const event of events) {
      const outage = error instanceof StripeOutage;
      const attempts = event.attempts + (outage ? 0 : 1);
      await postponeEvent(db, event.id, {
        error: reason,
        attempts,
        nextAttemptAt: outage
          ? now + (error.retryAt - Date.now()) + Math.random() * ctx.options.outageBase
          : now + backoff(attempts, ctx.options),
        dead: attempts >= ctx.options.maxAttempts,
      });
      if (!outage) {
        await recordAttempts(db, [
          { eventId: event.id, attempt: attempts, failedAt: now, error: reason },
        ]);
      }
    }
  }
}

function wordsOf(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return text.replaceAll('\0', '').slice(0, 1_000);
}

function report(
  ctx: EngineContext,
  { work, written }: { work: JointWork; written: Written },
): void {
  const { log, access } = ctx.core;
  const { changes } = work;
  count(ctx, work);
  for (const { next } of changes) if (next.userId) access.invalidate(next.userId);
  ctx.changes.announce(
    changes.map(({ next }) => ({ subscriptionId: next.id, userId: next.userId })),
  );
  if (written.effects > 0) ctx.effectsWaiting();
  for (const line of written.lines) {
    const { subscriptionId, from, to, event, cause } = line;
    const fields = { subscriptionId, from, to, event, cause: cause.id };
    if (line.unexpected) log.warn(fields, 'subscription moved unexpectedly');
    else log.info(fields, 'subscription moved');
  }
  for (const subscriptions of written.duplicates) {
    log.error({ subscriptions }, 'an account has more than one live subscription');
  }
  for (const { customerId, accountId, source } of written.conflicts) {
    log.error(
      { customerId, accountId, source },
      'a customer is claimed for an account that has another, or by two accounts; nothing was merged',
    );
  }
  for (const { before, next } of changes) {
    if (next.foreign && before && !before.foreign && before.state !== 'canceled') {
      log.error({ subscriptionId: next.id }, 'a subscription is not ours any more: no access');
    }
  }
  for (const { unknownStatus, change } of work.subscriptions) {
    if (unknownStatus === null) continue;
    log.error(
      { unknownStatus, subscriptionId: change?.next.id },
      'Stripe uses a status that is not known here',
    );
  }
  for (const { events, error } of work.failures) {
    log.warn({ err: error, events: events.map(idOf) }, 'events could not be processed; they wait');
  }
}

function count(ctx: EngineContext, { subscriptions, other, failures }: JointWork): void {
  const { events, eventAge } = ctx.core.metrics;
  const now = ctx.core.database.clock.now();
  const dealtWith = (rows: DueEvent[], outcome: 'done' | 'ignored') => {
    if (rows.length > 0) events.inc({ outcome }, rows.length);
    for (const { receivedAt } of rows) eventAge.observe(Math.max(0, now - receivedAt) / 1000);
  };
  dealtWith(other.events, 'done');
  dealtWith(other.foreign, 'ignored');
  for (const { events: rows, outcome } of subscriptions) {
    dealtWith(rows, outcome === 'done' || outcome === 'first_sight' ? 'done' : 'ignored');
  }
  const failed = failures.reduce((sum, failure) => sum + failure.events.length, 0);
  if (failed > 0) events.inc({ outcome: 'failed' }, failed);
}
