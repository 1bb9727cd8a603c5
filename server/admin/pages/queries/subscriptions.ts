import { duplicateAccounts, emailsOfCustomers } from '../../../../db/dashboard-lookups.ts';
import { stateCounts } from '../../../../db/counters.ts';
import {
  findSubscription,
  listSubscriptions,
  searchByEmail,
  type SubscriptionRow,
} from '../../../../db/subscriptions.ts';
import { accessOf } from '../../../../state/access.ts';
import { itemCharge, itemUnitAmount, type Catalogue } from '../../../../state/catalogue.ts';
import { intervalWords } from '../../../../state/intervals.ts';
import { planItem } from '../../../../state/plan-change.ts';
import { formatMoney } from '../../../../state/money.ts';
import {
  LIFECYCLE_STATES,
  type LifecycleState,
  type SubscriptionFacts,
} from '../../../../state/types.ts';
import { dayEnd, dayOf } from '../lists/list.ts';
import type { Services } from '../../../lib/services.ts';
import type { SubscriptionListItem, SubscriptionsView } from '../views/subscriptions.ts';

const PAGE = 50;

export interface SubscriptionsWish {
  state: string | null;
  q: string;
  duplicate: boolean;
  /** Those that are not ours, instead. */
  foreign: boolean;
  plan?: string | null;
  /** Days on which they began. */
  from?: string | null;
  to?: string | null;
  oldestFirst?: boolean;
  after: string | null;
}

/** A state by its name, or null. */
export function stateNamed(name: string | null): LifecycleState | null {
  return LIFECYCLE_STATES.find((state) => state === name && state !== 'none') ?? null;
}

/** A page of subscriptions: by state, id, customer or the beginning of an e-mail address. */
export async function subscriptionsView(
  services: Services,
  wish: SubscriptionsWish,
): Promise<SubscriptionsView> {
  const db = services.database.knex;
  const q = wish.q.trim();
  const state = stateNamed(wish.state);
  const found = await find(services, { ...wish, q, state });
  const rows = found.slice(0, PAGE);
  const [counts, emails] = await Promise.all([
    stateCounts(db),
    emailsOfCustomers(
      db,
      rows.map((row) => row.customerId),
    ),
  ]);
  const last = rows.at(-1);
  const more = found.length > PAGE && last !== undefined;
  return {
    state,
    q,
    duplicate: wish.duplicate,
    foreign: wish.foreign,
    plan: wish.plan ?? null,
    from: wish.from ?? null,
    to: wish.to ?? null,
    oldestFirst: wish.oldestFirst === true,
    counts,
    rows: rows.map((row) => listItem(services, row, emails.get(row.customerId) ?? null)),
    next: more
      ? cursorOf(last, isEmailSearch(q) ? (emails.get(last.customerId) ?? '') : null)
      : null,
    firstPage: wish.after === null,
    businessNow: services.clock.now(),
  };
}

/** How many customers have more than one live subscription: the banner of every page. */
export function duplicatesOf(services: Services): Promise<number> {
  return duplicateAccounts(services.database.knex);
}

const isEmailSearch = (q: string): boolean => q !== '' && !/^(sub|cus)_/.test(q);

type Wish = Omit<SubscriptionsWish, 'state'> & { state: LifecycleState | null };

async function find(services: Services, wish: Wish): Promise<SubscriptionRow[]> {
  const db = services.database.knex;
  const limit = PAGE + 1;
  const { q } = wish;
  if (q.startsWith('sub_')) {
    const one = await findSubscription(db, q);
    return one ? [one] : [];
  }
  if (isEmailSearch(q)) {
    const rows = await searchByEmail(db, q, { limit, after: emailCursor(wish.after) });
    if (rows.length > 0 || wish.after !== null) return rows;
    return listSubscriptions(db, { userId: q, limit });
  }
  return listSubscriptions(db, {
    plan: wish.plan || undefined,
    createdFrom: dayOf(wish.from ?? undefined),
    createdTo: dayEnd(wish.to ?? undefined),
    oldestFirst: wish.oldestFirst,
    state: wish.state ?? undefined,
    customerId: q === '' ? undefined : q,
    duplicate: wish.duplicate || undefined,
    foreign: wish.foreign,
    after: timeCursor(wish.after),
    limit,
  });
}

function cursorOf(row: SubscriptionRow, email: string | null): string {
  return `${email ?? row.createdAt}~${row.id}`;
}

function timeCursor(cursor: string | null): { createdAt: number; id: string } | undefined {
  const match = /^(\d+)~(\w+)$/.exec(cursor ?? '');
  return match ? { createdAt: Number(match[1]), id: match[2] ?? '' } : undefined;
}

function emailCursor(cursor: string | null): { email: string; id: string } | undefined {
  const at = cursor?.lastIndexOf('~') ?? -1;
  return cursor && at >= 0 ? { email: cursor.slice(0, at), id: cursor.slice(at + 1) } : undefined;
}

function listItem(
  services: Services,
  row: SubscriptionRow,
  email: string | null,
): SubscriptionListItem {
  const access = accessOf(row, { now: services.clock.now(), grace: services.config.grace });
  return {
    id: row.id,
    customerId: row.customerId,
    email,
    state: row.state,
    plan: row.plan,
    price: priceWords(services.catalogue, row.facts),
    access,
    since: row.since,
    periodEnd: row.facts.currentPeriodEnd,
    duplicate: row.duplicate,
  };
}

/** `$49.00 / month`, with seats where there are several; empty when there is no fixed price. */
export function priceWords(catalogue: Catalogue, facts: SubscriptionFacts): string {
  const { currency } = facts;
  const item = planItem(catalogue, facts);
  if (!item || item.metered) return facts.items.some((each) => each.metered) ? 'metered' : '';
  const unit = itemUnitAmount(catalogue, item, currency);
  const whole = unit === null ? itemCharge(catalogue, item, currency) : null;
  if (unit === null && whole === null) return '';
  const seats = item.quantity !== null && item.quantity > 1 ? ` × ${item.quantity}` : '';
  const amount =
    unit === null ? formatMoney(whole ?? 0, currency) : `${formatMoney(unit, currency)}${seats}`;
  return `${amount} / ${intervalWords({ interval: item.interval, count: item.intervalCount })}`;
}
