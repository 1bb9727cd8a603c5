/**
 * The rules of money, written a second time from what is promised and not from the code: who may have access, what may
 * become credit, what may be charged. It knows Stripe's objects and what was asked, and nothing of ours.
 */
import type Stripe from 'stripe';
import {
  adverse,
  billOf,
  chargesOf,
  ENDED,
  isProration,
  idOf,
  kept,
  keptOf,
  liveOf,
  netOf,
  planItemOf,
  priceOf,
  subscriptionOf,
  type Books,
  type Catalogue,
} from './observe.ts';

const DAY = 86_400;
/** Longest grace, by time. */
const GRACE = 14 * DAY;
/** How many days a bank takes with a debit. */
export const DEBIT_DAYS = 5;
/** The latest time after its draft at which the failure of a debit is known: an hour, the days, and a slow test account. */
const DEBIT = DEBIT_DAYS * DAY + 3_600 + 180;
/** What a period outlives its end while no news came. */
const NEWS = 3 * DAY;

/** What the API says of an account. */
export interface Said {
  state: string;
  access: { level: string; reason: string };
  actions: string[];
  pendingChange: { plan: string | null; at: string } | null;
  cancelAt: string | null;
}

/** What the model remembers of an account. */
export interface Memory {
  /** Calls that were taken in. */
  calls: number;
  /** Of these, made in a trial: they are free. */
  trialCalls: number;
  /** Invoices that an operator made void, or wrote off. */
  forgiven: Set<string>;
  /** Time was given away in the Dashboard: a later trial end, another price without proration. */
  gift: boolean;
  /** An operator changed what was bought, discounted or credited: quotes and credit are theirs. */
  credited: boolean;
  /** What was scheduled when a cancel was asked for. */
  beforeCancel: string | null;
  /** What an operator billed beside the plan, in minor units. */
  billed: number[];
  /** Collection was paused, by a pause with an end or in the Dashboard. */
  collection: boolean;
  /** The card that each subscription was first seen with, by its fingerprint. */
  cards: Map<string, string>;
  /** A phase that the Dashboard promised, by the id of its schedule. */
  promised: string | null;
  /** Plans that operators granted and did not revoke; `until` in seconds, null for ever. */
  grants: { id: string; until: number | null }[];
}

export const newMemory = (): Memory => ({
  calls: 0,
  trialCalls: 0,
  forgiven: new Set(),
  gift: false,
  credited: false,
  beforeCancel: null,
  billed: [],
  collection: false,
  cards: new Map(),
  promised: null,
  grants: [],
});

export interface Moment {
  books: Books;
  said: Said | null;
  /** Whether the product may be used, by whatever gives it. */
  allowed: boolean;
  /** Seconds. */
  now: number;
  catalogue: Catalogue;
  memory: Memory;
}

/** Rules 1 and 5: access needs a paid period, and a paid period is not taken away. */
export function checkAccess({ books, said, now, catalogue, memory }: Moment): string[] {
  const has = said !== null && said.access.level !== 'none';
  const live = liveOf(books);
  const right = live ? rightOf(books, live, { now, catalogue, memory }) : 'none: nothing is live';
  const words = said ? `${said.state}, ${said.access.level} (${said.access.reason})` : 'nothing';
  if (has && right.startsWith('none')) return [`rule 1: ${words}, but ${right}`];
  if (!has && right.startsWith('full')) return [`rule 5: ${words}, but ${right}`];
  return [];
}

