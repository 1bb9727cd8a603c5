import type { Db } from '../../db/database.ts';
import { addressed, enqueueEffects } from '../../db/outbox.ts';
import { billingAccounts, type BillingAccount } from '../../db/usage-accounts.ts';
import type { UsageRecord } from '../../db/usage-records.ts';
import { usageTotals } from '../../db/usage-totals.ts';
import type { Catalogue } from '../../state/catalogue.ts';
import {
  nameOfThreshold,
  thresholdEffects,
  thresholdsOf,
  watchedMeters,
} from '../../state/usage-alerts.ts';
import { usagePeriod } from '../../state/usage-period.ts';
import type { Config } from '../config/config.ts';
import type { UsageAccounts } from './accounts.ts';

/** What was told of in this process; older ones are told apart by the outbox, which costs a statement. */
const MAX_TOLD = 10_000;

/** Puts into the outbox what records reach. Resolves to what to do once they are committed. */
export type AfterRecording = (trx: Db, added: readonly UsageRecord[]) => Promise<() => void>;

/**
 * Tells of thresholds and caps that usage reaches, each once for an account, meter and period, in the transaction that stores
 * the usage. Where no plan has one of the meter, it costs nothing.
 */
export function createUsageAlerts(
  catalogue: Catalogue,
  accounts: Pick<UsageAccounts, 'peek'>,
  receivers: Config['receivers'],
): AfterRecording {
  /** Not before it is asked: what was sold is known a moment after the start. */
  let watched: ReadonlySet<string> | null = null;
  const told = new Set<string>();

  async function reached(
    trx: Db,
    account: BillingAccount,
    { meter, at, aggregation = 'sum' }: UsageRecord,
  ): Promise<string[]> {
    const thresholds = thresholdsOf(catalogue, account, meter);
    const { userId } = account;
    const period = usagePeriod(account, at);
    const nameOf = (threshold: number) =>
      nameOfThreshold({ userId, meter, from: period.from, threshold });
    const open = thresholds.filter(({ threshold }) => !told.has(nameOf(threshold)));
    if (open.length === 0) return [];
    const span = { from: period.from, until: period.until ?? Number.MAX_SAFE_INTEGER };
    const { recorded } = await usageTotals(trx, { userId, meter, aggregation }, span);
    const now = open.filter(({ threshold }) => threshold <= recorded);
    const usage = { account, meter, recorded, period, at };
    const effects = now.flatMap((each) => thresholdEffects(usage, each));
    await enqueueEffects(trx, addressed(receivers, effects), Date.now());
    return now.map(({ threshold }) => nameOf(threshold));
  }

  return async (trx, added) => {
    watched ??= watchedMeters(catalogue);
    const due = new Map<string, UsageRecord>();
    for (const record of added) {
      if (!watched.has(record.meter)) continue;
      due.set(`${record.userId}\n${record.meter}\n${record.windowAt}`, record);
    }
    const names: string[] = [];
    for (const record of due.values()) {
      const account =
        accounts.peek(record.userId) ?? (await billingAccounts(trx, [record.userId]))[0];
      if (account) names.push(...(await reached(trx, account, record)));
    }
    return () => {
      if (told.size + names.length > MAX_TOLD) told.clear();
      for (const name of names) told.add(name);
    };
  };
}
