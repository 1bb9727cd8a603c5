import { isGatewayError, type StripeGateway } from '../../adapters/stripe-gateway.ts';
import type { Database } from '../../db/database.ts';
import { addsUp } from '../../state/aggregation.ts';
import { acknowledgedIn } from '../../db/usage-totals.ts';
import {
  markAttempts,
  markDelivered,
  postponeWindows,
  type DeliveredWindow,
  type UsageWindow,
} from '../../db/usage-windows.ts';
import type { BillingAccount } from '../../db/usage-accounts.ts';
import { meterTimestamp, windowOf } from '../../state/usage.ts';
import { backoff } from '../sync/options.ts';
import type { BusinessClock } from '../lib/engine-types.ts';
import type { Logger } from '../lib/log.ts';
import type { UsageAccounts } from './accounts.ts';
import { alreadyCounted } from './confirm.ts';
import type { KnownMeter, MeterDirectory } from '../lib/usage-types.ts';
import type { UsageOptions } from './options.ts';

export interface SendContext {
  database: Database;
  stripe: StripeGateway;
  clock: BusinessClock;
  log: Logger;
  accounts: UsageAccounts;
  meters: MeterDirectory;
  options: UsageOptions;
  /** Waits until the next call to Stripe may be made. */
  turn: () => Promise<void>;
}

/** What became of some windows. */
export interface SendResult {
  delivered: number;
  /** Calls to Stripe. */
  calls: number;
  /** Until when Stripe wants to be left alone, in ms; 0 when it does not. */
  pauseUntil: number;
}

/** One window ready to go: the same identifier and quantity at every attempt, only the timestamp may move. */
interface Parcel {
  window: UsageWindow;
  account: BillingAccount;
  meter: KnownMeter;
  seconds: number;
  carriedOver: boolean;
}

/** How long to wait where an operator must fix something. */
const LOOK_AGAIN = 10 * 60_000;
/** Stripe knows an identifier for a day; after that a repetition could count twice. */
const IDENTIFIER_LIFE = 23 * 3_600_000;

/** Sends sealed windows, each as one meter event; events of one customer and meter go one after another. */
export async function sendWindows(ctx: SendContext, windows: UsageWindow[]): Promise<SendResult> {
  const result: SendResult = { delivered: 0, calls: 0, pauseUntil: 0 };
  const parcels = await prepare(ctx, windows, result);
  await markAttempts(
    ctx.database.knex,
    parcels.map(({ window, seconds }) => ({ id: window.id, toldAt: seconds })),
    Date.now(),
  );
  const lanes = new Map<string, Parcel[]>();
  for (const parcel of parcels) {
    const lane = `${parcel.window.meter}\n${parcel.account.customerId}`;
    lanes.set(lane, [...(lanes.get(lane) ?? []), parcel]);
  }
  const delivered: Parcel[] = [];
  const waiting = [...lanes.values()];
  const send = async (): Promise<void> => {
    for (let lane = waiting.pop(); lane; lane = waiting.pop()) {
      for (const parcel of lane) {
        if (result.pauseUntil > 0)
          await giveUp(ctx, parcel, { error: 'Stripe asked for a pause', at: result.pauseUntil });
        else if (await sendOne(ctx, parcel, result)) delivered.push(parcel);
      }
    }
  };
  await Promise.all(Array.from({ length: ctx.options.atOnce }, send));
  await markDelivered(ctx.database.knex, delivered.map(counted), Date.now());
  result.delivered += delivered.length;
  return result;
}

function counted({ window, account, seconds }: Parcel): DeliveredWindow {
  const told = seconds * 1000;
  const { aggregation, lastAt } = window;
  if (addsUp(aggregation)) {
    // Where a period has begun since, the boundary that its own window was cut at may be known no more.
    const start = Math.max(window.windowAt, windowOf(told, account.boundaries));
    return { ...window, counts: { in: start, at: told } };
  }
  return { ...window, counts: { in: window.windowAt, at: aggregation === 'max' ? told : lastAt } };
}

/** Sorts out what cannot be sent now, and says why. */
async function prepare(
  ctx: SendContext,
  windows: UsageWindow[],
  result: SendResult,
): Promise<Parcel[]> {
  const accounts = await ctx.accounts.load(windows.map((window) => window.userId));
  const parcels: Parcel[] = [];
  const db = ctx.database.knex;
  const nothing: DeliveredWindow[] = [];
  for (const window of windows) {
    const account = accounts.get(window.userId);
    const meter = await ctx.meters.find(window.meter);
    const known = window.aggregation === 'max' ? await acknowledgedIn(db, window) : null;
    if (saysNothing(window, known)) nothing.push({ ...window, counts: null });
    else if (!account) await rest(ctx, window, 'the user has no Stripe customer');
    else if (!meter) await rest(ctx, window, `Stripe has no meter "${window.meter}": create it`);
    else if (meter.problem !== null) await rest(ctx, window, meter.problem);
    else {
      const now = ctx.clock.now();
      const time = meterTimestamp(window, { now, ...account });
      if (known) time.seconds = afterAll(time.seconds, { known, account });
      if (isLateValue(window, { now, account })) logLateValue(ctx, window);
      parcels.push({ window, account, meter, ...time });
    }
  }
  await markDelivered(db, nothing, Date.now());
  result.delivered += nothing.length;
  return parcels;
}

