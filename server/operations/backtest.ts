import type { Db } from '../../db/database.ts';
import {
  recordedSubscriptions,
  type RecordedSubscription,
} from '../../db/recorded-subscriptions.ts';
import {
  addOutcome,
  noTotals,
  outcomeUnder,
  periodEndAt,
  type Outcome,
  type PastSubscription,
  type Policy,
  type Totals,
} from '../../state/backtest.ts';
import type { SubscriptionFacts } from '../../state/types.ts';
import type { Config } from '../config/config.ts';

/** A subscription for which the rules would have made a difference. */
export interface Difference {
  subscription: string;
  account: string | null;
  currency: string;
  asConfigured: Outcome;
  underPolicy: Outcome;
}

export interface BacktestResult {
  subscriptions: number;
  transitions: number;
  asConfigured: Totals;
  underPolicy: Totals;
  /** Subscriptions with another outcome. */
  differ: number;
}

/** The rules of a configuration that a backtest asks about. */
export const policyOf = ({ grace, dunning, returns }: Config): Policy => ({
  grace,
  maxAttempts: dunning.maxAttempts,
  finalAction: dunning.finalAction,
  onDispute: returns.onDispute,
});

/** Asks the recorded history of all subscriptions what two sets of rules would have made of it. Changes nothing. */
export async function backtest(
  db: Db,
  rules: { asConfigured: Policy; underPolicy: Policy; now: number },
  told: { difference?: (difference: Difference) => void; progress?: (done: number) => void } = {},
): Promise<BacktestResult> {
  const result: BacktestResult = {
    subscriptions: 0,
    transitions: 0,
    asConfigured: noTotals(),
    underPolicy: noTotals(),
    differ: 0,
  };
  for await (const page of recordedSubscriptions(db)) {
    for (const each of page) {
      const past = pastOf(each);
      const { id, accountId, currency, lines } = each;
      result.subscriptions += 1;
      result.transitions += lines.length;
      const asConfigured = outcomeUnder(past, rules.asConfigured, rules.now);
      const underPolicy = outcomeUnder(past, rules.underPolicy, rules.now);
      addOutcome(result.asConfigured, asConfigured, currency);
      addOutcome(result.underPolicy, underPolicy, currency);
      if (JSON.stringify(asConfigured) === JSON.stringify(underPolicy)) continue;
      result.differ += 1;
      const names = { subscription: id, account: accountId, currency };
      told.difference?.({ ...names, asConfigured, underPolicy });
    }
    told.progress?.(result.subscriptions);
  }
  return result;
}

function pastOf({ lines, disputes, facts: text }: RecordedSubscription): PastSubscription {
  let facts: SubscriptionFacts | null = null;
  return {
    lines: lines.map(({ id, number, from, to, event, mrr, occurredAt: at }) => ({
      id,
      number,
      from,
      to,
      event,
      mrr,
      at,
      causeId: null,
    })),
    disputes,
    periodEndAt(time) {
      facts ??= JSON.parse(text) as SubscriptionFacts;
      return periodEndAt(facts, time);
    },
  };
}
