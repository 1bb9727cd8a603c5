import type { Usage, UsageInput, UsageReceipt } from '../lib/usage-types.ts';
import { randomUUID } from 'node:crypto';
import { findUsages } from '../../db/usage-records.ts';
import { usageTotals } from '../../db/usage-totals.ts';
import { usageHealth } from '../../db/usage-windows.ts';
import type { BillingAccount } from '../../db/usage-accounts.ts';
import {
  meterAggregations,
  meterNames,
  metersByPrice,
  metersReportedByUser,
} from '../../state/catalogue.ts';
import {
  USAGE_REFUSAL_WORDS,
  LARGEST_QUANTITY,
  refuseUsage,
  windowOf,
  type UsageRefusal,
} from '../../state/usage.ts';
import { AppError } from '../http/errors.ts';
import type { Engine } from '../lib/engine-types.ts';
import { createTurns } from '../lib/token-bucket.ts';
import type { CoreServices } from '../lib/services.ts';
import { createUsageAccounts } from './accounts.ts';
import { createUsageAlerts } from './alerts.ts';
import { createUsageFlusher } from './flusher.ts';
import { createMeterDirectory } from './meter-directory.ts';
import { createUsageRecorder, otherUsage, type NewUsage } from './recorder.ts';
import { usageOptions, type UsageOptions } from './options.ts';