/** `none`, `full` or `either`, and why. */
function rightOf(
  books: Books,
  live: Stripe.Subscription,
  { now, catalogue, memory }: Pick<Moment, 'now' | 'catalogue' | 'memory'>,
): string {
  const item = planItemOf(live, catalogue);
  if (!item) return 'none: no plan';
  const { status, pause_collection: pause, cancel_at: end } = live;
  if (!['trialing', 'active', 'past_due'].includes(status)) return `none: Stripe says ${status}`;
  if (pause) return 'none: collection is paused';
  if (end !== null && end <= now) return 'none: its end has come';
  const disputes = adverse(books).filter(({ charge }) => isOf(books, live, idOf(charge)));
  if (disputes.length > 0) return 'none: the bank asks for the money back';
  if (status === 'trialing') return 'full: a trial';
  if (item.end + NEWS < now) return 'none: the period is over';
  const bill = billOf(books, live, catalogue);
  if (!bill) return memory.gift ? 'either: given away' : 'either: no bill for the period';
  switch (bill.status) {
    case 'paid': {
      const taken = chargesOf(bill, books);
      const back = taken.reduce((sum, { amount_refunded }) => sum + amount_refunded, 0);
      if (back > 0 && back >= bill.total) return `none: ${bill.id} was refunded`;
      // What was paid with the credit of a payment that went back, or is disputed, has no money behind it.
      if (adverse(books).length > 0 && bill.amount_paid * 2 < bill.total)
        return 'either: by credit';
      if (taken.length === 0 && isPaidWithReturned(books, live, now)) return 'either: by credit';
      return item.end > now ? `full: ${bill.id} is paid` : 'either: news may come';
    }
    case 'void':
    case 'uncollectible':
      return `none: ${bill.id} is ${bill.status}`;
    default: {
      // The first failure is an hour after the draft at the earliest, or the day on which it was due.
      const debit = books.charges.some(
        ({ payment_method_details: details }) => details?.type === 'sepa_debit',
      );
      const first = bill.due_date ?? bill.created + (debit ? DEBIT : 3_600);
      const last = first + GRACE;
      return last < now ? `none: ${bill.id} is ${bill.status} since long` : 'either: grace';
    }
  }
}

/** Whether a payment for a time that goes on was refunded. */
function isPaidWithReturned(books: Books, live: Stripe.Subscription, now: number): boolean {
  return books.invoices.some(
    (invoice) =>
      subscriptionOf(invoice) === live.id &&
      invoice.lines.data.some(({ period }) => period.end > now) &&
      chargesOf(invoice, books).some(({ refunded }) => refunded),
  );
}

/** Whether a charge paid an invoice of a subscription. */
function isOf(books: Books, subscription: Stripe.Subscription, charge: string): boolean {
  return books.invoices.some(
    (invoice) =>
      subscriptionOf(invoice) === subscription.id &&
      chargesOf(invoice, books).some(({ id }) => id === charge),
  );
}

/** Rules 2 and 5: what the bank took back for good is served no more, and what was won goes on as before. */
export function checkDisputes({ books, memory }: Moment): string[] {
  const live = liveOf(books);
  if (!live) return [];
  const own = books.disputes.filter(({ charge }) => isOf(books, live, idOf(charge)));
  const problems = own
    .filter(({ status }) => status === 'lost')
    .map(({ id }) => `rule 2: the dispute ${id} is lost, and ${live.id} lives on`);
  const isOver = own.length > 0 && own.every(({ status }) => status === 'won');
  if (isOver && live.pause_collection && !memory.collection) {
    problems.push('rule 5: the dispute is won, and nothing is collected any more');
  }
  return problems;
}

/** Rule 2: credit is no more than what was paid for the rest of the period and kept. */
export function checkCredit(before: Moment, after: Moment): string[] {
  if (before.memory.credited) return [];
  const known = new Set(before.books.invoices.map(({ id }) => id));
  const made = after.books.invoices.filter(({ id, status }) => !known.has(id) && status !== 'void');
  const lines = made.flatMap((invoice) => invoice.lines.data);
  const credit = -lines
    .filter((line) => isProration(line) && line.amount < 0)
    .reduce((sum, line) => sum + netOf(line), 0);
  const problems: string[] = [];
  const live = liveOf(before.books);
  // A pause collects the draft of the period first.
  const { charges } = after.books;
  const invoices = after.books.invoices.filter(({ id }) => known.has(id));
  const worth = live
    ? worthOf({ ...before, books: { ...before.books, invoices, charges } }, live)
    : 0;
  if (credit > worth + 3) problems.push(`rule 2: credit of ${credit}, where ${worth} was paid`);
  if (after.books.credit > kept(after.books) + 3) {
    problems.push(`rule 2: a balance of ${after.books.credit}, with ${kept(after.books)} kept`);
  }
  return problems;
}

/** What was paid for the time that is left of the present period. */
function worthOf({ books, now, catalogue }: Moment, live: Stripe.Subscription): number {
  const isPlan = (line: Stripe.InvoiceLineItem) => catalogue.plans.has(priceOf(line));
  const pays = (line: Stripe.InvoiceLineItem) =>
    (isPlan(line) || priceOf(line) === catalogue.addonPrice) && line.period.end > now;
  let worth = 0;
  for (const invoice of books.invoices) {
    if (subscriptionOf(invoice) !== live.id) continue;
    const lines = invoice.lines.data.filter(pays);
    if (lines.length === 0) continue;
    if (invoice.status !== 'paid') {
      const whole = lines.some((line) => isPlan(line) && !isProration(line));
      if (whole && invoice.status !== 'void') return 0;
      continue;
    }
    const back = chargesOf(invoice, books).some(
      (charge) => keptOf(charge, books) < charge.amount_captured,
    );
    if (back && lines.some(isPlan)) return 0;
    for (const line of lines) {
      const whole = line.period.end - line.period.start;
      if (whole > 0) worth += (netOf(line) * Math.max(line.period.end - now, 0)) / whole;
    }
  }
  return Math.round(worth);
}

