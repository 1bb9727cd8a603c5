/** From what is stored and what Stripe says now: the next row, and the lines of history between them. */
import { planOfFacts, type Catalogue } from './catalogue.ts';
import { explain, type Evidence } from './explain.ts';
import { lifecycleOf, statusOf } from './lifecycle.ts';
import { nextState, type LifecycleEvent } from './machine.ts';
import { changeOf, mrrOf } from './plan-change.ts';
import { planInvoiceOf, withPlanPeriod } from './plan-period.ts';
import { failuresIn, type FailedSignal, type Signal } from './signals.ts';
import type { LifecycleState, StoredSubscription, SubscriptionFacts, Transition } from './types.ts';

export interface LifecycleSettings {
  /** Failed attempts after which the final action follows. */
  maxAttempts: number;
  finalAction: 'cancel' | 'unpaid' | 'none';
}

export interface DecideInput {
  stored: StoredSubscription | null;
  facts: SubscriptionFacts;
  /** What other events of the batch say about it. */
  signals: readonly Signal[];
  catalogue: Catalogue;
  settings: LifecycleSettings;
  /** Whether the customer had a trial before this subscription. */
  everTrialed?: boolean;
  /** State of the customer's former subscription; `canceled` makes a new one a return. */
  formerState?: LifecycleState | null;
  /** Owner of a subscription that is not stored yet. */
  userId?: string | null;
  /** Business time, for what Stripe gives no time for. */
  now: number;
}

/** A line of history, with the signal that explains it when one does. */
export interface DecidedTransition extends Transition {
  signal: Signal | null;
}

/** States in which a payment is open after it failed. */
const FAILING: ReadonlySet<LifecycleState> = new Set(['past_due', 'unpaid']);

/** The lines of a step. Deciding again with the same facts gives none. */
export function decideLines(given: DecideInput): DecidedTransition[] {
  const { input, from, to, failures } = stepOf(given);
  return linesBetween(input, { from, to, evidence: evidenceOf(input, failures), failures });
}

/** The row after a step. `unknownStatus` is one that this program does not know; the state was kept. */
export function decideRow(given: DecideInput): {
  next: StoredSubscription;
  unknownStatus: string | null;
} {
  const { input, from, to, failures, unknownStatus } = stepOf(given);
  return { next: nextRow(input, { state: to, changed: from !== to, failures }), unknownStatus };
}

function stepOf(given: DecideInput) {
  const input = byPlan(given);
  const { stored, facts, catalogue } = input;
  const previous = stored?.state ?? 'none';
  const { state: to, unknownStatus = null } = lifecycleOf(facts, { catalogue, previous });
  const from = stored?.state ?? beginning(input.formerState, to);
  const failures = failuresIn(input.signals).filter((failure) => isOfThisRun(failure, input));
  return { input, from, to, failures, unknownStatus };
}

/** The period is that of the plan's item, on both sides. What was known of its invoice is kept. */
function byPlan(input: DecideInput): DecideInput {
  const { catalogue, signals, settings, everTrialed, formerState, userId, now } = input;
  const stored = input.stored && storedByPlan(catalogue, input.stored);
  const read = withPlanPeriod(catalogue, input.facts);
  const planInvoice = planInvoiceOf(catalogue, read, read.planInvoice ?? stored?.facts.planInvoice);
  const paid = signals.some(
    (signal) => signal.type === 'paid' && signal.invoiceId === planInvoice?.id,
  );
  const facts: SubscriptionFacts = {
    ...read,
    latestInvoiceLines: undefined,
    latestInvoiceTimes: undefined,
    planInvoice: planInvoice && paid ? { ...planInvoice, status: 'paid' } : planInvoice,
  };
  return { stored, facts, signals, catalogue, settings, everTrialed, formerState, userId, now };
}

function storedByPlan(catalogue: Catalogue, stored: StoredSubscription): StoredSubscription {
  const facts = withPlanPeriod(catalogue, stored.facts);
  return facts === stored.facts ? stored : { ...stored, facts };
}

function beginning(former: LifecycleState | null | undefined, state: LifecycleState) {
  return former === 'canceled' && state !== 'canceled' ? 'canceled' : 'none';
}

interface Change {
  from: LifecycleState;
  to: LifecycleState;
  evidence: Evidence;
  failures: readonly FailedSignal[];
}

