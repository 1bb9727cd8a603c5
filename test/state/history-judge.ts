/**
 * What the history of a subscription must be, told from the raw events in the order in which Stripe made them. Written
 * from the contract, without anything of the code under test: it reads JSON and knows the true order.
 */
import { SETTINGS, type Raw } from './factories.ts';

/** One line: which event explains it, when, and between which states. */
export interface ExpectedLine {
  causeId: string;
  at: number;
  from: string;
  to: string;
  /** Monthly recurring revenue after it. */
  mrr: number;
}

/** A line as the history has it. */
type ShownLine = { causeId: string | null; at: number; from?: string; to: string; mrr: number };

/** Ranks of the prices in the catalogue of the tests: a lower one to come makes it `downgrading`. */
export type PriceRanks = Record<string, number>;

/** Of failed attempts below `maxAttempts` each has its line; the last is told by what it led to. */
export function expectedLines(
  events: readonly Raw[],
  ranks: PriceRanks,
  maxAttempts: number = SETTINGS.maxAttempts,
): ExpectedLine[] {
  const judge = new Judge(ranks, maxAttempts);
  for (const event of events) judge.take(event);
  return judge.lines;
}

/**
 * The lines as they are shown, where Stripe's own words leave the order open: a payment that failed in the very second in
 * which the revenue changed may have failed before or after that, and is told with either. Those have the true order's.
 */
export function inTrueOrder<Line extends ShownLine>(
  shown: readonly Line[],
  events: readonly Raw[],
  ranks: PriceRanks,
): Line[] {
  const judge = new Judge(ranks, SETTINGS.maxAttempts);
  for (const event of events) judge.take(event);
  const told = new Map(judge.lines.map((line) => [line.causeId, line.mrr]));
  return shown.map((line) => {
    const isAttempt = line.from === 'past_due' && line.to === 'past_due';
    const isOpen = isAttempt && judge.earnedAt(line.at).includes(line.mrr);
    return isOpen ? { ...line, mrr: told.get(line.causeId ?? '') ?? line.mrr } : line;
  });
}

class Judge {
  readonly lines: ExpectedLine[] = [];
  /** Revenue before and after each change of it that no line tells of. */
  private readonly silent: { at: number; before: number; after: number }[] = [];
  private readonly ranks: PriceRanks;
  private readonly maxAttempts: number;
  private readonly phases = new Map<string, Phase | null>();
  private readonly attempts = new Set<string>();
  private object: Raw | null = null;
  /** What it earns, also where that changed without a line. */
  private mrr = 0;
  private state = 'none';

  constructor(ranks: PriceRanks, maxAttempts: number) {
    this.ranks = ranks;
    this.maxAttempts = maxAttempts;
  }

  take(event: Raw): void {
    const type = String(event['type']);
    const object = get(event, 'data', 'object') as Raw;
    const add = (to: string) => {
      const at = Number(event['created']) * 1000;
      const mrr = object['object'] === 'subscription' ? earnedIn(to, object) : this.mrr;
      this.lines.push({ causeId: String(event['id']), at, from: this.state, to, mrr });
      [this.state, this.mrr] = [to, mrr];
    };
    if (type.startsWith('subscription_schedule.')) {
      if (object['status'] !== 'active') return;
      const id = String(object['id']);
      const known = this.phases.get(id) ?? null;
      this.phases.set(id, nextPhase(object));
      // The subscription itself tells that its next phase has begun.
      if (known === null || known.at > Number(event['created'])) {
        this.move(this.object, event, add);
      }
    } else if (type === 'invoice.payment_failed') this.failure(object, add);
    else if (type.startsWith('customer.subscription.')) {
      this.move(object, event, add);
      if (this.state === 'canceled') return;
      const [before, after] = [this.mrr, earnedIn(this.state, object)];
      if (before !== after)
        this.silent.push({ at: Number(event['created']) * 1000, before, after });
      this.mrr = after;
    }
  }

  /** What it earned in a second in which that changed; nothing for another. */
  earnedAt(at: number): number[] {
    return this.silent.flatMap((each) => (each.at === at ? [each.before, each.after] : []));
  }