/** Rule 4: what ended takes no money any more, but for its last usage; and there is one subscription at a time. */
export function checkEnds(before: Moment, after: Moment): string[] {
  const problems: string[] = [];
  const known = new Set(before.books.charges.filter(({ paid }) => paid).map(({ id }) => id));
  for (const invoice of after.books.invoices) {
    const ended = after.books.subscriptions.find(({ id }) => id === subscriptionOf(invoice));
    if (!ended || ended.ended_at === null || ended.ended_at === undefined) continue;
    if (invoice.created >= ended.ended_at) continue;
    const late = chargesOf(invoice, after.books).filter(
      ({ id, created, refunded, payment_method_details: details }) =>
        !known.has(id) && created > Number(ended.ended_at) && !refunded && details?.type === 'card',
    );
    // A comeback pays what was owed before it.
    const isBack = after.books.subscriptions.some(
      ({ created }) => created > Number(ended.ended_at),
    );
    if (late.length > 0 && !isBack)
      problems.push(`rule 4: ${invoice.id} was charged after the end`);
  }
  const live = after.books.subscriptions.filter(({ status }) => !ENDED.has(status));
  if (live.length > 1) problems.push(`rule 4: ${live.length} live subscriptions`);
  return problems;
}

/** Rule 5: an end that was agreed for a later period leaves the present one as it is. */
export function checkAgreedEnd({ books, said, catalogue }: Moment): string[] {
  const live = liveOf(books);
  const item = live && planItemOf(live, catalogue);
  const isLater = item && live.cancel_at !== null && live.cancel_at > item.end + 2 * DAY;
  if (!isLater || said?.state !== 'cancel_pending') return [];
  return ['rule 5: it is called cancel_pending, and ends with a later period'];
}

/** Whoever has no access is offered something that leads on. */
export function checkWayOut({ said }: Moment): string[] {
  if (said === null || said.actions.length > 0) return [];
  return [`no way out: ${said.state}, and no action is offered`];
}

/** Rule 5: undoing an end brings back what was scheduled, and what the Dashboard promised stays. */
export function checkUndo(before: Moment, after: Moment, did: string): string[] {
  const problems: string[] = [];
  const { memory } = after;
  const undone = did === 'resume' && before.said?.state === 'cancel_pending';
  if (undone && memory.beforeCancel !== null) {
    const now = JSON.stringify(after.said?.pendingChange ?? null);
    if (now !== memory.beforeCancel) {
      problems.push(`rule 5: before the cancel ${memory.beforeCancel} was scheduled, now ${now}`);
    }
  }
  const isPromised = (moment: Moment) => {
    const schedule = liveOf(moment.books)?.schedule;
    if (!schedule || typeof schedule === 'string') return false;
    return schedule.phases.some(
      ({ start_date, discounts }) => start_date > moment.now && discounts.length > 0,
    );
  };
  const gone = memory.promised !== null && isPromised(before) && !isPromised(after);
  if (gone && liveOf(after.books)) problems.push(`rule 5: ${did} dropped a promised discount`);
  return problems;
}

/** Rule 7: debts are settled before a comeback, and an end by the customer does not make them vanish. */
export function checkDebts(before: Moment, after: Moment): string[] {
  const { books, memory } = after;
  const problems: string[] = [];
  for (const { id, status } of books.invoices) {
    const was = before.books.invoices.find((invoice) => invoice.id === id);
    const due = was?.status === 'open' && was.billing_reason !== 'subscription_update';
    if (due && status === 'void') problems.push(`rule 7: the debt ${id} was dropped`);
  }
  if (liveOf(before.books) || !liveOf(books)) return problems;
  const owed = books.invoices.filter(
    (invoice) =>
      (invoice.status === 'open' || invoice.status === 'uncollectible') &&
      !memory.forgiven.has(invoice.id) &&
      books.subscriptions.some(
        ({ id, status }) => id === subscriptionOf(invoice) && ENDED.has(status),
      ),
  );
  for (const { id, amount_remaining } of owed) {
    problems.push(`rule 7: a comeback with ${amount_remaining} owed on ${id}`);
  }
  return problems;
}
