/**
 * A subscription as it was at a moment, and as it was believed to be then. What was is told by the times at Stripe of all that
 * is known today; what was believed, by when it became known. Nothing is guessed: what is not stored any more is null.
 */
import { accessOf, type Grace } from '../access.ts';
import { allowedActions } from '../actions.ts';
import { planOfFacts, type Catalogue } from '../catalogue.ts';
import type { EventFacts } from '../event-facts.ts';
import type { InvoiceFacts } from '../event-objects.ts';
import { statusOf } from '../lifecycle.ts';
import { mrrOf } from '../plan-change.ts';
import { planInvoiceOf, withPlanPeriod } from '../plan-period.ts';
import type { Json } from '../raw.ts';
import { restrictionOf, type MoneyReturn, type ReturnPolicy } from '../returns.ts';
import { withLatestInvoice } from '../subscription-facts.ts';
import type {
  Access,
  Action,
  LifecycleState,
  StoredSubscription,
  SubscriptionFacts,
} from '../types.ts';
import { orderLinks } from './chain.ts';
import type { HistoryLine } from './lines.ts';
import { linksOf, Tracker, type Link } from './links.ts';

/** A line of the history, and when it became known. */
export interface KnownLine extends HistoryLine {
  knownAt: number;
  /** When events showed that it never was; null for one that stands. */
  struckAt: number | null;
}

/** A stored event, the object that it carries, and when it became known; null while it waits. */
export interface KnownEvent {
  facts: EventFacts;
  object: Json;
  knownAt: number | null;
}

/** All that is kept of one subscription. */
export interface KeptPast {
  lines: readonly KnownLine[];
  events: readonly KnownEvent[];
  /** Events at or before it may be missing; null when all are there. */
  eventsSince: number | null;
  returns: readonly MoneyReturn[];
  /** As it is stored now. */
  present: StoredSubscription;
}

export interface AsOfRules {
  catalogue: Catalogue;
  grace: Grace;
  returns: ReturnPolicy;
}

export interface SubscriptionThen {
  state: LifecycleState;
  /** When that state was entered; null for none. */
  since: number | null;
  /** How many lines of the history had been written. */
  steps: number;
  /** Null where no event of that time is stored; so are all that follow from it. */
  facts: SubscriptionFacts | null;
  plan: string | null;
  mrr: number | null;
  access: Access | null;
  actions: Action[] | null;
  failedAttempts: number;
  /** Drafts and open invoices, oldest first, as far as events told of them. */
  invoices: InvoiceFacts[];
  /** True when money had come back in a dispute that was won since: when it was won is not kept. */
  disputeUnclear: boolean;
}

/** What of the past counts: everything that happened by then, or what was known by then. */
export interface Cut {
  lines: readonly KnownLine[];
  events: readonly KnownEvent[];
  /** Of the events, those that had happened by then. */
  until: number;
}

/** Stripe counts whole seconds: what happened within the second of the moment has happened. */
const SECOND = 999;

/** What had happened by a moment. */
export function happenedBy({ lines, events }: KeptPast, at: number): Cut {
  const until = at + SECOND;
  const told = lines.filter((line) => line.struckAt === null && line.at <= until);
  return { lines: told, events, until };
}

/**
 * What was known by a moment. On a test clock the customers' time is not the server's: there it is what had become known
 * before the first that happened later.
 */
export function knownBy(past: KeptPast, at: number, clock: 'real' | 'test'): Cut {
  const until = clock === 'real' ? Infinity : at + SECOND;
  const known = clock === 'real' ? at + SECOND : firstKnownAfter(past, at);
  return {
    lines: past.lines.filter(
      ({ knownAt, struckAt, at: time }) =>
        knownAt <= known && time <= until && (struckAt === null || struckAt > known),
    ),
    events: past.events.filter(({ knownAt }) => knownAt !== null && knownAt <= known),
    until,
  };
}

