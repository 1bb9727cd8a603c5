/** How the records of a meter become the one number of a period that Stripe bills. */

/**
 * `sum` adds the quantities, `count` counts the records, `last` takes the latest quantity, `max` the highest one.
 */
export const AGGREGATIONS = ['sum', 'count', 'last', 'max'] as const;
export type Aggregation = (typeof AGGREGATIONS)[number];

/** Whether the numbers of parts of a period add up to that of the period; else one of them stands for it. */
export function addsUp(aggregation: Aggregation): aggregation is 'sum' | 'count' {
  return aggregation === 'sum' || aggregation === 'count';
}

/**
 * The formula that the meter at Stripe must have for what it is sent. Many records travel in one event: their number is
 * added up there, too. Stripe knows no maximum: the highest quantity so far is what it is told last.
 */
export function formulaOf(aggregation: Aggregation): 'sum' | 'last' {
  return addsUp(aggregation) ? 'sum' : 'last';
}

/** A number of a part of a period, and when it was. */
export interface Part {
  quantity: number;
  /** In ms. */
  at: number;
}

/** The number of several parts of a period; 0 for none. */
export function combine(aggregation: Aggregation, parts: readonly Part[]): number {
  if (addsUp(aggregation)) return parts.reduce((sum, { quantity }) => sum + quantity, 0);
  if (aggregation === 'max') return Math.max(0, ...parts.map(({ quantity }) => quantity));
  const [first, ...others] = parts;
  const last = others.reduce((latest, part) => (part.at >= latest!.at ? part : latest), first);
  return last?.quantity ?? 0;
}
