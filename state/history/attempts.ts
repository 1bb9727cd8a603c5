/** Further failed attempts of a payment: they move nothing, and each has its line. */
import { type FailedSignal, type Signal } from '../signals.ts';
import type { LifecycleState } from '../types.ts';
import type { Move, Telling } from './telling.ts';

/** The moves with a line for each further failed attempt, in the run that it belongs to. */
export function withAttempts(
  telling: Telling,
  told: {
    moves: readonly Move[];
    failures: readonly FailedSignal[];
    consumed: ReadonlySet<FailedSignal>;
    earned: readonly ({ at: number } & Pick<Move, 'mrr' | 'plan'>)[];
  },
): Move[] {
  const { settings } = telling.input;
  const most = settings.finalAction === 'none' ? Infinity : settings.maxAttempts;
  const moves = [...told.moves];
  const attempts = told.failures
    .filter((each) => !told.consumed.has(each) && each.attempt > 1 && each.attempt < most)
    .sort((a, b) => a.at - b.at || a.attempt - b.attempt);
  for (const failure of attempts) {
    const known = moves.some(({ causeId }) => causeId === failure.eventId);
    const place = known ? null : placeOf(telling, failure, moves);
    // A plan may change without a line while payments fail.
    const { mrr, plan } = told.earned.findLast(({ at }) => at <= failure.at) ?? UNKNOWN;
    if (place !== null) moves.splice(place, 0, { ...attemptMove(telling, failure), mrr, plan });
  }
  return moves;
}

const UNKNOWN = { mrr: null, plan: null };

/** Where in the moves an attempt belongs; null when it was not past due then. */
function placeOf(telling: Telling, failure: FailedSignal, moves: readonly Move[]): number | null {
  const { point } = telling.start;
  let state: LifecycleState = point.state;
  let since = telling.run?.since ?? -Infinity;
  for (let i = 0; i <= moves.length; i += 1) {
    const next = moves[i];
    const leaves = next !== undefined && next.to !== 'past_due';
    const isLater = !next || next.at > failure.at || (leaves && next.at === failure.at);
    if (state === 'past_due' && since <= failure.at && isLater) return i;
    if (!next || next.at > failure.at) return null;
    if (next.to === 'past_due' && next.from !== 'past_due')
      since = next.guess ? -Infinity : next.at;
    state = next.to;
  }
  return null;
}

function attemptMove(telling: Telling, failure: FailedSignal): Move {
  const source = telling.events.find(({ id }) => id === failure.eventId) ?? null;
  const { attempt, invoiceId: invoice, amount, currency, declineCode } = failure;
  return {
    from: 'past_due',
    to: 'past_due',
    event: 'payment_failed',
    unexpected: false,
    late: false,
    detail: {
      status: 'past_due',
      attempt,
      invoice,
      amount,
      currency,
      ...(declineCode === null ? {} : { declineCode }),
    },
    at: failure.at,
    source,
    causeId: failure.eventId,
    guess: false,
    mrr: null,
    plan: null,
    line: null,
  };
}

/** One for each attempt of an invoice, oldest first. */
export function distinctFailures(signals: readonly Signal[]): FailedSignal[] {
  const found = new Map<string, FailedSignal>();
  for (const signal of signals) {
    if (signal.type !== 'payment_failed') continue;
    const key = `${signal.invoiceId} ${signal.attempt}`;
    const known = found.get(key);
    if (
      !known ||
      signal.at < known.at ||
      (signal.at === known.at && signal.eventId < known.eventId)
    ) {
      found.set(key, signal);
    }
  }
  return [...found.values()].sort((a, b) => a.at - b.at || a.attempt - b.attempt);
}