function firstKnownAfter({ lines, events }: KeptPast, at: number): number {
  const later = [
    ...lines.filter((line) => line.at > at + SECOND).map(({ knownAt }) => knownAt),
    ...events.flatMap(({ facts, knownAt }) =>
      facts.createdAt > at + SECOND && knownAt !== null ? [knownAt] : [],
    ),
  ];
  return Math.min(Infinity, ...later);
}

/** What happened by a moment and became known after it, in the order of the history. */
export function knownLate(past: KeptPast, at: number, clock: 'real' | 'test'): KnownLine[] {
  const known = new Set(knownBy(past, at, clock).lines);
  return happenedBy(past, at).lines.filter((line) => !known.has(line));
}

/** The subscription at a moment, by what counts. */
export function subscriptionAsOf(
  past: KeptPast,
  cut: Cut,
  { at, rules }: { at: number; rules: AsOfRules },
): SubscriptionThen {
  const { lines } = cut;
  const last = lines.at(-1);
  const first = past.lines[0];
  const state = last?.to ?? first?.from ?? 'none';
  const invoices = invoicesThen(cut);
  const open = invoices.filter(({ facts: { status } }) => status === 'draft' || status === 'open');
  const told = factsThen(past, cut, { at, rules });
  const facts = told && withPlanInvoice(rules.catalogue, told, invoices);
  const shared = {
    state,
    since: enteredAt(lines),
    steps: lines.length,
    failedAttempts: attemptsThen(lines, state),
    invoices: open.map(({ facts }) => facts),
    disputeUnclear: past.returns.some(
      ({ kind, status, createdAt }) => kind === 'dispute' && status === 'won' && createdAt <= at,
    ),
  };
  if (facts === null) {
    return { ...shared, facts, plan: null, mrr: last?.mrr ?? null, access: null, actions: null };
  }
  const row = rowThen(past, { ...shared, facts, lines }, { at, rules });
  const access = accessOf(row, { now: at, grace: rules.grace });
  const actions = allowedActions(row, { accessNow: access });
  return { ...shared, facts, plan: row.plan, mrr: row.mrr, access, actions };
}

/** The facts that the newest event of the time tells, its schedule's among them. */
function factsThen(
  past: KeptPast,
  cut: Cut,
  { at, rules }: { at: number; rules: AsOfRules },
): SubscriptionFacts | null {
  const { lines, events, until } = cut;
  const isAll = events.length === past.events.length && lines.at(-1) === lastStanding(past);
  if (isAll && latestOf(past) <= at + SECOND) return past.present.facts;
  if (past.eventsSince !== null && at <= past.eventsSince) return null;
  const state = past.lines[0]?.from ?? 'none';
  const start = new Tracker(rules.catalogue, { state, facts: null, print: null });
  const all = events.map(({ facts }) => facts);
  let tracker = start;
  let time = -Infinity;
  const links = [...linksOf(all, lines), ...withoutEvent(cut)];
  for (const link of orderLinks(links, { start, end: null })) {
    // Where the chain contradicts the times, a link happened when the one before it had.
    time = Math.max(time, link.at);
    if (time <= until) tracker = tracker.follow(link);
  }
  const { facts } = tracker.point;
  return facts && withPlanPeriod(rules.catalogue, facts);
}

/** Lines of which no event is stored: what the subscription was after them is not known. */
function withoutEvent({ lines, events }: Cut): Link[] {
  const ids = new Set(events.map(({ facts }) => facts.id));
  return lines
    .filter(({ causeId }) => !ids.has(causeId ?? ''))
    .map((line): Link => {
      const { at, number = null } = line;
      return { kind: 'line', id: `line ${number} ${line.causeId}`, at, told: number, line };
    });
}

const lastStanding = ({ lines }: KeptPast) => lines.findLast(({ struckAt }) => struckAt === null);

function latestOf({ lines, events }: KeptPast): number {
  const times = [...lines.map((line) => line.at), ...events.map(({ facts }) => facts.createdAt)];
  return Math.max(-Infinity, ...times);
}