function linesBetween(input: DecideInput, change: Change): DecidedTransition[] {
  const { from, to } = change;
  const lines: DecidedTransition[] = [];
  const add = (line: Omit<Transition, 'late'>, signal: Signal | null): void => {
    lines.push({ late: false, signal, ...line });
  };
  const within = selfEvents(input, change);
  // What happened within a state comes before it is left; where that state has no such event, after.
  const early = within.filter((event) => from === nextState(from, event));
  for (const event of early) add(selfLine(from, event, input), paidSignal(input));
  if (from !== to) {
    for (const step of explain(from, to, change.evidence)) {
      const signal = signalFor(step.event, input, change.failures);
      const detail = detailOf(step.event, input, signal);
      add({ detail, ...step, event: step.event.type }, signal);
    }
    const told = lines.some((line) => line.event === 'upgraded' || line.event === 'period_ended');
    const after = within.filter((event) => !early.includes(event) && event.type === 'upgraded');
    for (const event of told ? [] : after) {
      if (nextState(to, event) === to) add(selfLine(to, event, input), null);
    }
  }
  for (const failure of furtherFailures(input, change, lines)) {
    const event: LifecycleEvent = {
      type: 'payment_failed',
      attempt: failure.attempt,
      maxAttempts: change.evidence.maxAttempts,
    };
    if (nextState(to, event) === to) {
      const detail = detailOf(event, input, failure);
      add({ from: to, to, event: event.type, unexpected: false, detail }, failure);
    }
  }
  return lines;
}

function selfLine(
  state: LifecycleState,
  event: LifecycleEvent,
  input: DecideInput,
): Omit<Transition, 'late'> {
  const detail = detailOf(event, input, paidSignal(input));
  return { from: state, to: state, event: event.type, unexpected: false, detail };
}

/** Things worth a line that do not change the state: a new period, another plan. */
function selfEvents(input: DecideInput, change: Change): LifecycleEvent[] {
  const { stored, facts } = input;
  if (!stored || change.to === 'canceled') return [];
  const events: LifecycleEvent[] = [];
  const endOfPaid = stored.facts.currentPeriodEnd;
  const start = facts.currentPeriodStart;
  const rolledOver = endOfPaid !== null && start !== null && start >= endOfPaid;
  if (rolledOver && change.from === 'active' && change.to !== 'past_due') {
    events.push({ type: 'renewed' });
  }
  if (change.evidence.change !== null && change.from !== 'downgrading') {
    events.push({ type: 'upgraded' });
  }
  return events;
}

/** Failed attempts that need a line of their own: beyond what is known and what was just recorded. */
function furtherFailures(
  input: DecideInput,
  change: Change,
  lines: readonly DecidedTransition[],
): FailedSignal[] {
  if (change.to !== 'past_due') return [];
  const entered = change.from !== 'past_due';
  const known = entered ? change.evidence.attempt : (input.stored?.failedAttempts ?? 0);
  return change.failures.filter(
    (failure) => failure.attempt > known && !lines.some((line) => line.signal === failure),
  );
}

function evidenceOf(input: DecideInput, failures: readonly FailedSignal[]): Evidence {
  const { stored, facts, settings } = input;
  return {
    before: stored?.facts ?? null,
    after: facts,
    attempt: failures[0]?.attempt ?? 1,
    failedAttempts: Math.max(stored?.failedAttempts ?? 0, failures.at(-1)?.attempt ?? 0),
    maxAttempts: settings.finalAction === 'none' ? null : settings.maxAttempts,
    everTrialed: input.everTrialed === true,
    change: stored ? changeOf(input.catalogue, stored.facts, facts) : null,
  };
}

/**
 * Whether a failure belongs to the present run of failures. Told late, one of an invoice that was paid since
 * must not count; invoices are compared, not times, unless the run is known to have begun before it.
 */
function isOfThisRun(failure: FailedSignal, input: DecideInput): boolean {
  const { stored, facts } = input;
  if (facts.latestInvoiceId === null || failure.invoiceId === facts.latestInvoiceId) return true;
  const since = stored && FAILING.has(stored.state) ? stored.pastDueSince : null;
  return since !== null && failure.at >= since;
}

function nextRow(
  input: DecideInput,
  result: { state: LifecycleState; changed: boolean; failures: readonly FailedSignal[] },
): StoredSubscription {
  const { stored, facts, now } = input;
  const { state } = result;
  return {
    id: facts.id,
    customerId: facts.customerId,
    userId: stored?.userId ?? input.userId ?? null,
    state,
    status: statusOf(state),
    facts,
    plan: planOfFacts(input.catalogue, facts)?.plan.id ?? null,
    failedAttempts: attemptsOf(input, result),
    pastDueSince: pastDueSinceOf(input, result),
    since: stored && !result.changed ? stored.since : enteredAt(state, facts, now),
    mrr: mrrOf(input.catalogue, facts),
  };
}

