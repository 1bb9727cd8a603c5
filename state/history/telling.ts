/** What is told of a history, and from what. */
import type { DecideInput } from '../decide.ts';
import type { EventFacts } from '../event-facts.ts';
import type { SubscriptionFacts, Transition } from '../types.ts';
import type { HistoryLine } from './lines.ts';
import type { Link, Tracker } from './links.ts';

/** A line of the history as it should be. */
export interface Move extends Transition {
  /** Time at Stripe, as far as it is known. */
  at: number;
  /** The event that explains it, else null; then it is a guess. */
  source: EventFacts | null;
  causeId: string | null;
  guess: boolean;
  /** Monthly recurring revenue after it; null where it is not known: then as before. */
  mrr: number | null;
  /** What that is for; null with it, and in no plan. */
  plan: string | null;
  /** A recorded line that stands for itself, its event being no longer stored. */
  line: HistoryLine | null;
}

export interface Telling {
  input: Omit<DecideInput, 'facts' | 'signals' | 'stored'>;
  id: string;
  customerId: string;
  start: Tracker;
  links: readonly Link[];
  /** What Stripe says now; null when it was not asked. */
  read: SubscriptionFacts | null;
  /** All events at hand, for what they say about payments. */
  events: readonly EventFacts[];
  /** The present run of failed payments, where the start is in the middle of one. */
  run: { since: number; attempts: number } | null;
  /** No line is dated before; where only our own clock dates it, not before `latest` either. */
  notBefore: number;
  latest: number;
}