/** Nothing was added, or nothing higher than before. That the last number is 0 says something. */
function saysNothing({ aggregation, quantity }: UsageWindow, known: { quantity: number } | null) {
  if (aggregation === 'last') return false;
  return quantity === 0 || (known !== null && quantity <= known.quantity);
}

/** Stripe takes the last event of a period for its highest: a new highest number comes after those before, within the period. */
function afterAll(
  seconds: number,
  { known, account }: { known: { lastAt: number }; account: BillingAccount },
): number {
  const last = Math.floor(known.lastAt / 1000);
  const end = Math.min(...account.boundaries.filter((at) => at > known.lastAt)) / 1000;
  return Math.max(seconds, Math.min(last + 1, Math.ceil(end) - 1));
}

async function rest(ctx: SendContext, window: UsageWindow, error: string): Promise<void> {
  const { userId, meter, quantity } = window;
  ctx.log.error({ userId, meter, quantity, reason: error }, 'usage cannot be sent to Stripe');
  await postponeWindows(ctx.database.knex, [window.id], {
    error,
    nextAttemptAt: ctx.database.clock.now() + LOOK_AGAIN,
    refused: false,
  });
}

/** True when Stripe has the event now. */
async function sendOne(ctx: SendContext, parcel: Parcel, result: SendResult): Promise<boolean> {
  const { window, account, seconds, carriedOver } = parcel;
  try {
    if (isOld(window) && (await isThere(ctx, parcel))) return true;
    await ctx.turn();
    result.calls += 1;
    const answer = await ctx.stripe.sendMeterEvent(
      {
        meter: window.meter,
        customerId: account.customerId,
        quantity: window.quantity,
        timestamp: seconds,
        identifier: window.identifier,
      },
      // Stripe repeats an error for as long as it knows the request's key; the identifier is what guards the count.
      `${window.identifier}-${window.attempts + 1}`,
    );
    // An earlier attempt came through, with the time that was told then.
    if (answer === 'duplicate' && window.toldAt !== null) parcel.seconds = window.toldAt;
    else if (carriedOver) logCarriedOver(ctx, window);
    return true;
  } catch (error) {
    await failed(ctx, { parcel, result, error });
    return false;
  }
}

/** A number that stands for its period may be told twice. */
const isOld = (window: UsageWindow) =>
  addsUp(window.aggregation) &&
  window.firstAttemptAt !== null &&
  Date.now() - window.firstAttemptAt > IDENTIFIER_LIFE;

async function isThere(ctx: SendContext, parcel: Parcel): Promise<boolean> {
  const { window, account, meter } = parcel;
  if (window.toldAt === null) return false;
  const there = await alreadyCounted(ctx, {
    window: { ...window, toldAt: window.toldAt },
    account,
    meterId: meter.id,
  });
  if (there) parcel.seconds = window.toldAt;
  return there;
}

async function failed(
  ctx: SendContext,
  { parcel, result, error }: { parcel: Parcel; result: SendResult; error: unknown },
): Promise<void> {
  const { window } = parcel;
  const words = error instanceof Error ? error.message : String(error);
  const permanent =
    isGatewayError(error, 'invalid', 'not_found') && error.status !== 401 && error.status !== 403;
  const attempt = Math.min(window.attempts + 1, 20);
  const now = ctx.database.clock.now();
  const nextAttemptAt = now + backoff(attempt, ctx.options);
  if (permanent) {
    const { userId, meter, quantity, identifier } = window;
    ctx.log.error({ userId, meter, quantity, identifier, err: error }, 'Stripe refused usage');
    await postponeWindows(ctx.database.knex, [window.id], {
      error: words.slice(0, 500),
      nextAttemptAt,
      refused: true,
    });
    return;
  }
  if (isGatewayError(error, 'rate_limited')) {
    const seconds = error.retryAfter ?? ctx.options.retryBase / 1000;
    result.pauseUntil = Math.max(result.pauseUntil, Date.now() + seconds * 1000);
  }
  ctx.log.warn({ err: error, identifier: window.identifier }, 'usage could not be sent; it waits');
  const pausedUntil = now + (result.pauseUntil - Date.now());
  await giveUp(ctx, parcel, { error: words, at: Math.max(nextAttemptAt, pausedUntil) });
}

function giveUp(
  ctx: SendContext,
  { window }: Parcel,
  next: { error: string; at: number },
): Promise<void> {
  return postponeWindows(ctx.database.knex, [window.id], {
    error: next.error.slice(0, 500),
    nextAttemptAt: next.at,
    refused: false,
  });
}

function logCarriedOver(ctx: SendContext, window: UsageWindow): void {
  const { userId, meter, quantity } = window;
  ctx.log.warn(
    { userId, meter, quantity },
    'usage came too late for its invoice; it is billed with the next one',
  );
}

/** A number of a period whose invoice is final counts there, and is billed no more. */
function isLateValue(
  { aggregation, lastAt }: UsageWindow,
  { now, account }: { now: number; account: BillingAccount },
): boolean {
  if (addsUp(aggregation)) return false;
  const { carriedOver } = meterTimestamp({ lastAt }, { now, ...account });
  return carriedOver;
}

function logLateValue(ctx: SendContext, { userId, meter, quantity }: UsageWindow): void {
  ctx.log.error(
    { userId, meter, quantity },
    'usage came too late for its invoice; it is not billed',
  );
}
