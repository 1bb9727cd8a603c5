import type { Aggregation } from '../../state/aggregation.ts';
import type { BillingAccount } from '../../db/usage-accounts.ts';
import type { UsageTotals } from '../../db/usage-totals.ts';
import type { UsageHealth } from '../../db/usage-windows.ts';

/** Usage as a caller reports it. */
export interface UsageInput {
  userId: string;
  meter: string;
  /** A whole number, not negative. */
  quantity: number;
  /** Makes a repetition count once, for 40 days; without one every call counts. */
  idempotencyKey?: string | undefined;
  /** When it was used, in ms since the epoch; default now. */
  at?: number | undefined;
  /** Whose key it is: the paying user's never meet the host's. Default `host`. */
  reportedBy?: 'host' | 'user' | undefined;
}

export interface UsageReceipt {
  accepted: number;
  /** Records whose key was known; they count for nothing. */
  duplicates: number;
}

/** What was done. */
export interface FlushReport {
  /** False when another process is sending: nothing was done. */
  led: boolean;
  delivered: number;
  /** Calls to Stripe, in each round at most one for each customer, meter and window. */
  calls: number;
  rounds: number;
}

/** A meter of Stripe as far as sending to it goes. */
export interface KnownMeter {
  id: string;
  /** Why nothing can be sent to it; null when it can. */
  problem: string | null;
}

/** Stripe's meters by event name, read again now and then and whenever one is missing. */
export interface MeterDirectory {
  find(meter: string): Promise<KnownMeter | null>;
  /** Reads them again at the next question. */
  forget(): void;
}

/** The recording of usage and its way to Stripe, as the rest of the server sees it. */
export interface Usage {
  /**
   * Records usage; Stripe is not called. Resolves after the commit: then it is durable and will reach Stripe.
   * All or nothing is taken in: rejects with `usage_refused` (and a reason for each), `unknown_meter`,
   * `no_billing_account`, `overloaded`, or what the database said.
   */
  record(inputs: readonly UsageInput[]): Promise<UsageReceipt>;
  /** The same for one call, as cheap as it gets: calls without a key add up before they are stored. */
  track(input: UsageInput): Promise<UsageReceipt>;
  /** Whether some plan bills this meter. */
  knows(meter: string): boolean;
  /** What of its records counts. */
  aggregationOf(meter: string): Aggregation;
  /** Whether the paying user may report it. */
  isReportedByUser(meter: string): boolean;
  /** The user's account and periods; null without a Stripe customer. */
  account(userId: string): Promise<BillingAccount | null>;
  /** What was recorded and acknowledged, as the meter counts, in windows of `[from, until)`. */
  totals(
    who: { userId: string; meter: string },
    span: { from: number; until: number },
  ): Promise<UsageTotals>;
  /** Sends what was recorded until now. */
  flush(userIds?: readonly string[]): Promise<FlushReport>;
  health(): Promise<UsageHealth>;
  /** Records that wait in memory. */
  backlog(): number;
  meters: MeterDirectory;
  start(): void;
  /** Stores what waits in memory and stops sending. */
  stop(): Promise<void>;
}
