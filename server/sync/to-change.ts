import type { SubscriptionChange } from '../../db/save-changes.ts';
import { inOrder, type TransitionRow } from '../../db/transitions.ts';
import type {
  BatchDecision,
  BatchTransition,
  RevisedTransition,
} from '../../state/decide-batch.ts';
import type { HistoryLine } from '../../state/history/lines.ts';
import type { RevenueLine, RevenueLines } from '../../state/metrics.ts';
import type { Cause } from '../../state/types.ts';
import type { Known } from './load.ts';

/** What a decision writes: the row, new lines of the history with their causes, and lines that are known better now. */
export function toChange(
  decision: BatchDecision,
  known: Known,
  fallback: Cause,
): Omit<SubscriptionChange, 'quiet'> | null {
  if (decision.next === null) return null;
  const account = known.stored?.userId ?? decision.next.userId;
  const free = new FreeCauses(known.history);
  const whoOf = ({ eventId, actor }: BatchTransition | RevisedTransition) => {
    if (eventId !== null) {
      return { account: actor?.account ?? account, requestId: actor?.requestId ?? null };
    }
    const asked = fallback.type === 'request' ? fallback.id : null;
    return { account, requestId: fallback.requestId ?? asked };
  };
  const lines = decision.transitions.map((line) => {
    const { from, to, event, unexpected, late, detail, eventId, causeId, at, actor } = line;
    const { number, guess, mrr, plan } = line;
    const cause: Cause =
      eventId === null
        ? { ...fallback, id: free.take(causeId ?? fallback.id, line), at }
        : { type: 'event', id: eventId, actor: actor?.name ?? 'stripe', at };
    const who = whoOf(line);
    return {
      from,
      to,
      event,
      unexpected,
      late,
      detail,
      number,
      guess,
      mrr,
      plan,
      cause,
      account: who.account,
      requestId: who.requestId,
    };
  });
  const rows = new Map(known.history.map((row) => [row.id, row]));
  const rowOf = ({ id }: HistoryLine) => rows.get(id ?? -1);
  const revised = decision.revised.flatMap((revision) => {
    const { line: told, eventId, causeId: _, actor, ...transition } = revision;
    const row = rowOf(told);
    if (!row) return [];
    const cause: Cause | null =
      eventId === null
        ? null
        : { type: 'event', id: eventId, actor: actor?.name ?? 'stripe', at: transition.at };
    return [{ ...transition, line: row, cause, ...whoOf(revision) }];
  });
  const removed = decision.removed.flatMap((line) => rowOf(line) ?? []);
  const revenue = revenueOf(known, { lines, revised, removed });
  return { before: known.stored, next: decision.next, lines, revised, removed, revenue };
}

/** The lines of the history before and after a change, as far as revenue goes; absent where none changes. */
function revenueOf(
  { stored, history, historyComplete }: Known,
  change: Required<Pick<SubscriptionChange, 'lines' | 'revised' | 'removed'>>,
): RevenueLines | undefined {
  const { lines, revised, removed } = change;
  if (lines.length + revised.length + removed.length === 0) return undefined;
  const told = inOrder(history).filter(({ evidence }) => evidence !== 'disproved');
  const before = told.map(lineOf);
  const [known, first] = [before.find(({ mrr }) => mrr !== null)?.mrr, before[0]];
  const beginsHere = historyComplete && first?.mrr !== null;
  const base = first && beginsHere ? 0 : (known ?? stored?.mrr ?? 0);
  /** What changed without a line since the last one: what follows begins there. */
  const sinceLast = (last: RevenueLine | undefined) =>
    last && stored ? [{ ...last, mrr: stored.mrr, plan: stored.plan }] : [];
  const better = new Map(revised.map((revision) => [revision.line, revision]));
  let place = 0;
  const stay = told.flatMap((row) => {
    place = row.number ?? place;
    if (removed.includes(row)) return [];
    const { at, to, mrr, plan } = { ...lineOf(row), ...better.get(row) };
    const isKnown = typeof mrr === 'number';
    return {
      place,
      at,
      to,
      mrr: isKnown ? mrr : row.mrr,
      plan: (isKnown ? plan : row.plan) ?? null,
    };
  });
  const added = lines.map(({ cause: { at }, to, mrr = null, plan = null, number }) => ({
    place: number ?? Infinity,
    at,
    to,
    mrr,
    plan,
  }));
  const lastStay = stay.at(-1);
  const silent = sinceLast(lastStay).map((line) => ({ ...line, place: lastStay?.place ?? 0 }));
  return {
    base,
    before: [...before, ...sinceLast(before.at(-1))],
    after: [...stay, ...silent, ...added].sort((a, b) => a.place - b.place),
  };
}

const lineOf = ({ occurredAt: at, to, mrr, plan }: TransitionRow): RevenueLine => ({
  at,
  to,
  mrr,
  plan,
});

/** Names causes that are no event: one request, or one read, may move a subscription the same way more than once. */
class FreeCauses {
  private readonly taken: Set<string>;

  constructor(history: readonly TransitionRow[]) {
    this.taken = new Set(history.map((line) => `${line.cause.id} ${line.event} ${line.to}`));
  }

  take(id: string, line: { event: string; to: string }): string {
    for (let n = 1; ; n += 1) {
      const name = n === 1 ? id : `${id}#${n}`;
      const key = `${name} ${line.event} ${line.to}`;
      if (this.taken.has(key)) continue;
      this.taken.add(key);
      return name;
    }
  }
}
