import type { MrrChange, Span } from '../state/mrr-movements.ts';
import type { Db } from './database.ts';

interface Row {
  id: number;
  account_id: string;
  subscription_id: string;
  at: number;
  currency: string;
  plan: string | null;
  plan_before: string | null;
  mrr_before: number;
  mrr_after: number;
}

const fromRow = (row: Row): MrrChange => ({
  accountId: row.account_id,
  subscriptionId: row.subscription_id,
  at: row.at,
  currency: row.currency,
  plan: row.plan,
  planBefore: row.plan_before,
  before: row.mrr_before,
  after: row.mrr_after,
});

const PAGE = 2_000;

/**
 * All changes of each account that has one in a span, account by account, each in its order; a page of rows is in memory at
 * a time.
 */
export async function* mrrChangesByAccount(
  db: Db,
  span: Span | null,
): AsyncGenerator<MrrChange[], undefined> {
  let last: Row | undefined;
  let own: Row[] = [];
  for (;;) {
    const select = db('mrr_changes').orderBy(['account_id', 'id']).limit(PAGE);
    if (span) {
      const inSpan = db('mrr_changes')
        .where('at', '>=', span.from)
        .where('at', '<', span.to)
        .select('account_id');
      void select.whereIn('account_id', inSpan);
    }
    if (last) void select.whereRaw('(account_id, id) > (?, ?)', [last.account_id, last.id]);
    const rows: Row[] = await select;
    for (const row of rows) {
      if (own[0] && own[0].account_id !== row.account_id) {
        yield own.map(fromRow);
        own = [];
      }
      own.push(row);
    }
    last = rows.at(-1);
    if (rows.length < PAGE) break;
  }
  if (own.length > 0) yield own.map(fromRow);
  return undefined;
}

export interface MrrLevel {
  currency: string;
  /** Empty for none. */
  plan: string;
  mrr: number;
}

/** What everything earns now, by currency and plan. */
async function levelNow(db: Db): Promise<MrrLevel[]> {
  const rows: { currency: string; plan: string | null; mrr: number }[] = await db('subscriptions')
    .where({ is_foreign: false })
    .where('mrr', '<>', 0)
    .groupBy('currency', 'plan')
    .select('currency', 'plan')
    .sum({ mrr: 'mrr' });
  return rows.map(({ currency, plan, mrr }) => ({ currency, plan: plan ?? '', mrr }));
}

/** What everything earned at a moment: what it earns now, without the changes since. */
export async function mrrAt(db: Db, at: number): Promise<MrrLevel[]> {
  const side = async (plan: 'plan' | 'plan_before', mrr: 'mrr_after' | 'mrr_before') => {
    const rows: { currency: string; plan: string | null; mrr: number }[] = await db('mrr_changes')
      .where('at', '>=', at)
      .groupBy('currency', plan)
      .select('currency', { plan })
      .sum({ mrr });
    return rows;
  };
  const [now, gained, lost] = await Promise.all([
    levelNow(db),
    side('plan', 'mrr_after'),
    side('plan_before', 'mrr_before'),
  ]);
  const levels = new Map<string, MrrLevel>();
  const add = (row: { currency: string; plan: string | null; mrr: number }, sign: 1 | -1): void => {
    const plan = row.plan ?? '';
    const key = `${row.currency} ${plan}`;
    const level = levels.get(key) ?? { currency: row.currency, plan, mrr: 0 };
    levels.set(key, { ...level, mrr: level.mrr + sign * row.mrr });
  };
  for (const row of now) add(row, 1);
  for (const row of gained) add(row, -1);
  for (const row of lost) add(row, 1);
  return [...levels.values()].filter(({ mrr }) => mrr !== 0);
}
