import { setTimeout as sleep } from 'node:timers/promises';
import { nextPeriodEnd, subscriptionsInMotion } from '../../../db/dashboard-lookups.ts';
import { AppError } from '../../http/errors.ts';
import type { Services } from '../../lib/services.ts';
import { expectedSteps } from './expected.ts';
import type { TestClock } from './page.ts';

/** How far the clock may be asked to go. */
export type Leap = 'hour' | 'day' | 'month' | 'next' | 'period';

/** Servers whose clock is on its way; Stripe refuses to move it meanwhile. */
const moving = new WeakSet<Services>();

/** The test clock, if this server has one: never with a live key. */
export function testClockOf(services: Services): TestClock | null {
  const id = services.config.stripe.live ? null : services.config.stripe.testClock;
  return id === null ? null : { id, now: services.clock.now(), advancing: moving.has(services) };
}

/** What is known to be due next, and when the next period ends. */
export interface ComingUp {
  nextEvent: { at: number; words: string } | null;
  nextPeriodEnd: number | null;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Stripe tells of a trial's end this long before it. */
const TRIAL_WARNING = 3 * DAY;

/** The next thing that stored subscriptions are known to be due for, retries of payments among them. */
export async function comingUp(services: Services): Promise<ComingUp> {
  const now = services.clock.now();
  const db = services.database.knex;
  const [next, rows] = await Promise.all([nextPeriodEnd(db, now), subscriptionsInMotion(db)]);
  const due: { at: number; words: string }[] = [];
  for (const row of rows) {
    for (const { at, words } of expectedSteps(row)) {
      if (at > now) due.push({ at, words: `${row.id}: ${words}` });
    }
    const warning = row.state === 'trialing' ? (row.facts.trialEnd ?? 0) - TRIAL_WARNING : 0;
    if (warning > now) due.push({ at: warning, words: `the trial of ${row.id} will end soon` });
  }
  const [nextEvent = null] = due.sort((a, b) => a.at - b.at);
  return { nextEvent, nextPeriodEnd: next?.at ?? null };
}

async function destination(services: Services, leap: Leap, now: number): Promise<number> {
  switch (leap) {
    case 'hour':
      return now + HOUR;
    case 'day':
      return now + DAY;
    case 'month': {
      const date = new Date(now);
      const day = date.getUTCDate();
      date.setUTCMonth(date.getUTCMonth() + 1);
      // 31 January + 1 month is the last day of February, not 3 March.
      if (date.getUTCDate() !== day) date.setUTCDate(0);
      return date.getTime();
    }
    case 'next': {
      const { nextEvent } = await comingUp(services);
      if (nextEvent) return nextEvent.at + 1000;
      break;
    }
    case 'period': {
      const { nextPeriodEnd } = await comingUp(services);
      if (nextPeriodEnd !== null) return nextPeriodEnd + 1000;
      break;
    }
  }
  throw new AppError('not_allowed', 'Nothing is due on this clock.');
}

/** How long a request waits for the clock to arrive before the page says that it is still moving. */
const WAIT_MS = 4_000;
const LONGEST_MS = 120_000;

/**
 * Moves the test clock through Stripe and waits a moment for it to arrive. Returns the time it goes to, in ms.
 * Throws `not_allowed` without a clock or while it moves.
 */
export async function advanceClock(services: Services, leap: Leap): Promise<number> {
  const clock = testClockOf(services);
  if (!clock) throw new AppError('not_allowed', 'There is no test clock here.');
  if (clock.advancing) throw new AppError('not_allowed', 'The clock is still moving.');
  moving.add(services);
  try {
    const { frozen_time } = await services.stripe.retrieveTestClock(clock.id);
    const target = Math.ceil((await destination(services, leap, frozen_time * 1000)) / 1000);
    // The clock passes the hour in which a draft still takes usage in a moment.
    await services.usage.flush();
    await services.stripe.advanceTestClock(clock.id, target);
    const arrival = untilReady(services, clock.id);
    await Promise.race([arrival, sleep(WAIT_MS, undefined, { ref: false })]);
    return target * 1000;
  } catch (error) {
    moving.delete(services);
    throw error;
  }
}

async function untilReady(services: Services, clockId: string): Promise<void> {
  const giveUp = Date.now() + LONGEST_MS;
  try {
    for (let wait = 50; Date.now() < giveUp; wait = Math.min(wait * 1.5, 1_000)) {
      const { status } = await services.stripe.retrieveTestClock(clockId);
      if (status !== 'advancing') return;
      await sleep(wait, undefined, { ref: false });
    }
  } catch (error) {
    services.log.warn({ err: error, clockId }, 'the test clock could not be watched');
  } finally {
    moving.delete(services);
  }
}