  private move(object: Raw | null, event: Raw, add: (to: string) => void): void {
    if (object === null || this.state === 'canceled') return;
    const to = this.stateOf(object, Number(event['created']));
    const before = this.object;
    this.object = object;
    const from = this.state;
    const changed = before !== null && planOf(before) !== planOf(object);
    const rolled = before !== null && from === 'active' && startOf(object) >= endOf(before);
    const isOver = to === 'canceled' || to === 'past_due';
    if (rolled && !isOver) add('active');
    if (changed && to !== 'canceled' && (from === 'active' || from === 'trialing')) add(from);
    if (from !== to) add(to);
    // A plan that changes where it cannot be told of is told of with the state that follows, once.
    const couldNot =
      from === 'cancel_pending' || from === 'past_due' || from === 'unpaid' || from === 'paused';
    if (changed && couldNot && from !== to && (to === 'active' || to === 'trialing')) add(to);
  }

  /** The first failure is told by the subscription; the last by its end. */
  private failure(invoice: Raw, add: (to: string) => void): void {
    const attempt = Number(invoice['attempt_count']);
    const name = `${String(invoice['id'])} ${attempt}`;
    if (this.state !== 'past_due' || this.attempts.has(name)) return;
    this.attempts.add(name);
    if (attempt > 1 && attempt < this.maxAttempts) add('past_due');
  }

  private stateOf(object: Raw, now: number): string {
    const status = String(object['status']);
    if (status === 'incomplete_expired') return 'canceled';
    if (status !== 'active' && status !== 'trialing') return status;
    // An end that is agreed for a later period counts from that period on.
    const cancelAt = object['cancel_at'] === null ? 0 : Number(object['cancel_at']);
    const isAgreed = cancelAt > endOf(object) + 86_400;
    const isLeaving = cancelAt > 0 || object['cancel_at_period_end'] === true;
    if (isLeaving && !isAgreed) return 'cancel_pending';
    const schedule = object['schedule'] as string | null;
    const next = schedule === null || status === 'trialing' ? null : this.phases.get(schedule);
    if (!next || next.at <= now) return status;
    const rank = (price: string) => this.ranks[price] ?? 0;
    const price = priceOf(object);
    const isLess =
      next.price === price
        ? next.quantity < Number(itemsOf(object)[0]?.['quantity'] ?? 1)
        : rank(next.price) < rank(price);
    return isLess ? 'downgrading' : status;
  }
}

/** Of monthly prices. */
function earnedIn(state: string, object: Raw): number {
  const status = object['status'];
  const earns = ['active', 'past_due', 'downgrading'].includes(state);
  if (!earns && (state !== 'cancel_pending' || status === 'trialing')) return 0;
  const isPassed = state === 'active' && status !== 'active';
  if (object['pause_collection'] && !isPassed) return 0;
  return itemsOf(object).reduce(
    (sum, item) => sum + Number(get(item, 'price', 'unit_amount')) * Number(item['quantity'] ?? 1),
    0,
  );
}

function get(value: unknown, ...keys: string[]): unknown {
  let here = value;
  for (const key of keys) here = (here as Raw | undefined)?.[key];
  return here;
}

const itemsOf = (object: Raw) => get(object, 'items', 'data') as Raw[];
const priceOf = (object: Raw) => String(get(itemsOf(object)[0], 'price', 'id'));
const planOf = (object: Raw) =>
  JSON.stringify(itemsOf(object).map((item) => [get(item, 'price', 'id'), item['quantity']]));
const startOf = (object: Raw) => Number(itemsOf(object)[0]?.['current_period_start']);
const endOf = (object: Raw) => Number(itemsOf(object)[0]?.['current_period_end']);

interface Phase {
  price: string;
  quantity: number;
  at: number;
}

function nextPhase(schedule: Raw): Phase | null {
  const current = Number(get(schedule, 'current_phase', 'end_date'));
  const phases = schedule['phases'] as Raw[];
  const phase = phases.find((each) => Number(each['start_date']) >= current);
  if (!phase) return null;
  const [item] = phase['items'] as Raw[];
  const quantity = Number(item?.['quantity'] ?? 1);
  return { price: String(item?.['price']), quantity, at: Number(phase['start_date']) };
}
