/** How often a price is paid, in words: `monthly`, `quarterly`, `6_months`. */
import type { BillingInterval } from './types.ts';

export interface Every {
  interval: BillingInterval;
  count: number;
}

const NAMED = {
  daily: { interval: 'day', count: 1 },
  weekly: { interval: 'week', count: 1 },
  monthly: { interval: 'month', count: 1 },
  quarterly: { interval: 'month', count: 3 },
  yearly: { interval: 'year', count: 1 },
} as const satisfies Record<string, Every>;

export type NamedInterval = keyof typeof NAMED;
/** One with a name, or a count and a unit: `6_months`, `2_years`. */
export type PlanInterval = NamedInterval | `${number}_${BillingInterval}s`;

export const NAMED_INTERVALS = Object.keys(NAMED) as [NamedInterval, ...NamedInterval[]];
export const COUNTED_INTERVAL = /^[1-9]\d{0,3}_(day|week|month|year)s$/;

export const isPlanInterval = (text: string): text is PlanInterval =>
  Object.hasOwn(NAMED, text) || COUNTED_INTERVAL.test(text);

/** What an interval is at Stripe. */
export function everyOf(name: PlanInterval): Every {
  if (Object.hasOwn(NAMED, name)) return NAMED[name as NamedInterval];
  const [count, unit = ''] = name.split('_');
  return { interval: unit.slice(0, -1) as BillingInterval, count: Number(count) };
}

/** The names by unit and count; others are named as `6_months`. */
export const INTERVAL_NAMES: Readonly<
  Record<BillingInterval, Readonly<Record<number, NamedInterval>>>
> = {
  day: { 1: 'daily' },
  week: { 1: 'weekly' },
  month: { 1: 'monthly', 3: 'quarterly' },
  year: { 1: 'yearly' },
};

/** The one name of an interval. */
export function intervalName({ interval, count }: Every): PlanInterval {
  return INTERVAL_NAMES[interval][count] ?? `${count}_${interval}s`;
}

export const isSameEvery = (a: Every, b: Every): boolean =>
  a.interval === b.interval && a.count === b.count;

/** `month`, `3 months`: after "every", or after a stroke. */
export function intervalWords({ interval, count }: Every): string {
  return count === 1 ? interval : `${count} ${interval}s`;
}

/** What lasts so many days, as near as one can tell from its length alone. */
export function everyOfDays(days: number): Every {
  if (days >= 360) return { interval: 'year', count: Math.round(days / 365) };
  if (days >= 27) return { interval: 'month', count: Math.round(days / 30.44) };
  const whole = Math.max(1, Math.round(days));
  return whole % 7 === 0
    ? { interval: 'week', count: whole / 7 }
    : { interval: 'day', count: whole };
}

/** The one name of what was named. */
export function intervalOf(choice: string | Every): PlanInterval | null {
  if (typeof choice !== 'string') return intervalName(choice);
  return isPlanInterval(choice) ? intervalName(everyOf(choice)) : null;
}