/** Puts recorder and flusher together; `start()` sets the sending going. */
export function createUsage(
  core: CoreServices,
  engine: Pick<Engine, 'clock' | 'onChange'>,
  given: Partial<UsageOptions> = {},
): Usage {
  const { database, log, stripe, catalogue } = core;
  const options = usageOptions(core.config.stripe, given);
  const accounts = createUsageAccounts(database.knex);
  const aggregations = meterAggregations(catalogue);
  const aggregationOf = (meter: string) => aggregations.get(meter) ?? 'sum';
  const recorder = createUsageRecorder(database, options, {
    log,
    afterRecording: createUsageAlerts(catalogue, accounts, core.config.receivers),
  });
  const meters = createMeterDirectory(stripe, aggregations);
  const { clock } = engine;
  const turn = createTurns(options.eventsPerSecond).take;
  const flusher = createUsageFlusher(
    { database, stripe, clock, log, accounts, meters, options, turn },
    randomUUID(),
  );
  const known = meterNames(catalogue);
  const byUser = metersReportedByUser(catalogue);
  const metersOf = metersByPrice(catalogue);
  const unsubscribe = engine.onChange((changes) => {
    if (changes.length === 0) accounts.forgetAll();
    const userIds = changes.flatMap(({ userId }) => userId ?? []);
    for (const userId of userIds) accounts.forget(userId);
    // A period may have ended just now: what belongs to its invoice must be there before that is final.
    if (known.size > 0 && userIds.length > 0) flusher.flushSoon(userIds);
  });

  function recordOf(input: UsageInput, account: BillingAccount): NewUsage {
    const at = input.at ?? clock.now();
    const aggregation = aggregationOf(input.meter);
    return {
      userId: input.userId,
      key: usageKeyOf(input),
      meter: input.meter,
      quantity: input.quantity,
      at,
      windowAt: windowOf(at, account.boundaries, aggregation),
      aggregation,
    };
  }

  function requireMeter(meter: string): void {
    if (known.has(meter)) return;
    throw new AppError('unknown_meter', `No plan has a meter "${meter}".`, { fields: { meter } });
  }

  /** Usage that no invoice bills is not taken. A metered price that the catalogue does not know may be of any meter. */
  function isBilled({ meteredPrices }: BillingAccount, meter: string): boolean {
    return meteredPrices.some((id) => metersOf.get(id)?.has(meter) ?? true);
  }

  /** Throws 409 when a key stands for another quantity. */
  async function refuseOther(records: readonly NewUsage[]): Promise<void> {
    const keyed = records.flatMap(({ userId, key }) => (key === null ? [] : [{ userId, key }]));
    for (const known of await findUsages(database.knex, keyed)) {
      const own = records.find(({ userId, key }) => userId === known.userId && key === known.key);
      if (own && (own.quantity !== known.quantity || own.meter !== known.meter)) {
        throw otherUsage(known.key);
      }
    }
  }

  /** Refuses all when one is refused, so that a sender knows what was stored. */
  function check(inputs: readonly UsageInput[], found: Map<string, BillingAccount>): void {
    const now = clock.now();
    const refused: {
      index: number;
      idempotencyKey?: string;
      reason: UsageRefusal;
      message: string;
    }[] = [];
    for (const [index, input] of inputs.entries()) {
      const account = found.get(input.userId);
      if (!account) throw noAccount();
      if (!isBilled(account, input.meter)) throw notBilled(input.meter);
      if (input.idempotencyKey?.includes('\n')) throw badKey();
      const aggregation = aggregationOf(input.meter);
      const usage = { quantity: input.quantity, at: input.at ?? now, aggregation };
      const reason = refuseUsage(usage, { now, ...account });
      if (reason === null) continue;
      const { idempotencyKey } = input;
      refused.push({ index, idempotencyKey, reason, message: USAGE_REFUSAL_WORDS[reason] });
    }
    const [first] = refused;
    if (!first) return;
    throw new AppError('usage_refused', `Nothing was recorded: ${first.message}`, {
      fields: { reason: first.reason, refused },
    });
  }

  async function record(inputs: readonly UsageInput[]): Promise<UsageReceipt> {
    for (const { meter } of inputs) requireMeter(meter);
    const found = await accounts.load(inputs.map(({ userId }) => userId));
    check(inputs, found);
    const records = inputs.map((input) => recordOf(input, found.get(input.userId)!));
    // Of several, all or nothing is taken in; a single one can be looked up when it proves to be known.
    if (records.length > 1) await refuseOther(records);
    recorder.requireRoom();
    const taken = await Promise.all(records.map((each) => recorder.record(each, true)));
    const fresh = taken.filter(Boolean).length;
    await refuseOther(records.filter((_, i) => taken[i] === false));
    return { accepted: fresh, duplicates: inputs.length - fresh };
  }

  return {
    record,
    async track(input) {
      const account = accounts.peek(input.userId);
      if (!account || input.at !== undefined) return record([input]);
      const { quantity } = input;
      const good = Number.isInteger(quantity) && quantity >= 0 && quantity <= LARGEST_QUANTITY;
      const plain = known.has(input.meter) && isBilled(account, input.meter);
      const one = quantity <= 1 || aggregationOf(input.meter) !== 'count';
      if (!good || !plain || !one || input.idempotencyKey !== undefined) return record([input]);
      return recorder.record(recordOf(input, account)).then(receipt);
    },
    knows: (meter) => known.has(meter),
    aggregationOf,
    isReportedByUser: (meter) => byUser.has(meter),
    account: async (userId) => (await accounts.load([userId])).get(userId) ?? null,
    totals: (who, span) =>
      usageTotals(database.knex, { ...who, aggregation: aggregationOf(who.meter) }, span),
    async flush(userIds) {
      await recorder.settled();
      return flusher.flush(userIds);
    },
    health: () => usageHealth(database.knex),
    backlog: () => recorder.backlog(),
    meters,
    start: () => flusher.start(),
    async stop() {
      unsubscribe();
      await recorder.settled();
      await flusher.stop();
    },
  };
}

const receipt = (isNew: boolean): UsageReceipt =>
  isNew ? { accepted: 1, duplicates: 0 } : { accepted: 0, duplicates: 1 };

/** The key as it is stored. Keys of users and corrections have a line break in them, which no caller's key may have. */
export function usageKeyOf({
  idempotencyKey,
  reportedBy,
}: Pick<UsageInput, 'idempotencyKey' | 'reportedBy'>): string | null {
  if (idempotencyKey === undefined) return null;
  return reportedBy === 'user' ? `user\n${idempotencyKey}` : idempotencyKey;
}

function notBilled(meter: string): AppError {
  return new AppError(
    'not_allowed',
    `The present plan does not bill "${meter}", so this usage would never be billed; nothing was recorded.`,
    { fields: { meter, actions: [] } },
  );
}

function badKey(): AppError {
  return new AppError('invalid_request', 'A key of usage has no line breaks.');
}

function noAccount(): AppError {
  return new AppError(
    'no_billing_account',
    'There is no billing account yet, so this usage could never be billed; subscribe first.',
  );
}
