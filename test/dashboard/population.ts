/** Many subscriptions with a past, made by the machine's own arrows: what the dashboard's pages are filled with. */
import { recordAttempts } from '../../db/attempts.ts';
import { attachStripeCustomer, ensureCustomer } from '../../db/customers.ts';
import type { Database } from '../../db/database.ts';
import { addFigures } from '../../db/dashboard-figures.ts';
import { insertEvents } from '../../db/insert-events.ts';
import { saveChanges } from '../../db/save-changes.ts';
import { recordTrialOutcome, recordTrialStarted } from '../../db/trials.ts';
import { finishEvents, postponeEvent } from '../../db/webhook-events.ts';
import { machineArrows } from '../../state/machine.ts';
import type { LifecycleState, StoredSubscription, SubscriptionStatus } from '../../state/types.ts';
import { aLine, aNewEvent, aStoredSubscription } from '../support/factories.ts';

const DAY = 86_400_000;

/** Numbers that look random and are the same in every run. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

const EVENT_OF: Partial<Record<string, string>> = {
  paid: 'invoice.paid',
  renewed: 'invoice.paid',
  payment_succeeded: 'invoice.paid',
  payment_failed: 'invoice.payment_failed',
  canceled: 'customer.subscription.deleted',
  period_ended: 'customer.subscription.deleted',
  trial_started: 'customer.subscription.created',
};

const statusOf = (state: LifecycleState): SubscriptionStatus =>
  state === 'downgrading' || state === 'none' ? 'active' : state;

export interface Person {
  email: string;
  name?: string;
  metadata?: Record<string, string>;
}

/** Fills a migrated database; the last subscription belongs to `last`, if given. */
export async function populate(
  database: Database,
  options: { subscriptions: number; now: number; last?: Person },
): Promise<string[]> {
  const random = randomFrom(7);
  const ids: string[] = [];
  for (let index = 0; index < options.subscriptions; index += 1) {
    const isLast = index === options.subscriptions - 1;
    const person = (isLast && options.last) || {
      email: `${NAMES[index % NAMES.length]}${index}@example.com`,
    };
    ids.push(await live(database, { index, person, now: options.now, random }));
  }
  return ids;
}

const NAMES = ['dana', 'kim', 'lee', 'noor', 'sam', 'alex', 'ines', 'omar', 'yuki', 'vera'];

interface Life {
  index: number;
  person: Person;
  now: number;
  random: () => number;
}

/** One subscription walks along random arrows of the machine until now. */
async function live(database: Database, life: Life): Promise<string> {
  const { index, person, now, random } = life;
  const db = database.knex;
  const tag = `1Q${index.toString(36).padStart(4, '0')}Kd82`;
  const [id, customerId, userId] = [`sub_${tag}`, `cus_${tag}`, `user_${index}`];
  const pro = random() < 0.4;
  await ensureCustomer(db, { userId, email: person.email, name: person.name ?? null });
  await attachStripeCustomer(db, userId, customerId);
  let at = now - Math.floor((2 + random() * 75) * DAY);
  const began = at;
  let before: StoredSubscription | null = null;
  let state: LifecycleState = 'none';
  for (let step = 0; step < 9 && at < now; step += 1) {
    const arrows = machineArrows().filter(
      (arrow) => arrow.from === state && !(arrow.to === 'canceled' && random() < 0.7),
    );
    const arrow = arrows[Math.floor(random() * arrows.length)];
    if (!arrow) break;
    const eventId = `evt_${tag}${step}`;
    const earns = ['active', 'downgrading', 'cancel_pending', 'past_due'].includes(arrow.to);
    const price = pro ? 5000 : 2000;
    const trial = arrow.event === 'trial_started';
    const next: StoredSubscription = aStoredSubscription({
      id,
      customerId,
      userId,
      state: arrow.to,
      status: statusOf(arrow.to),
      plan: pro ? 'pro' : 'starter',
      since: at,
      mrr: earns ? price : 0,
      failedAttempts: arrow.to === 'past_due' ? 1 : 0,
      facts: {
        stripeStatus: arrow.to === 'cancel_pending' ? 'active' : statusOf(arrow.to),
        createdAt: began,
        currentPeriodStart: at,
        currentPeriodEnd: at + 30 * DAY,
        trialStart: before?.facts.trialStart ?? (trial ? at : null),
        trialEnd: before?.facts.trialEnd ?? (trial ? at + 14 * DAY : null),
        cancelAt: arrow.to === 'cancel_pending' ? at + 20 * DAY : null,
        metadata: person.metadata ?? {},
        items: [
          {
            ...aStoredSubscription().facts.items[0]!,
            unitAmount: price,
          },
        ],
      },
    });
    const line = aLine({
      from: state,
      to: arrow.to,
      event: arrow.event,
      unexpected: random() < 0.02,
      detail: { status: next.facts.stripeStatus, amount: price },
      cause: { id: eventId, at },
    });
    const previous: StoredSubscription | null = before;
    await db.transaction(async (trx) => {
      await saveChanges(trx, [{ before: previous, next, lines: [line] }]);
      if (trial) {
        const figures = await recordTrialStarted(trx, {
          subscriptionId: id,
          userId,
          customerId,
          cardFingerprint: null,
          startedAt: at,
          endsAt: at + 14 * DAY,
        });
        await addFigures(trx, figures);
      }
      if (state === 'trialing') {
        const outcome = arrow.to === 'active' ? 'converted' : 'lost';
        if (arrow.to !== 'trialing') {
          await addFigures(trx, await recordTrialOutcome(trx, id, { outcome, at }));
        }
      }
    });
    await event(database, {
      id: eventId,
      type: EVENT_OF[arrow.event] ?? 'customer.subscription.updated',
      subscriptionId: id,
      customerId,
      at,
      fate: random(),
    });
    before = next;
    state = arrow.to;
    at += Math.floor((0.2 + random() * 20) * DAY);
  }
  return id;
}

interface Told {
  id: string;
  type: string;
  subscriptionId: string;
  customerId: string;
  at: number;
  /** 0 to 1: small numbers die or fail. */
  fate: number;
}

async function event(database: Database, told: Told): Promise<void> {
  const { id, type, subscriptionId, customerId, at, fate } = told;
  const db = database.knex;
  await insertEvents(db, [
    aNewEvent({
      id,
      type,
      subject: customerId,
      subscriptionId,
      objectId: subscriptionId,
      createdAt: at,
      receivedAt: at + 900,
      payload: JSON.stringify({
        id,
        object: 'event',
        type,
        data: { object: { id: subscriptionId, customer: customerId, object: 'subscription' } },
      }),
    }),
  ]);
  if (fate < 0.02) {
    const error = 'DeadlockDetected: 40P01 while locking the subject; retry in 32 s';
    await recordAttempts(
      db,
      [1, 2, 3].map((attempt) => ({
        eventId: id,
        attempt,
        failedAt: at + attempt * 20_000,
        error,
      })),
    );
    await postponeEvent(db, id, {
      error,
      attempts: 3,
      nextAttemptAt: fate < 0.008 ? at : Date.now() + 600_000,
      dead: fate < 0.008,
    });
    return;
  }
  const status = fate > 0.95 ? 'ignored' : 'done';
  await finishEvents(db, [id], { status, at: at + 1500 });
}
