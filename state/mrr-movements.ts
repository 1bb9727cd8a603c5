/** Why the monthly recurring revenue is another one than before: what each change of an account's was, by plan and currency. */

/** One change of what a subscription earns. Amounts in minor units, `at` in ms of business time. */
export interface MrrChange {
  accountId: string;
  subscriptionId: string;
  at: number;
  currency: string;
  plan: string | null;
  planBefore: string | null;
  before: number;
  after: number;
}

/** `moved` is what goes from one plan to another: over all plans of a currency it comes to nothing. */
export const MOVEMENTS = [
  'new',
  'expansion',
  'contraction',
  'churn',
  'reactivation',
  'moved',
] as const;
export type MovementKind = (typeof MOVEMENTS)[number];

export interface Movement {
  kind: MovementKind;
  currency: string;
  /** Empty for a price that is in no plan. */
  plan: string;
  amount: number;
}

export interface Span {
  /** ms; the end is not in it. */
  from: number;
  to: number;
}

/** What an account earned so far, change by change. */
class Ledger {
  readonly #levels = new Map<string, number>();
  readonly #known = new Set<string>();
  hasEarned = false;

  /** What the account earned in this currency before a change and after it. */
  apply(change: MrrChange): { before: number; after: number } {
    const { subscriptionId, currency } = change;
    let level = this.#levels.get(currency) ?? 0;
    const key = `${subscriptionId} ${currency}`;
    // What it earned before its changes were kept.
    if (!this.#known.has(key)) level += change.before;
    this.#known.add(key);
    if (change.before > 0) this.hasEarned = true;
    const after = level + change.after - change.before;
    this.#levels.set(currency, after);
    return { before: level, after };
  }

  /** Whether the account earns anything. */
  get earns(): boolean {
    return [...this.#levels.values()].some((level) => level > 0);
  }
}

function kindOf(levels: { before: number; after: number }, hasEarned: boolean): MovementKind {
  if (levels.before <= 0) return hasEarned ? 'reactivation' : 'new';
  if (levels.after <= 0) return 'churn';
  return levels.after > levels.before ? 'expansion' : 'contraction';
}

/** In the order of their moments, without what was undone again at its own: that was never so. */
function inOrder(changes: readonly MrrChange[]): MrrChange[] {
  const kept: MrrChange[] = [];
  for (const change of changes) {
    const undone = kept.findLastIndex((other) => isInverse(other, change));
    if (undone === -1) kept.push(change);
    else kept.splice(undone, 1);
  }
  return kept.sort((a, b) => a.at - b.at);
}

const isInverse = (one: MrrChange, other: MrrChange): boolean =>
  one.at === other.at &&
  one.subscriptionId === other.subscriptionId &&
  one.currency === other.currency &&
  one.before === other.after &&
  one.after === other.before &&
  one.plan === other.planBefore &&
  one.planBefore === other.plan;

/** The movements in a span, from all changes of one account in the order in which they were kept. */
export function movementsOf(changes: readonly MrrChange[], { from, to }: Span): Movement[] {
  const ledger = new Ledger();
  const movements: Movement[] = [];
  for (const change of inOrder(changes)) {
    const hadEarned = ledger.hasEarned || change.before > 0;
    const levels = ledger.apply(change);
    if (change.after > 0) ledger.hasEarned = true;
    if (change.at < from || change.at >= to) continue;
    movements.push(...parts(change, kindOf(levels, hadEarned)));
  }
  return movements.filter(({ amount }) => amount !== 0);
}

/** A change of plan takes what was paid from one plan to the other; only the rest grows or shrinks. */
function parts(change: MrrChange, kind: MovementKind): Movement[] {
  const { currency, before, after } = change;
  const [plan, planBefore] = [change.plan ?? '', change.planBefore ?? ''];
  const amount = after - before;
  if (before === 0 || after === 0 || plan === planBefore) {
    return [{ kind, currency, plan: after === 0 ? planBefore : plan, amount }];
  }
  return [
    { kind: 'moved', currency, plan: planBefore, amount: -before },
    { kind: 'moved', currency, plan, amount: before },
    { kind, currency, plan, amount },
  ];
}

export type MovementSums = Record<MovementKind, number>;

/** Movements of many accounts, added up by currency and plan. */
export class MovementTotals {
  readonly #sums = new Map<string, { currency: string; plan: string; sums: MovementSums }>();

  add(movements: readonly Movement[]): void {
    for (const { kind, currency, plan, amount } of movements) {
      const key = `${currency} ${plan}`;
      const row = this.#sums.get(key) ?? { currency, plan, sums: noMovements() };
      row.sums[kind] += amount;
      this.#sums.set(key, row);
    }
  }

  /** By currency and plan, in that order. */
  get rows(): { currency: string; plan: string; sums: MovementSums }[] {
    return [...this.#sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  }
}

export function noMovements(): MovementSums {
  return { new: 0, expansion: 0, contraction: 0, churn: 0, reactivation: 0, moved: 0 };
}

/** What movements come to. */
export function netOf(sums: MovementSums): number {
  return MOVEMENTS.reduce((total, kind) => total + sums[kind], 0);
}

/** When an account began to earn, and in which of the months after that it did at the end. */
export interface Cohort {
  /** `2026-11` (UTC). */
  month: string;
  /** By months since: 0 is the month itself. */
  kept: boolean[];
}

/** The cohort of one account, from all its changes; null for one that never earned. `now` ends the last month. */
export function cohortOf(changes: readonly MrrChange[], now: number): Cohort | null {
  const ledger = new Ledger();
  let first: number | null = null;
  const kept: boolean[] = [];
  const closeUntil = (at: number): void => {
    if (first === null) return;
    while (monthEnd(first, kept.length) <= at) kept.push(ledger.earns);
  };
  for (const change of inOrder(changes)) {
    closeUntil(change.at);
    ledger.apply(change);
    if (first === null && (change.after > 0 || change.before > 0)) first = change.at;
  }
  if (first === null) return null;
  closeUntil(now);
  // The month that still runs, as it is now.
  kept.push(ledger.earns);
  return { month: new Date(first).toISOString().slice(0, 7), kept };
}

/** The end (UTC) of the month that is `later` months behind the one of a moment. */
function monthEnd(at: number, later: number): number {
  const date = new Date(at);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + later + 1, 1);
}

/** A month of accounts that began to earn in it: how many still do, by months since. */
export interface CohortRow {
  month: string;
  size: number;
  kept: number[];
}

/** Cohorts of many accounts, added up. */
export class CohortTotals {
  readonly #rows = new Map<string, CohortRow>();

  add(cohort: Cohort | null): void {
    if (cohort === null) return;
    const { month, kept } = cohort;
    const row = this.#rows.get(month) ?? { month, size: 0, kept: [] };
    row.size += 1;
    kept.forEach((isKept, index) => {
      row.kept[index] = (row.kept[index] ?? 0) + Number(isKept);
    });
    this.#rows.set(month, row);
  }

  /** The oldest first. */
  get rows(): CohortRow[] {
    return [...this.#rows.values()].sort((a, b) => (a.month < b.month ? -1 : 1));
  }
}
