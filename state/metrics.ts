/** The figures of a subscription business, computed from rows and history. Rates are fractions of 1. */
import type { LifecycleEventType, LifecycleState } from './types.ts';

export interface RevenueRow {
  currency: string;
  /** Minor units a month. */
  mrr: number;
}

export interface TrialRow {
  startedAt: number;
  outcome: 'converted' | 'lost' | null;
}

export interface MovementRow {
  subscriptionId: string;
  from: LifecycleState;
  to: LifecycleState;
  event: LifecycleEventType;
  at: number;
}

export interface TrialCohort {
  /** Month of the start, `2026-11` (UTC). */
  month: string;
  started: number;
  converted: number;
  lost: number;
  /** Still running. */
  open: number;
  /** Converted of those that ended; null while none has. */
  conversion: number | null;
}

/** Monthly recurring revenue for each currency, in minor units; the biggest first. */
export function mrrByCurrency(rows: Iterable<RevenueRow>): { currency: string; mrr: number }[] {
  const sums = new Map<string, number>();
  for (const { currency, mrr } of rows) {
    if (mrr !== 0) sums.set(currency, (sums.get(currency) ?? 0) + mrr);
  }
  return [...sums]
    .map(([currency, mrr]) => ({ currency, mrr }))
    .sort((a, b) => b.mrr - a.mrr || (a.currency < b.currency ? -1 : 1));
}

/** Trials by the month they started in, oldest first. */
export function trialCohorts(trials: Iterable<TrialRow>): TrialCohort[] {
  const cohorts = new Map<string, TrialCohort>();
  for (const { startedAt, outcome } of trials) {
    const month = new Date(startedAt).toISOString().slice(0, 7);
    const cohort = cohorts.get(month) ?? emptyCohort(month);
    cohort.started += 1;
    cohort[outcome ?? 'open'] += 1;
    cohort.conversion = rate(cohort.converted, cohort.converted + cohort.lost);
    cohorts.set(month, cohort);
  }
  return [...cohorts.values()].sort((a, b) => (a.month < b.month ? -1 : 1));
}

function emptyCohort(month: string): TrialCohort {
  return { month, started: 0, converted: 0, lost: 0, open: 0, conversion: null };
}

/** States of a paying customer: what churn is counted on. */
const PAYING: ReadonlySet<LifecycleState> = new Set([
  'active',
  'downgrading',
  'cancel_pending',
  'past_due',
]);

/**
 * Paying subscriptions that were lost in a window, of those that paid when it began. Lines need not be sorted,
 * and must include the last one before the window of each subscription that paid then.
 */
export function churnIn(
  lines: readonly MovementRow[],
  window: { from: number; to: number },
): { atStart: number; lost: number; churn: number | null } {
  const atStart = new Set<string>();
  for (const line of sorted(lines)) {
    if (line.at >= window.from) break;
    if (PAYING.has(line.to)) atStart.add(line.subscriptionId);
    else atStart.delete(line.subscriptionId);
  }
  const lost = new Set(
    lines
      .filter((line) => line.at >= window.from && line.at < window.to && line.to === 'canceled')
      .map((line) => line.subscriptionId)
      .filter((id) => atStart.has(id)),
  );
  return { atStart: atStart.size, lost: lost.size, churn: rate(lost.size, atStart.size) };
}

/**
 * How payment failures in a window ended: each entry into `past_due` is one case. `recovered` were paid,
 * `lost` were canceled or given up as unpaid, `open` are neither yet.
 */
export function recoveryIn(
  lines: readonly MovementRow[],
  window: { from: number; to: number },
): { failed: number; recovered: number; lost: number; open: number; recovery: number | null } {
  const open = new Set<string>();
  const counts = { failed: 0, recovered: 0, lost: 0 };
  for (const line of sorted(lines)) {
    if (line.to === 'past_due') {
      const inWindow = line.at >= window.from && line.at < window.to;
      if (line.from === 'past_due' || !inWindow || open.has(line.subscriptionId)) continue;
      open.add(line.subscriptionId);
      counts.failed += 1;
    } else if (open.delete(line.subscriptionId)) {
      const paid = line.event === 'payment_succeeded';
      counts[paid ? 'recovered' : 'lost'] += 1;
    }
  }
  const recovery = rate(counts.recovered, counts.recovered + counts.lost);
  return { ...counts, open: open.size, recovery };
}

function sorted(lines: readonly MovementRow[]): MovementRow[] {
  return [...lines].sort((a, b) => a.at - b.at);
}

function rate(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
