import type Stripe from 'stripe';
import { isGatewayError, type StripeGateway } from '../../../../adapters/stripe-gateway.ts';
import { accountsOfCustomers, type FoundAccount } from '../../../../db/account-search.ts';
import { findSubscriptions } from '../../../../db/subscriptions.ts';
import { invoiceSubscription } from '../../../../state/event-objects.ts';
import { formatMoney } from '../../../../state/money.ts';
import { markedAccount } from '../../../../state/ownership.ts';
import { exact } from '../../../http/pages/format.ts';
import { html } from '../../../http/pages/html.ts';
import type { Services } from '../../../lib/services.ts';
import { accountPath } from '../act-forms/act-form.ts';
import { statusWord } from '../views/account-money.ts';
import { dayEnd, dayOf, iso, type List, type ListPage, type ListWish } from './list.ts';

interface InvoiceRow {
  invoice: Stripe.Invoice;
  account: FoundAccount | null;
}

type Status = Parameters<StripeGateway['listAllInvoices']>[0]['status'];

const STATUSES = ['open', 'paid', 'draft', 'uncollectible', 'void'] as const;
/** Stripe gives no more at a time. */
const MAX_PAGE = 100;

/** What was billed and paid, as Stripe has it: it is the books. */
export const invoices: List<InvoiceRow> = {
  name: 'invoices',
  path: '/admin/invoices',
  title: 'Invoices and payments',
  about: 'Read from Stripe, newest first; what another program sold is left out.',
  empty: 'No invoices of ours on this page.',
  filters: [
    { name: 'status', label: 'Status', options: STATUSES.map((each) => [each, each] as const) },
    { name: 'from', label: 'From', type: 'date' },
    { name: 'to', label: 'Until', type: 'date' },
  ],
  sorts: [['newest', 'newest first']],
  columns: [
    { name: 'id', title: 'Id', value: ({ invoice }) => invoice.id },
    {
      name: 'number',
      title: 'Invoice',
      value: ({ invoice }) => invoice.number,
      cell: ({ invoice }) => html`<span class="mono wrap">${invoice.number ?? invoice.id}</span>`,
    },
    {
      name: 'account',
      title: 'Account',
      value: ({ account }) => account?.id ?? null,
      cell: ({ account }) =>
        account &&
        html`<a class="wrap" href="${accountPath(account.id, '?money=1')}"
          >${account.name ?? account.email ?? account.id}</a
        >`,
    },
    { name: 'email', title: 'E-mail', value: ({ account }) => account?.email ?? null },
    {
      name: 'status',
      title: 'Status',
      value: ({ invoice }) => invoice.status,
      cell: ({ invoice }) => statusWord(invoice.status ?? 'draft'),
    },
    {
      name: 'createdAt',
      title: 'Date',
      value: ({ invoice }) => iso(invoice.created * 1000),
      cell: ({ invoice }) => exact(invoice.created * 1000),
    },
    {
      name: 'nextAttemptAt',
      title: 'Next attempt',
      value: ({ invoice }) => iso(nextOf(invoice)),
      cell: ({ invoice }) => nextOf(invoice) !== null && exact(nextOf(invoice)),
    },
    {
      name: 'total',
      title: 'Total',
      right: true,
      value: ({ invoice }) => invoice.total,
      cell: ({ invoice }) => formatMoney(invoice.total, invoice.currency),
    },
    {
      name: 'paid',
      title: 'Paid',
      right: true,
      value: ({ invoice }) => invoice.amount_paid,
      cell: ({ invoice }) => formatMoney(invoice.amount_paid, invoice.currency),
    },
    {
      name: 'open',
      title: 'Open',
      right: true,
      value: ({ invoice }) => invoice.amount_remaining,
      cell: ({ invoice }) =>
        invoice.amount_remaining > 0 && formatMoney(invoice.amount_remaining, invoice.currency),
    },
    { name: 'currency', title: 'Currency', value: ({ invoice }) => invoice.currency },
  ],
  page: (services, wish) => invoicePage(services, wish),
};

function nextOf({ status, next_payment_attempt: next }: Stripe.Invoice): number | null {
  return status === 'open' && next !== null ? next * 1000 : null;
}

async function invoicePage(services: Services, wish: ListWish): Promise<ListPage<InvoiceRow>> {
  const { filters, after, limit } = wish;
  const [from, to] = [dayOf(filters['from']), dayEnd(filters['to'])];
  const seconds = (at: number | undefined) => (at === undefined ? null : Math.floor(at / 1000));
  try {
    const { data, has_more } = await services.stripe.listAllInvoices({
      status: (filters['status'] ?? null) as Status,
      createdFrom: seconds(from),
      createdTo: seconds(to),
      startingAfter: /^in_\w+$/.test(after ?? '') ? after : null,
      limit: Math.min(limit, MAX_PAGE),
    });
    const last = data.at(-1);
    return { rows: await oursAmong(services, data), next: has_more && last ? last.id : null };
  } catch (error) {
    // An export must not end as if it were whole.
    if (!isGatewayError(error) || limit > MAX_PAGE) throw error;
    return { rows: [], next: null, note: `Stripe did not list the invoices: ${error.message}` };
  }
}

/** Those of subscriptions of ours, and those that bear our mark. */
async function oursAmong(
  { database, config }: Services,
  all: readonly Stripe.Invoice[],
): Promise<InvoiceRow[]> {
  const db = database.knex;
  const customers = all.flatMap(({ customer }) => customerId(customer) ?? []);
  const subscriptions = all.flatMap((each) => invoiceSubscription({ ...each }) ?? []);
  const [accounts, rows] = await Promise.all([
    accountsOfCustomers(db, customers),
    findSubscriptions(db, [...new Set(subscriptions)]),
  ]);
  const ours = new Set(rows.filter(({ foreign }) => !foreign).map(({ id }) => id));
  const owners = new Map(accounts.map((each) => [each.customerId, each]));
  return all
    .filter((invoice) => {
      const id = invoiceSubscription({ ...invoice });
      return id === null
        ? markedAccount(invoice.metadata ?? {}, config.ownership) !== null
        : ours.has(id);
    })
    .map((invoice) => ({ invoice, account: owners.get(customerId(invoice.customer)) ?? null }));
}

function customerId(customer: Stripe.Invoice['customer']): string | null {
  return typeof customer === 'string' ? customer : (customer?.id ?? null);
}