/** Each invoice as the newest event of the time tells it, oldest first. */
function invoicesThen({ events, until }: Cut): { facts: InvoiceFacts; object: Json }[] {
  const newest = new Map<string, KnownEvent>();
  for (const event of events) {
    const id = event.facts.invoice?.id;
    if (id === undefined || event.facts.createdAt > until) continue;
    const known = newest.get(id);
    if (!known || isNewer(event, known)) newest.set(id, event);
  }
  return [...newest.values()]
    .map(({ facts, object }) => ({ facts: facts.invoice!, object }))
    .sort((a, b) => (a.facts.createdAt ?? 0) - (b.facts.createdAt ?? 0));
}

/** How far an invoice has come: of one second the one that is further is newer. */
const PROGRESS = ['draft', 'open', 'uncollectible', 'void', 'paid'];

function isNewer(event: KnownEvent, known: KnownEvent): boolean {
  const keys = ({ facts }: KnownEvent) => [
    facts.createdAt,
    PROGRESS.indexOf(facts.invoice?.status ?? ''),
    facts.invoice?.attemptCount ?? 0,
  ];
  const [left, right] = [keys(event), keys(known)];
  const i = left.findIndex((value, index) => value !== right[index]);
  return i !== -1 && left[i]! > right[i]!;
}

/** The facts with what was known of the invoice that bills the plan's period. */
function withPlanInvoice(
  catalogue: Catalogue,
  facts: SubscriptionFacts,
  invoices: readonly { object: Json; facts: InvoiceFacts }[],
): SubscriptionFacts {
  if (invoices.length === 0) return facts;
  let planInvoice = facts.planInvoice ?? null;
  for (const { object } of invoices) {
    planInvoice = planInvoiceOf(catalogue, withLatestInvoice(facts, object), planInvoice);
  }
  return { ...facts, planInvoice };
}

function enteredAt(lines: readonly KnownLine[]): number | null {
  const state = lines.at(-1)?.to;
  const before = lines.findLastIndex((line) => line.to !== state);
  return lines[before + 1]?.at ?? null;
}

const FAILING: ReadonlySet<LifecycleState> = new Set(['past_due', 'unpaid']);

function attemptsThen(lines: readonly KnownLine[], state: LifecycleState): number {
  if (!FAILING.has(state)) return 0;
  const run = lines.slice(lines.findLastIndex(({ to }) => !FAILING.has(to)) + 1);
  const attempts = run.map(({ detail }) =>
    Number(detail?.['attempts'] ?? detail?.['attempt'] ?? 1),
  );
  return Math.max(0, ...attempts);
}

/** When the run of failed payments began that goes on at the end of the lines. */
function failingSince(lines: readonly KnownLine[]): number | null {
  if (!FAILING.has(lines.at(-1)?.to ?? 'none')) return null;
  return lines[lines.findLastIndex(({ to }) => !FAILING.has(to)) + 1]?.at ?? null;
}

/** The row that was stored, or would have been. */
function rowThen(
  past: KeptPast,
  known: Pick<SubscriptionThen, 'state' | 'since' | 'failedAttempts'> & {
    facts: SubscriptionFacts;
    lines: readonly KnownLine[];
  },
  { at, rules }: { at: number; rules: AsOfRules },
): StoredSubscription {
  const { facts, state, since, failedAttempts, lines } = known;
  const { planInvoice } = facts;
  const present = {
    end: facts.currentPeriodEnd,
    invoiceId: planInvoice?.id ?? null,
    tookMoney: planInvoice?.status === 'paid',
  };
  const returns = past.returns.filter(({ createdAt }) => createdAt <= at);
  return {
    id: past.present.id,
    customerId: past.present.customerId,
    userId: past.present.userId,
    state,
    status: statusOf(state),
    facts,
    plan: planOfFacts(rules.catalogue, facts)?.plan.id ?? null,
    failedAttempts,
    pastDueSince: failingSince(lines),
    since: since ?? facts.createdAt,
    mrr: mrrOf(rules.catalogue, facts),
    restriction: restrictionOf(returns, rules.returns, { now: at, present }),
  };
}
