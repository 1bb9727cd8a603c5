/**
 * What a change of a subscription does to what it earns, dated as the history dates it. A line that is known better takes
 * its share with it: what it had said is undone by its inverse at the same moment, and said anew.
 */
import type { RevenueLine, RevenueLines } from './metrics.ts';
import type { MrrChange } from './mrr-movements.ts';
import type { StoredSubscription } from './types.ts';

interface Earning {
  mrr: number;
  plan: string | null;
}

interface Step {
  at: number;
  from: Earning;
  to: Earning;
}

export interface ChangedSubscription {
  before: StoredSubscription | null;
  next: StoredSubscription;
  lines: readonly { cause: { at: number } }[];
  revenue?: RevenueLines;
  /** When what no line tells of was seen. */
  at?: number;
}

/** The rows of `mrr_changes` that a change adds; none for most. */
export function mrrChangesOf({ before, next, ...change }: ChangedSubscription): MrrChange[] {
  const [was, is] = [earningOf(before), earningOf(next)];
  const at = change.at ?? Math.max(...change.lines.map(({ cause }) => cause.at), next.since);
  const own = {
    accountId: next.userId ?? before?.userId ?? next.customerId,
    subscriptionId: next.id,
  };
  const rowOf = (step: Step, currency: string): MrrChange => ({
    ...own,
    at: step.at,
    currency,
    plan: step.to.plan,
    planBefore: step.from.plan,
    before: step.from.mrr,
    after: step.to.mrr,
  });
  const currency = next.facts.currency;
  const former = before?.facts.currency ?? currency;
  if (former !== currency && was.mrr > 0 && is.mrr > 0) {
    const nothing = { mrr: 0, plan: is.plan };
    return [
      rowOf({ at, from: was, to: nothing }, former),
      rowOf({ at, from: { mrr: 0, plan: was.plan }, to: is }, currency),
    ];
  }
  const steps = stepsOf(change.revenue, { was, is, at });
  return steps.map((step) => rowOf(step, is.mrr > 0 || was.mrr === 0 ? currency : former));
}

function earningOf(stored: StoredSubscription | null): Earning {
  return stored === null || stored.foreign
    ? { mrr: 0, plan: null }
    : { mrr: stored.mrr, plan: stored.plan };
}

/** What the lines say now, less what they said before; and what no line tells of, when it was seen. */
function stepsOf(
  revenue: RevenueLines | undefined,
  { was, is, at }: { was: Earning; is: Earning; at: number },
): Step[] {
  if (revenue === undefined) return isChange(was, is) ? [{ at, from: was, to: is }] : [];
  const base = { mrr: revenue.base, plan: was.plan ?? is.plan };
  const told = stepsAlong(revenue.before, base);
  const tell = stepsAlong(revenue.after, base);
  const stays = common(told.steps, tell.steps);
  const undone = without(told.steps, stays).toReversed();
  const rest = isChange(tell.end, is) ? [{ at, from: tell.end, to: is }] : [];
  return [
    ...undone.map(({ from, to, ...step }) => ({ ...step, from: to, to: from })),
    ...without(tell.steps, stays),
    ...rest,
  ];
}

function stepsAlong(lines: readonly RevenueLine[], base: Earning): { steps: Step[]; end: Earning } {
  let end = base;
  const steps: Step[] = [];
  for (const { at, mrr, plan } of lines) {
    const from = end;
    end = mrr === null ? from : { mrr, plan: plan ?? from.plan };
    if (isChange(from, end)) steps.push({ at, from, to: end });
  }
  return { steps, end };
}

const isChange = (from: Earning, to: Earning): boolean =>
  from.mrr !== to.mrr || (to.mrr > 0 && from.plan !== to.plan);

const keyOf = ({ at, from, to }: Step): string =>
  JSON.stringify([at, from.mrr, from.plan, to.mrr, to.plan]);

/** How often each step is in both. */
function common(some: readonly Step[], others: readonly Step[]): Map<string, number> {
  const counted = countsOf(others);
  const both = new Map<string, number>();
  for (const [key, count] of countsOf(some)) {
    const shared = Math.min(count, counted.get(key) ?? 0);
    if (shared > 0) both.set(key, shared);
  }
  return both;
}

function countsOf(steps: readonly Step[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const step of steps) counts.set(keyOf(step), (counts.get(keyOf(step)) ?? 0) + 1);
  return counts;
}

function without(steps: readonly Step[], counts: ReadonlyMap<string, number>): Step[] {
  const left = new Map(counts);
  return steps.filter((step) => {
    const count = left.get(keyOf(step)) ?? 0;
    left.set(keyOf(step), count - 1);
    return count <= 0;
  });
}
