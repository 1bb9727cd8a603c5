/**
 * Compares the moves that a history should have with the lines that it has. What was told is never told again: a line
 * that a read gave away is joined with its event when that comes, and a move found later gets a line in its place.
 */
import type { LifecycleState } from '../types.ts';
import { NUMBER_STEP, type HistoryLine } from './lines.ts';
import type { Move } from './telling.ts';
import { pairLines, type Pair } from './pair-lines.ts';

/** A move that has no line yet. */
export interface AddedLine {
  move: Move;
  /** Between those of the lines beside it. */
  number: number;
  /** True when a line after it was told before. */
  late: boolean;
}

/** A line that is to say something else than it does. */
export interface RevisedLine {
  line: HistoryLine;
  move: Move;
}

export interface Reconciled {
  added: AddedLine[];
  revised: RevisedLine[];
  /** Guesses that events have disproved. */
  removed: HistoryLine[];
  /** Every move, in order. */
  moves: Move[];
}

/** Where the lines begin, and the numbers that no new line may have. */
export interface Beginning {
  start: LifecycleState;
  floor: number;
  taken: readonly number[];
}

/** `lines` in their order, none of an older release among them. */
export function reconcile(
  moves: readonly Move[],
  lines: readonly HistoryLine[],
  begin: Beginning,
): Reconciled {
  const pairs = inTime(endTold(pairLines(moves, lines, begin.start), lines));
  const used = new Set(pairs.map(({ line }) => line));
  return {
    added: numbered(pairs, begin),
    revised: pairs.flatMap(({ move, line }) =>
      line !== null && isNews(move, line) ? [{ move, line }] : [],
    ),
    removed: lines.filter((line) => !used.has(line)),
    moves: pairs.map(({ move }) => move),
  };
}

/**
 * A receiver that keeps the highest number must end right: where a line with a higher one has led elsewhere and is gone, the
 * last move is told by a line of its own.
 */
function endTold(pairs: Pair[], lines: readonly HistoryLine[]): Pair[] {
  const last = pairs.at(-1);
  if (!last?.line) return pairs;
  const { move, line } = last;
  const used = new Set(pairs.map((pair) => pair.line));
  const outnumbers = (each: HistoryLine) => (each.number ?? 0) > (line.number ?? 0);
  const isMisled = lines.some((each) => !used.has(each) && outnumbers(each) && each.to !== move.to);
  return isMisled ? [...pairs.slice(0, -1), { move, line: null }] : pairs;
}

/**
 * A guess is dated by our own clock, or by what Stripe intends: never after the event that follows it, nor before what
 * it follows.
 */
function inTime(pairs: readonly Pair[]): Pair[] {
  const times = pairs.map(({ move, line }) =>
    move.guess && line?.guess === true ? line.at : move.at,
  );
  let next = Infinity;
  for (let i = pairs.length - 1; i >= 0; i -= 1) {
    if (pairs[i]!.move.guess) times[i] = Math.min(times[i]!, next);
    next = Math.min(next, times[i]!);
  }
  let last = -Infinity;
  return pairs.map(({ move, line }, i) => {
    const at = move.guess ? Math.max(times[i]!, last) : move.at;
    last = Math.max(last, at);
    return { move: at === move.at ? move : { ...move, at }, line };
  });
}

/** Whether a line must be written again. */
function isNews(move: Move, line: HistoryLine): boolean {
  if (move.line === line) return move.guess && move.at !== line.at;
  // How it began was decided with what was known of the customer then.
  const isBeginning = move.from === 'none' || move.from === 'canceled';
  if (isBeginning && line.guess !== true && line.causeId === move.causeId) return false;
  if (move.guess && line.guess === true) {
    return move.from !== line.from || move.at !== line.at;
  }
  return (
    move.from !== line.from ||
    move.to !== line.to ||
    move.event !== line.event ||
    move.guess !== (line.guess === true) ||
    (!move.guess && (move.at !== line.at || move.causeId !== line.causeId)) ||
    (move.from === move.to && move.mrr !== null && move.mrr !== (line.mrr ?? null)) ||
    (isAboutFailure(move) && nameOf(move.detail) !== nameOf(line.detail ?? {}))
  );
}

/** A payment that comes an hour after the move that it is for adds nothing to say; a refusal does. */
const isAboutFailure = ({ event }: Move) =>
  event === 'payment_failed' || event === 'trial_ended_unpaid';

const nameOf = ({ invoice, attempt = 1 }: Move['detail']) => `${invoice} ${attempt}`;

/** Numbers for the moves without a line, between those of the lines beside them. */
function numbered(pairs: readonly Pair[], begin: Beginning): AddedLine[] {
  const taken = new Set(begin.taken);
  const added: AddedLine[] = [];
  let last = begin.floor;
  for (let i = 0; i < pairs.length;) {
    const { line } = pairs[i]!;
    if (line !== null) {
      last = line.number ?? last;
      i += 1;
      continue;
    }
    let end = i;
    while (end < pairs.length && pairs[end]!.line === null) end += 1;
    const ceiling = pairs[end]?.line?.number ?? null;
    // A receiver that keeps the highest number must end right, also where a line that was told is gone.
    const from = ceiling === null ? Math.max(last, ...taken) : last;
    const step = ceiling === null ? NUMBER_STEP : (ceiling - from) / (end - i + 1);
    for (let k = i; k < end; k += 1) {
      let number = Math.floor(from + (k - i + 1) * step);
      while (taken.has(number)) number += 1;
      taken.add(number);
      added.push({ move: pairs[k]!.move, number, late: ceiling !== null });
    }
    i = end;
  }
  return added;
}
