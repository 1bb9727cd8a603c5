/** Which recorded line tells of which move. */
import type { LifecycleState } from '../types.ts';
import type { HistoryLine } from './lines.ts';
import type { Move } from './telling.ts';

/** A move with its line; null when it has none yet. */
export interface Pair {
  move: Move;
  line: HistoryLine | null;
}

/**
 * The moves in order, each with its line. What reads have shown stays, also where no event tells of it: a run of
 * guesses that leads from where the history stands to where it goes on is part of it.
 */
export function pairLines(
  moves: readonly Move[],
  lines: readonly HistoryLine[],
  start: LifecycleState,
): Pair[] {
  const explained = pairExplained(moves, lines);
  const pairs = new Map(explained);
  let state = start;
  const result: Pair[] = [];
  for (const gap of gapsOf(moves, lines, explained)) {
    const before = result.at(-1)?.move ?? null;
    const isTold =
      (before === null ? start === 'none' : isByEvent(before)) && isByEvent(gap.end?.move);
    result.push(...fillGap(isTold ? { ...gap, isTold } : gap, state, pairs));
    state = result.at(-1)?.move.to ?? state;
  }
  return result;
}

/** Lines that name the event of a move, as far as they stand in the order of the moves; the others are told anew. */
function pairExplained(
  moves: readonly Move[],
  lines: readonly HistoryLine[],
): Map<Move, HistoryLine> {
  const free = new Set(lines.filter((line) => line.guess !== true));
  const found = new Map<Move, HistoryLine>();
  const explained = moves.filter((move) => !move.guess);
  for (const isSame of [sameLine, sameCause, sameFact]) {
    for (const move of explained) {
      if (found.has(move)) continue;
      const line = move.line ?? [...free].find((each) => isSame(move, each));
      if (!line) continue;
      found.set(move, line);
      free.delete(line);
    }
  }
  return inOrder(moves, found, lines);
}

const sameCause = (move: Move, line: HistoryLine) => line.causeId === move.causeId;
const sameLine = (move: Move, line: HistoryLine) =>
  sameCause(move, line) && line.to === move.to && (line.event ?? move.event) === move.event;

/** Stripe tells some changes twice, such as a pause: whichever event explains it by now, it was told. */
const sameFact = (move: Move, line: HistoryLine) =>
  line.from === move.from &&
  line.to === move.to &&
  line.event === move.event &&
  Math.abs(line.at - move.at) <= 1_000;

function inOrder(
  moves: readonly Move[],
  found: ReadonlyMap<Move, HistoryLine>,
  lines: readonly HistoryLine[],
): Map<Move, HistoryLine> {
  const place = new Map(lines.map((line, i) => [line, i]));
  const kept = new Map<Move, HistoryLine>();
  let last = -1;
  for (const move of moves) {
    const line = found.get(move);
    const here = line ? (place.get(line) ?? -1) : -1;
    if (!line || here <= last) continue;
    kept.set(move, line);
    last = here;
  }
  return kept;
}

/** Whether a move is told by an event that is at hand, so that what lies beside it can be told. */
const isByEvent = (move: Move | undefined) => move === undefined || move.line === null;

/** A stretch without known lines, up to a pair. */
interface Gap {
  /** Where events at hand tell of both ends, what must have lain between is among the moves. */
  isTold?: boolean;
  moves: Move[];
  guesses: HistoryLine[];
  end: Pair | null;
}

function gapsOf(
  moves: readonly Move[],
  lines: readonly HistoryLine[],
  pairs: ReadonlyMap<Move, HistoryLine>,
): Gap[] {
  const gaps: Gap[] = [];
  let [waiting, next]: [Move[], number] = [[], 0];
  const guessesUntil = (end: number) => {
    const guesses = lines.slice(next, end).filter((line) => line.guess === true);
    next = end + 1;
    return guesses;
  };
  for (const move of moves) {
    const line = pairs.get(move);
    if (!line) waiting.push(move);
    else {
      const guesses = guessesUntil(lines.indexOf(line));
      gaps.push({ moves: waiting, guesses, end: { move, line } });
      waiting = [];
    }
  }
  return [...gaps, { moves: waiting, guesses: guessesUntil(lines.length), end: null }];
}

/** What happened in a gap and its end: what reads showed of it, joined with the events that tell of the same. */
function fillGap(gap: Gap, state: LifecycleState, pairs: ReadonlyMap<Move, HistoryLine>): Pair[] {
  const { moves, guesses } = gap;
  const ends = gap.end === null ? [] : [gap.end];
  if (guesses.length === 0) {
    return [...moves.map((move) => ({ move, line: pairs.get(move) ?? null })), ...ends];
  }
  const until = moves.at(-1)?.to ?? gap.end?.move.from ?? state;
  const isDisproved = (line: HistoryLine) =>
    gap.isTold === true && (isInferred(line) || isAlone(line, gap));
  const isOpen = !guesses.some(isDisproved);
  if (isOpen && moves.every((move) => move.guess) && leads(guesses, state, until)) {
    return [...guesses.map(stands), ...ends];
  }
  const aligned = new Map(alignGuesses(moves, guesses));
  const joined = new Set(aligned.values());
  const filled: Pair[] = [];
  // A renewal or another plan that a read has shown is told by the moves themselves, where it was one.
  let open = guesses.filter(
    (each) => joined.has(each) || (each.from !== each.to && !isDisproved(each)),
  );
  let here = state;
  const rest = moves
    .map((move): Pair => ({ move, line: aligned.get(move) ?? null }))
    .filter((pair) => pair.line !== null || !guesses.some((each) => covers(each, pair.move)));
  for (const pair of [...rest, gap.end]) {
    const line = pair?.line ?? null;
    const end = open.findIndex((each) =>
      line !== null && joined.has(line) ? each === line : joined.has(each),
    );
    const run = open.slice(0, end === -1 ? open.length : end);
    const told = pair === null ? null : asSeen(pair, run, here);
    const goesOn = told?.move.from ?? until;
    const mayStand = here === goesOn || told !== pair;
    if (run.length > 0 && mayStand && leads(run, here, goesOn)) {
      filled.push(...run.map(stands));
      open = open.slice(run.length);
    }
    if (told === null) continue;
    filled.push(told);
    if (line !== null) open = open.slice(open.indexOf(line) + 1);
    here = told.move.to;
  }
  return filled;
}

