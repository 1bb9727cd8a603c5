import { addsUp } from '../../state/aggregation.ts';
import { correctionsOf, findUsage, insertUsage } from '../../db/usage-records.ts';
import { USAGE_REFUSAL_WORDS, refuseUsage, windowOf } from '../../state/usage.ts';
import { AppError } from '../http/errors.ts';
import { usageKeyOf } from './usage.ts';
import type { Services } from '../lib/services.ts';

export interface Correction {
  userId: string;
  /** Key of the record that was wrong. */
  idempotencyKey: string;
  /** Whose key it is; default `host`. */
  reportedBy?: 'host' | 'user';
  /** What its quantity should have been; 0 takes it back. */
  quantity: number;
}

/** How often two corrections of one record may get in each other's way. */
const TRIES = 5;

/**
 * Sets what a record should have said. The ledger gets a line with the difference, at the time of the record, and
 * Stripe a meter event with it, negative where usage is taken back: that works whatever was sent before, and
 * longer than the day in which Stripe lets an event be cancelled. The same correction twice changes nothing. A number that
 * stands for its period has no difference to send: the right one is recorded instead.
 * Throws `not_found`, or `usage_refused` once the record's invoice is final.
 */
export async function correctUsage(
  services: Services,
  wish: Correction,
): Promise<{ from: number; to: number }> {
  const { userId, quantity: to } = wish;
  const key = usageKeyOf(wish) ?? '';
  const db = services.database.knex;
  const record = await findUsage(db, userId, key);
  const account = await services.usage.account(userId);
  if (!record || !account) throw new AppError('not_found', 'There is no such usage.');
  const aggregation = services.usage.aggregationOf(record.meter);
  if (!addsUp(aggregation)) throw notCorrectable(record.meter, aggregation);
  const now = services.clock.now();
  const { boundaries } = account;
  const reason = refuseUsage({ quantity: to, at: record.at, aggregation }, { now, ...account });
  if (reason !== null) {
    throw new AppError('usage_refused', USAGE_REFUSAL_WORDS[reason], { fields: { reason } });
  }
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const made = await correctionsOf(db, userId, key);
    const from = record.quantity + made.sum;
    if (from === to) return { from, to };
    const line = {
      userId,
      // Two corrections at once get the same key; the one that loses looks again.
      key: `${key}\ncorrection ${made.count + 1}`,
      meter: record.meter,
      quantity: to - from,
      at: record.at,
      windowAt: windowOf(record.at, boundaries),
      corrects: key,
    };
    const added = await db.transaction((trx) => insertUsage(trx, [line]));
    if (added.length > 0) return { from, to };
  }
  throw new AppError('rate_limited', 'This record is being corrected by others; try again.');
}

function notCorrectable(meter: string, aggregation: 'last' | 'max'): AppError {
  const words =
    aggregation === 'last'
      ? 'record the right one: the last counts'
      : 'the highest counts, which Stripe keeps: give credit for what was too high';
  return new AppError('usage_refused', `A record of "${meter}" cannot be corrected; ${words}.`, {
    fields: { reason: 'not_correctable' },
  });
}
