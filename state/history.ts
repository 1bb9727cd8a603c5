/** Questions to the recorded history of one subscription. */
import type { LifecycleEventType, LifecycleState, Transition } from './types.ts';

/** A recorded line, as far as deciding needs it. */
export interface HistoryLine {
  from?: LifecycleState;
  to: LifecycleState;
  /** Business time of its cause. */
  at: number;
  causeId: string | null;
  event?: LifecycleEventType;
  detail?: Transition['detail'];
}

/** The state in force at a time, by the lines recorded; `none` before the first. */
export function stateAt(lines: readonly HistoryLine[], time: number): LifecycleState {
  let state: LifecycleState = 'none';
  let latest = -Infinity;
  for (const line of lines) {
    if (line.at > time || line.at < latest) continue;
    state = line.to;
    latest = line.at;
  }
  return state;
}

/**
 * Whether the history already has it that the subscription was in `state` at `time`: it was in force then, was
 * entered then, or was entered with the next line (a read that ran ahead of its event).
 */
export function historyHas(
  lines: readonly HistoryLine[],
  moment: { state: LifecycleState; time: number },
): boolean {
  const { state, time } = moment;
  if (stateAt(lines, time) === state) return true;
  const next = Math.min(...lines.filter((line) => line.at > time).map((line) => line.at));
  return lines.some((line) => line.to === state && (line.at === time || line.at === next));
}

/** Whether the history has it that the subscription began in `state`. */
export function beganAs(lines: readonly HistoryLine[], state: LifecycleState): boolean {
  return lines.some(
    (line) => line.to === state && (line.from === 'none' || line.from === 'canceled'),
  );
}

/** When the newest line was caused; -Infinity without lines. */
export function lastTime(lines: readonly HistoryLine[]): number {
  return lines.reduce((latest, line) => Math.max(latest, line.at), -Infinity);
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