/**
 * A smaller plan that begins as reads have shown it, while the event that scheduled it is not known yet: by itself its own
 * event tells of another plan, and no more.
 */
function asSeen(pair: Pair, run: readonly HistoryLine[], here: LifecycleState): Pair {
  const { move, line } = pair;
  if (line === null || !isSamePlan(move, line) || !leads(run, here, line.from ?? 'none'))
    return pair;
  return { move: { ...move, from: line.from ?? 'none', event: line.event ?? move.event }, line };
}

/** Whether the end of a period that a read has shown tells of what must have lain between two events, too. */
function covers(line: HistoryLine, move: Move): boolean {
  if (!move.guess || line.event !== 'period_ended') return false;
  return move.event === 'renewed' || isSamePlan(move, line);
}

/** Whether a line about the end of a period tells of the change of plan that a move is. */
function isSamePlan(move: Move, line: HistoryLine): boolean {
  if (move.event !== 'upgraded' || line.event !== 'period_ended' || move.to !== line.to)
    return false;
  return move.detail['plan'] === line.detail?.['plan'];
}

/** Not shown by a read: an event began elsewhere than the history stood then. */
const isInferred = ({ causeId }: HistoryLine) => causeId?.endsWith(':before') === true;

/**
 * One renewal or other plan between two events that go on from each other: nothing takes it back, so it is the change that
 * another event tells of by now.
 */
function isAlone(line: HistoryLine, { moves, guesses, end }: Gap): boolean {
  const changes = guesses.filter(({ from, to }) => from === to);
  return end !== null && moves.length === 0 && changes.length === 1 && changes[0] === line;
}

/** Whether a run of lines is a path from one state to another. */
function leads(run: readonly HistoryLine[], from: LifecycleState, to: LifecycleState): boolean {
  let state = from;
  for (const line of run) {
    if (line.from !== state) return false;
    state = line.to;
  }
  return state === to;
}

/** A guess as a pair: nothing but itself tells of it. */
export function stands(line: HistoryLine): Pair {
  const move: Move = {
    from: line.from ?? 'none',
    to: line.to,
    event: line.event ?? 'paid',
    unexpected: line.unexpected === true,
    late: false,
    detail: line.detail ?? {},
    at: line.at,
    source: null,
    causeId: line.causeId,
    guess: true,
    mrr: line.mrr ?? null,
    plan: line.plan ?? null,
    line,
  };
  return { move, line };
}

/** The longest alignment of moves and guesses that lead to the same states, each in its order. */
function alignGuesses(
  moves: readonly Move[],
  guesses: readonly HistoryLine[],
): [Move, HistoryLine][] {
  // best[i][j]: the worth of aligning moves from i with guesses from j.
  const best = Array.from({ length: moves.length + 1 }, () =>
    Array.from({ length: guesses.length + 1 }, () => 0),
  );
  const at = (i: number, j: number): number => best[i]?.[j] ?? 0;
  for (let i = moves.length - 1; i >= 0; i -= 1) {
    for (let j = guesses.length - 1; j >= 0; j -= 1) {
      const worth = worthOf(moves[i]!, guesses[j]!);
      const joined = worth > 0 ? worth + at(i + 1, j + 1) : 0;
      best[i]![j] = Math.max(joined, at(i + 1, j), at(i, j + 1));
    }
  }
  const pairs: [Move, HistoryLine][] = [];
  for (let i = 0, j = 0; i < moves.length && j < guesses.length;) {
    const worth = worthOf(moves[i]!, guesses[j]!);
    if (worth > 0 && at(i, j) === worth + at(i + 1, j + 1)) {
      pairs.push([moves[i]!, guesses[j]!]);
      i += 1;
      j += 1;
    } else if (at(i, j) === at(i + 1, j)) i += 1;
    else j += 1;
  }
  return pairs;
}

/** How well a guess foretold a move; 0 when it is about another. */
function worthOf(move: Move, guess: HistoryLine): number {
  if (isSamePlan(move, guess)) return 3;
  if (move.to !== guess.to || (move.from === move.to) !== (guess.from === guess.to)) return 0;
  const alike = Number(move.from === guess.from) + Number(move.event === guess.event);
  // Of two that are alike each is that of its own time.
  return 4 + alike + Number(Math.abs(move.at - guess.at) <= 1_000);
}
