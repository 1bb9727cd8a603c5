/** What is recorded of one subscription, for tests that have no database. */
import { decideBatch, type BatchDecision } from '../../state/decide-batch.ts';
import type { Effect } from '../../state/effect-kinds.ts';
import type { EventFacts } from '../../state/event-facts.ts';
import type { HistoryLine } from '../../state/history/lines.ts';
import { needsPast } from '../../state/history/reconstruct.ts';
import { readSubscription } from '../../state/subscription-facts.ts';
import type { StoredSubscription } from '../../state/types.ts';
import { CATALOGUE, SETTINGS } from './factories.ts';

/** For the judge. */
export const RANKS = { price_starter_month: 1, price_pro_month: 2 };

/** What is recorded of one subscription, and written by what was decided. */
export class RecordedHistory {
  stored: StoredSubscription | null = null;
  lines: (HistoryLine & { number: number; id: number; knownAt: number })[] = [];
  /** Lines that were struck out, with when. */
  readonly struck: (RecordedHistory['lines'][number] & { struckAt: number })[] = [];
  readonly effects = new Map<string, Effect>();
  readonly processed: EventFacts[] = [];
  /** In the order in which they were told. */
  readonly told: { number: number; to: string }[] = [];
  private readonly taken: number[] = [];
  private ids = 0;

  deliver(events: EventFacts[], read: object, now: number): BatchDecision {
    const input = {
      stored: this.stored,
      events,
      read: readSubscription(read),
      history: this.lines,
      takenNumbers: this.taken,
      catalogue: CATALOGUE,
      settings: SETTINGS,
      userId: 'user_1',
      now,
    };
    const past = needsPast(input) ? this.processed : undefined;
    const decision = decideBatch({ ...input, past });
    this.stored = decision.next;
    this.taken.push(...decision.removed.map((line) => line.number ?? 0));
    for (const line of this.lines.filter((each) => decision.removed.includes(each))) {
      this.struck.push({ ...line, struckAt: now });
    }
    this.lines = this.lines.filter((line) => !decision.removed.includes(line));
    for (const { line, ...known } of decision.revised) {
      const own = this.lines.find((each) => each === line)!;
      Object.assign(own, known, { causeId: known.causeId ?? 'read' });
    }
    for (const line of decision.transitions) {
      this.ids += 1;
      const causeId = line.causeId ?? `read ${this.ids}`;
      this.lines.push({ ...line, causeId, id: this.ids, knownAt: now });
      this.told.push({ number: line.number, to: line.to });
    }
    this.lines.sort((a, b) => a.number - b.number);
    for (const effect of decision.effects) {
      this.effects.set(`${effect.kind} ${effect.objectId}`, effect);
    }
    this.processed.push(...events);
    return decision;
  }

  /** The lines as the judge writes them. */
  shown() {
    let earned = 0;
    return this.lines.map(({ causeId, at, from, to, mrr }) => {
      earned = mrr ?? earned;
      return { causeId, at, from, to, mrr: earned };
    });
  }
}