function attemptsOf(
  input: DecideInput,
  result: { state: LifecycleState; failures: readonly FailedSignal[] },
): number {
  const { stored, facts } = input;
  const { state } = result;
  if (!FAILING.has(state) && state !== 'incomplete') return 0;
  const wasFailing = stored !== null && (FAILING.has(stored.state) || stored.state === state);
  const invoice = facts.latestInvoice;
  const read = invoice && invoice.status !== 'paid' ? invoice.attemptCount : 0;
  // A payment failed, or the state would be another; only an expanded invoice can say "none".
  const failed = FAILING.has(state) && facts.collectionMethod !== 'send_invoice';
  const least = failed && !invoice ? 1 : 0;
  const told = result.failures.at(-1)?.attempt ?? 0;
  return Math.max(least, read, told, wasFailing ? stored.failedAttempts : 0);
}

function pastDueSinceOf(
  input: DecideInput,
  result: { state: LifecycleState; failures: readonly FailedSignal[] },
): number | null {
  const { stored, now } = input;
  if (!FAILING.has(result.state)) return null;
  const known = stored && FAILING.has(stored.state) ? stored.pastDueSince : null;
  const times = result.failures.map((failure) => failure.at);
  if (known !== null) return Math.min(known, ...times);
  return times.length > 0 ? Math.min(...times) : now;
}

/** When a state was entered: Stripe's own time where it gives one. */
function enteredAt(state: LifecycleState, facts: SubscriptionFacts, now: number): number {
  if (state === 'canceled') return facts.endedAt ?? facts.canceledAt ?? now;
  if (state === 'trialing') return facts.trialStart ?? now;
  return state === 'cancel_pending' ? (facts.canceledAt ?? now) : now;
}

function signalFor(
  event: LifecycleEvent,
  input: DecideInput,
  failures: readonly FailedSignal[],
): Signal | null {
  switch (event.type) {
    case 'payment_failed':
    case 'trial_ended_unpaid':
      return failures[0] ?? null;
    case 'retries_exhausted':
      return failures.at(-1) ?? null;
    case 'paid':
    case 'payment_succeeded':
    case 'reactivated':
    case 'renewed':
      return paidSignal(input);
    case 'trial_started':
      return input.signals.find((signal) => signal.type === 'checkout_completed') ?? null;
    default:
      return null;
  }
}

/** The payment of the latest invoice; payments of older invoices explain nothing new. */
function paidSignal({ signals, facts }: DecideInput): Signal | null {
  const paid = signals.filter((signal) => signal.type === 'paid');
  if (facts.latestInvoiceId === null) return paid[0] ?? null;
  return paid.find((signal) => signal.invoiceId === facts.latestInvoiceId) ?? null;
}

function detailOf(
  event: LifecycleEvent,
  input: DecideInput,
  signal: Signal | null,
): Transition['detail'] {
  const { facts, stored, catalogue } = input;
  const detail: Transition['detail'] = { status: facts.stripeStatus };
  const reason = event.type === 'paused' ? facts.pauseReason : facts.cancellationReason;
  if (reason) detail['reason'] = reason;
  if (event.type === 'payment_failed') detail['attempt'] = event.attempt ?? 1;
  if (event.type === 'trial_ended_unpaid' && attemptOf(signal) > 1) {
    detail['attempt'] = attemptOf(signal);
  }
  if (event.type === 'retries_exhausted') {
    detail['attempts'] = Math.max(stored?.failedAttempts ?? 0, attemptOf(signal));
  }
  if (event.type === 'upgraded' || event.type === 'period_ended') {
    const plan = planOfFacts(catalogue, facts)?.plan.id ?? null;
    if (plan !== null) detail['plan'] = plan;
    const change = stored ? changeOf(catalogue, stored.facts, facts) : null;
    if (change !== null) detail['change'] = change;
  }
  // Without a word about the payment: the invoice that was open before is the one that was settled.
  const open = event.type === 'payment_succeeded' ? stored?.facts.latestInvoiceId : null;
  if (open) detail['invoice'] = open;
  if (signal && signal.type !== 'checkout_completed') {
    detail['invoice'] = signal.invoiceId;
    detail['amount'] = signal.amount;
    detail['currency'] = signal.currency;
    if (signal.type === 'payment_failed' && signal.declineCode !== null) {
      detail['declineCode'] = signal.declineCode;
    }
  }
  return detail;
}

function attemptOf(signal: Signal | null): number {
  return signal?.type === 'payment_failed' ? signal.attempt : 0;
}
