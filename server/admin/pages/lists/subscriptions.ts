import { emailsOfCustomers } from '../../../../db/dashboard-lookups.ts';
import { listSubscriptions, type SubscriptionRow } from '../../../../db/subscriptions.ts';
import { accessOf } from '../../../../state/access.ts';
import { LIFECYCLE_STATES } from '../../../../state/types.ts';
import { cutPage, dayEnd, dayOf, iso, STATE_AND_TIME, type List } from './list.ts';

interface Row extends SubscriptionRow {
  email: string | null;
  access: string;
}

/** Every subscription of ours; its page has views of its own. */
export const subscriptions: List<Row> = {
  name: 'subscriptions',
  path: '/admin/subscriptions',
  title: 'Subscriptions',
  about: 'By state, plan and date.',
  empty: 'No subscriptions.',
  filters: STATE_AND_TIME,
  sorts: [
    ['newest', 'newest first'],
    ['oldest', 'oldest first'],
  ],
  columns: [
    { name: 'subscription', title: 'Subscription', value: (row) => row.id },
    { name: 'account', title: 'Account', value: (row) => row.userId },
    { name: 'customer', title: 'Customer', value: (row) => row.customerId },
    { name: 'email', title: 'E-mail', value: (row) => row.email },
    { name: 'state', title: 'State', value: (row) => row.state },
    { name: 'status', title: 'Status', value: (row) => row.status },
    { name: 'plan', title: 'Plan', value: (row) => row.plan },
    { name: 'price', title: 'Price', value: (row) => row.facts.items[0]?.priceId ?? null },
    { name: 'mrr', title: 'MRR', value: (row) => row.mrr },
    { name: 'currency', title: 'Currency', value: (row) => row.facts.currency },
    { name: 'access', title: 'Access', value: (row) => row.access },
    { name: 'createdAt', title: 'Began', value: (row) => iso(row.facts.createdAt) },
    { name: 'since', title: 'In this state since', value: (row) => iso(row.since) },
    { name: 'periodEnd', title: 'Period ends', value: (row) => iso(row.facts.currentPeriodEnd) },
    { name: 'trialEnd', title: 'Trial ends', value: (row) => iso(row.facts.trialEnd) },
    { name: 'canceledAt', title: 'Canceled', value: (row) => iso(row.facts.canceledAt) },
  ],
  page: async (services, { filters, sort, after, limit }) => {
    const { state, plan, from, to } = filters;
    const cursor = /^(\d+)~(\w+)$/.exec(after ?? '');
    const lifecycleState = LIFECYCLE_STATES.find((each) => each === state);
    const [createdFrom, createdTo] = [dayOf(from), dayEnd(to)];
    const db = services.database.knex;
    const rows = await listSubscriptions(db, {
      ...(lifecycleState && { state: lifecycleState }),
      ...(plan !== undefined && { plan }),
      ...(createdFrom !== undefined && { createdFrom }),
      ...(createdTo !== undefined && { createdTo }),
      ...(cursor && { after: { createdAt: Number(cursor[1]), id: cursor[2] ?? '' } }),
      oldestFirst: sort === 'oldest',
      limit: limit + 1,
    });
    const emails = await emailsOfCustomers(
      db,
      rows.map((row) => row.customerId),
    );
    const terms = { now: services.clock.now(), grace: services.config.grace };
    const page = cutPage(rows, limit, ({ createdAt, id }) => `${createdAt}~${id}`);
    return {
      ...page,
      rows: page.rows.map((row) => ({
        ...row,
        email: emails.get(row.customerId) ?? null,
        access: accessOf(row, terms).level,
      })),
    };
  },
};
