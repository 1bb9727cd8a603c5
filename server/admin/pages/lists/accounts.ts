import { listAccounts, type ListedAccount } from '../../../../db/account-list.ts';
import { formatMoney } from '../../../../state/money.ts';
import { exact, stateChip } from '../../../http/pages/format.ts';
import { html } from '../../../http/pages/html.ts';
import { accountPath } from '../act-forms/act-form.ts';
import { searchAccounts } from '../queries/search.ts';
import { LIFECYCLE_STATES } from '../../../../state/types.ts';
import { cutPage, dayEnd, dayOf, iso, STATE_AND_TIME, type List } from './list.ts';

/** Everyone who pays, or may. */
export const accounts: List<ListedAccount> = {
  name: 'accounts',
  path: '/admin/accounts',
  title: 'Accounts',
  about: 'Who pays, or may.',
  empty: 'No accounts.',
  filters: [
    {
      name: 'q',
      label: 'Account, name, address, domain, invoice number, last four digits of a card',
      type: 'search',
    },
    ...STATE_AND_TIME,
  ],
  sorts: [
    ['newest', 'newest first'],
    ['oldest', 'oldest first'],
    ['email', 'by address'],
  ],
  columns: [
    {
      name: 'account',
      title: 'Account',
      value: (row) => row.id,
      cell: (row) =>
        html`<a class="wrap" href="${accountPath(row.id)}">${row.name ?? row.email ?? row.id}</a>
          <div class="mono muted wrap">${row.id}</div>`,
    },
    { name: 'name', title: 'Name', value: (row) => row.name },
    {
      name: 'email',
      title: 'E-mail',
      value: (row) => row.email,
      cell: (row) => html`<span class="wrap">${row.email}</span>`,
    },
    { name: 'customer', title: 'Customer', value: (row) => row.customerId },
    {
      name: 'state',
      title: 'State',
      value: (row) => row.state,
      cell: (row) => row.state && stateChip(row.state),
    },
    { name: 'plan', title: 'Plan', value: (row) => row.plan, cell: (row) => row.plan },
    {
      name: 'mrr',
      title: 'MRR',
      right: true,
      value: (row) => row.mrr,
      cell: (row) => row.mrr > 0 && formatMoney(row.mrr, row.currency ?? 'usd'),
    },
    { name: 'currency', title: 'Currency', value: (row) => row.currency },
    {
      name: 'createdAt',
      title: 'Known since',
      right: true,
      value: (row) => iso(row.createdAt),
      cell: (row) => exact(row.createdAt),
    },
  ],
  page: async (services, { filters, sort, after, limit }) => {
    const order = sort === 'oldest' || sort === 'email' ? sort : 'newest';
    const { q, state, plan, from, to } = filters;
    const found = q === undefined ? null : await searchAccounts(services, q);
    const cursor = /^(.*)~(.+)$/s.exec(after ?? '');
    const lifecycleState = LIFECYCLE_STATES.find((each) => each === state);
    const [createdFrom, createdTo] = [dayOf(from), dayEnd(to)];
    const rows = await listAccounts(services.database.knex, {
      ...(found && { ids: found.accounts.map(({ id }) => id) }),
      ...(lifecycleState && { state: lifecycleState }),
      ...(plan !== undefined && { plan }),
      ...(createdFrom !== undefined && { createdFrom }),
      ...(createdTo !== undefined && { createdTo }),
      ...(cursor && { after: { value: cursor[1] ?? '', id: cursor[2] ?? '' } }),
      order,
      limit: limit + 1,
    });
    const page = cutPage(rows, limit, (row) => {
      const value = order === 'email' ? (row.email ?? '').toLowerCase() : row.createdAt;
      return `${value}~${row.id}`;
    });
    return { ...page, note: found?.error ?? null };
  },
};
