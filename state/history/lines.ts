/** Recorded lines of one subscription's history, and questions to them. */
import type { LifecycleEventType, LifecycleState, Transition } from '../types.ts';

/** A recorded line, as far as deciding needs it. */
export interface HistoryLine {
  /** Absent only in tests that never record. */
  id?: number;
  from?: LifecycleState;
  to: LifecycleState;
  /** Time at Stripe. */
  at: number;
  causeId: string | null;
  event?: LifecycleEventType;
  detail?: Transition['detail'];
  /** Place in the history: a line found later has a number between those beside it. null for lines of older releases. */
  number?: number | null;
  /** True while no event of Stripe explains it: it was found by a read. */
  guess?: boolean;
  unexpected?: boolean;
  /** Monthly recurring revenue after it; null or absent when it is not known. */
  mrr?: number | null;
  /** What that is for. */
  plan?: string | null;
}

/** Room between the numbers of two lines for those that are found later. */
export const NUMBER_STEP = 1_000_000;

/** Whether the history has it that the subscription began, told by Stripe. */
export function hasBeginning(lines: readonly HistoryLine[]): boolean {
  return lines.some(
    ({ from, guess, to }) =>
      guess !== true && (from === 'none' || (from === 'canceled' && to !== 'canceled')),
  );
}

/** When the newest line was caused that an event explains; -Infinity without any. A guess is dated by our own clock. */
export function lastEventTime(lines: readonly HistoryLine[]): number {
  return lines.reduce(
    (latest, line) => (line.guess === true ? latest : Math.max(latest, line.at)),
    -Infinity,
  );
}

/** Whether the failed attempt has its line. An entry into `past_due` without a number was the first. */
export function hasAttempt(
  lines: readonly HistoryLine[],
  failure: { invoiceId: string; attempt: number },
): boolean {
  return lines.some((line) => {
    if (line.to !== 'past_due') return false;
    const invoice = line.detail?.['invoice'] ?? failure.invoiceId;
    return invoice === failure.invoiceId && (line.detail?.['attempt'] ?? 1) === failure.attempt;
  });
}
