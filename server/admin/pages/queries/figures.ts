import { mrrAt, mrrChangesByAccount } from '../../../../db/mrr-changes.ts';
import {
  CohortTotals,
  cohortOf,
  MOVEMENTS,
  movementsOf,
  MovementTotals,
  noMovements,
  type CohortRow,
  type MovementSums,
  type Span,
} from '../../../../state/mrr-movements.ts';
import type { Services } from '../../../lib/services.ts';

export interface MovementRow {
  currency: string;
  /** Empty for a price in no plan; null for all plans of the currency. */
  plan: string | null;
  start: number;
  movements: MovementSums;
  end: number;
}

/** What the MRR was at both ends of a span, and every movement between them; each row adds up to the cent. */
export async function mrrMovements(
  { database }: Pick<Services, 'database'>,
  span: Span,
): Promise<MovementRow[]> {
  const db = database.knex;
  const totals = new MovementTotals();
  for await (const changes of mrrChangesByAccount(db, span)) totals.add(movementsOf(changes, span));
  const [before, after] = await Promise.all([mrrAt(db, span.from), mrrAt(db, span.to)]);
  const rows = new Map<string, MovementRow>();
  const rowOf = ({ currency, plan }: { currency: string; plan: string }): MovementRow => {
    const key = `${currency} ${plan}`;
    const row = rows.get(key) ?? { currency, plan, start: 0, movements: noMovements(), end: 0 };
    rows.set(key, row);
    return row;
  };
  for (const each of before) rowOf(each).start = each.mrr;
  for (const each of after) rowOf(each).end = each.mrr;
  for (const each of totals.rows) rowOf(each).movements = each.sums;
  const plans = [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  const currencies = [...new Set(plans.map(({ currency }) => currency))];
  return currencies.flatMap((currency) => {
    const own = plans.filter((row) => row.currency === currency);
    return [sumOf(currency, own), ...own];
  });
}

function sumOf(currency: string, rows: readonly MovementRow[]): MovementRow {
  const sum = (of: (row: MovementRow) => number) => rows.reduce((all, row) => all + of(row), 0);
  const movements = noMovements();
  for (const kind of MOVEMENTS) movements[kind] = sum((row) => row.movements[kind]);
  const [start, end] = [sum((row) => row.start), sum((row) => row.end)];
  return { currency, plan: null, start, movements, end };
}

/** How many accounts still pay, by the month in which they began and the months since; the newest months. */
export async function retention(
  { database, clock }: Pick<Services, 'database' | 'clock'>,
  months: number,
): Promise<CohortRow[]> {
  const totals = new CohortTotals();
  const now = clock.now();
  for await (const changes of mrrChangesByAccount(database.knex, null)) {
    totals.add(cohortOf(changes, now));
  }
  return totals.rows.slice(-months);
}
