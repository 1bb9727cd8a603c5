import {
  atRisk,
  subscriptionsDue,
  subscriptionsLeaving,
  type AtRisk,
  type DueRow,
  type LeavingRow,
  type Payer,
} from '../../../../db/boards.ts';
import { lastMailOf, type MailRow } from '../../../../db/mails.ts';
import { itemCharge, type Catalogue } from '../../../../state/catalogue.ts';
import { formatMoney } from '../../../../state/money.ts';
import type { LifecycleState } from '../../../../state/types.ts';
import { exact, relative, stateChip } from '../../../http/pages/format.ts';
import { html, type Html } from '../../../http/pages/html.ts';
import { accountPath } from '../act-forms/act-form.ts';
import { priceWords } from '../queries/subscriptions.ts';
import { mailItem } from '../queries/mails.ts';
import { mailName, mailState } from '../views/mails.ts';
import { subscriptionLink } from '../views/parts.ts';
import { cutPage, dayEnd, dayOf, iso, type Column, type Filter, type List } from './list.ts';

const DATES: readonly Filter[] = [
  { name: 'plan', label: 'Plan' },
  { name: 'from', label: 'From', type: 'date' },
  { name: 'to', label: 'Until', type: 'date' },
];

const STATE: Column<{ state: LifecycleState }> = {
  name: 'state',
  title: 'State',
  value: (row) => row.state,
  cell: (row) => stateChip(row.state),
};

type Paid = Payer & { id: string; userId: string | null };

function payerLink({ userId, name, email, id }: Paid): Html {
  if (userId === null) return subscriptionLink(id);
  return html`<a class="wrap" href="${accountPath(userId, '?money=1')}"
    >${name ?? email ?? userId}</a
  >`;
}

/** A board shows what Stripe says of a price by itself. */
const NO_PRICES: Catalogue = { plans: [], products: [] };

/** Whose it is: in exports by id and address. */
const PAYER: readonly Column<DueRow>[] = [
  { name: 'account', title: 'Account', value: (row) => row.userId, cell: (row) => payerLink(row) },
  { name: 'email', title: 'E-mail', value: (row) => row.email },
  { name: 'subscription', title: 'Subscription', value: (row) => row.id },
  {
    name: 'plan',
    title: 'Plan',
    value: (row) => row.plan,
    cell: (row) =>
      html`${row.plan ?? '–'} <span class="muted">${priceWords(NO_PRICES, row.facts)}</span>`,
  },
];

const at = (time: number | null, now: number): Html | null =>
  time === null
    ? null
    : html`${exact(time)}
        <div class="muted">${relative(time, now)}</div>`;

function spanOf({ plan, from, to }: Readonly<Record<string, string>>) {
  const [start, end] = [dayOf(from), dayEnd(to)];
  return {
    ...(plan !== undefined && { plan }),
    ...(start !== undefined && { from: start }),
    ...(end !== undefined && { to: end }),
  };
}

function timeCursor(after: string | null): { after?: { at: number; id: string } } {
  const match = /^(\d+)~(\w+)$/.exec(after ?? '');
  return match ? { after: { at: Number(match[1]), id: match[2] ?? '' } } : {};
}

interface FailingRow extends DueRow {
  mail: MailRow | null;
  amountDue: number | null;
  nextAttemptAt: number | null;
}

const FAILED: readonly LifecycleState[] = ['past_due', 'unpaid'];

/** What is due and when it is tried again is what its invoice says; mails are what the account was told. */
function failingRow(row: DueRow, mails: Map<string, MailRow>): FailingRow {
  const mail = mails.get(row.userId ?? '') ?? null;
  const { amountRemaining = null, nextAttemptAt = null } = row.facts.latestInvoice ?? {};
  const told = mail?.payload as { subscriptionId?: string } | undefined;
  return {
    ...row,
    // A mail about an older subscription of the same account says nothing of this one.
    mail: told?.subscriptionId === row.id ? mail : null,
    amountDue: amountRemaining,
    nextAttemptAt,
  };
}

/** Who does not pay: how much, when it is tried again, and what they were told. */
export const failing: List<FailingRow> = {
  name: 'failing-payments',
  path: '/admin/boards/failing-payments',
  title: 'Failing payments',
  about: 'Past due or unpaid, the latest first.',
  empty: 'Everyone has paid.',
  filters: DATES,
  sorts: [['since', 'latest first']],
  columns: [
    ...PAYER,
    {
      name: 'state',
      title: 'State',
      value: (row) => row.state,
      cell: (row) =>
        html`${stateChip(row.state)} <span class="muted">${row.failedAttempts} failed</span>`,
    },
    {
      name: 'amountDue',
      title: 'At risk',
      right: true,
      value: (row) => row.amountDue,
      cell: (row) => row.amountDue !== null && formatMoney(row.amountDue, row.facts.currency),
    },
    { name: 'currency', title: 'Currency', value: (row) => row.facts.currency },
    {
      name: 'since',
      title: 'Since',
      value: (row) => iso(row.pastDueSince ?? row.since),
      cell: (row, { businessNow }) => at(row.pastDueSince ?? row.since, businessNow),
    },
    {
      name: 'nextAttemptAt',
      title: 'Next try',
      value: (row) => iso(row.nextAttemptAt),
      cell: (row, { businessNow }) =>
        at(row.nextAttemptAt, businessNow) ?? (row.amountDue === null ? '–' : 'none'),
    },
    {
      name: 'mailed',
      title: 'Mailed',
      value: (row) => row.mail?.kind ?? null,
      cell: (row) =>
        row.mail &&
        html`<a href="/admin/mails/${row.mail.id}">${mailName(row.mail.kind)}</a>
          <div>${mailState(mailItem(row.mail))}</div>`,
    },
  ],
  page: async ({ database }, { filters, after, limit }) => {
    const db = database.knex;
    const which = { states: FAILED, ...spanOf(filters) };
    const rows = await subscriptionsDue(db, {
      ...which,
      by: 'since',
      ...timeCursor(after),
      limit: limit + 1,
    });
    const accounts = rows.flatMap(({ userId }) => userId ?? []);
    const [mails, sums] = await Promise.all([
      lastMailOf(db, accounts, ['mail.payment_failed', 'mail.payment_failed_final']),
      atRisk(db, which),
    ]);
    const page = cutPage(rows, limit, (row) => `${row.since}~${row.id}`);
    return {
      ...page,
      rows: page.rows.map((row) => failingRow(row, mails)),
      note: sums.length > 0 ? html`${sums.map(totalOf)}` : null,
    };
  },
};

const totalOf = ({ currency, count, amount, mrr }: AtRisk): Html =>
  html`<p class="total">${formatMoney(amount, currency)} at risk</p>
    <p class="muted">
      ${`in ${count} subscription${count === 1 ? '' : 's'}, ${formatMoney(mrr, currency)} a month`}
    </p>`;

interface DueBoard {
  name: string;
  title: string;
  about: string;
  empty: string;
  states: readonly LifecycleState[];
  ends: string;
}

/** With what the next invoice bills before discounts, credit and tax; null for usage alone, and where it is not known. */
type ChargedRow = DueRow & { charge: number | null };

function dueBoard({ states, ends, ...words }: DueBoard): List<ChargedRow> {
  return {
    ...words,
    path: `/admin/boards/${words.name}`,
    filters: DATES,
    sorts: [['soonest', 'soonest first']],
    columns: [
      ...PAYER,
      STATE,
      {
        name: 'amount',
        title: 'Amount',
        right: true,
        value: (row) => row.charge,
        cell: ({ charge, facts }) =>
          charge === null ? 'by usage' : formatMoney(charge, facts.currency),
      },
      { name: 'currency', title: 'Currency', value: (row) => row.facts.currency },
      {
        name: 'method',
        title: 'Payment method',
        value: (row) => (row.facts.defaultPaymentMethodId === null ? 'none' : 'saved'),
        cell: (row) =>
          row.facts.defaultPaymentMethodId === null ? 'the customer’s own, or none' : 'saved',
      },
      {
        name: 'at',
        title: ends,
        value: (row) => iso(row.facts.currentPeriodEnd),
        cell: (row, { businessNow }) => at(row.facts.currentPeriodEnd, businessNow),
      },
    ],
    page: async ({ database, catalogue }, { filters, after, limit }) => {
      const rows = await subscriptionsDue(database.knex, {
        states,
        by: 'current_period_end',
        ...spanOf(filters),
        ...timeCursor(after),
        limit: limit + 1,
      });
      const charged = rows.map((row) => ({ ...row, charge: chargeOf(catalogue, row) }));
      return cutPage(charged, limit, (row) => `${row.facts.currentPeriodEnd ?? 0}~${row.id}`);
    },
  };
}

function chargeOf(catalogue: Catalogue, { facts }: DueRow): number | null {
  const fixed = facts.items.filter(({ metered }) => !metered);
  const charges = fixed.map((item) => itemCharge(catalogue, item, facts.currency));
  if (charges.length === 0) return null;
  return charges.reduce<number | null>(
    (sum, charge) => (sum === null || charge === null ? null : sum + charge),
    0,
  );
}

export const trials = dueBoard({
  name: 'trials-ending',
  title: 'Trials ending',
  about: 'What is charged when they end, before discounts and credit.',
  empty: 'No trial is running.',
  states: ['trialing'],
  ends: 'Trial ends',
});

export const renewals = dueBoard({
  name: 'renewals',
  title: 'Coming renewals',
  about: 'What is charged next, before discounts, credit and usage.',
  empty: 'Nothing renews.',
  states: ['active', 'downgrading'],
  ends: 'Renews',
});

const detailOf = ({ line }: LeavingRow, name: string): string | null => {
  const value = line.detail[name];
  return typeof value === 'string' ? value : null;
};

/** Who leaves or left: when, why, and in their own words. */
export const leaving: List<LeavingRow> = {
  name: 'leaving',
  path: '/admin/boards/leaving',
  title: 'Leaving',
  about: 'Who leaves or left, by when.',
  empty: 'No one has left.',
  filters: DATES,
  sorts: [
    ['latest', 'latest first'],
    ['earliest', 'earliest first'],
  ],
  columns: [
    {
      name: 'account',
      title: 'Account',
      value: (row) => row.accountId,
      cell: ({ line, accountId: userId, ...row }) =>
        payerLink({ ...row, userId, id: line.subscriptionId }),
    },
    { name: 'email', title: 'E-mail', value: (row) => row.email },
    { name: 'subscription', title: 'Subscription', value: (row) => row.line.subscriptionId },
    { name: 'plan', title: 'Plan', value: (row) => row.plan, cell: (row) => row.plan },
    STATE,
    {
      name: 'leavesAt',
      title: 'Leaves or left',
      value: (row) => iso(row.leavesAt),
      cell: (row, { businessNow }) => at(row.leavesAt, businessNow),
    },
    {
      name: 'at',
      title: 'Said',
      value: (row) => iso(row.line.occurredAt),
      cell: (row, { businessNow }) => at(row.line.occurredAt, businessNow),
    },
    {
      name: 'reason',
      title: 'Reason',
      value: (row) => detailOf(row, 'feedback') ?? detailOf(row, 'reason'),
      cell: (row) =>
        (detailOf(row, 'feedback') ?? detailOf(row, 'reason'))?.replaceAll('_', ' ') ?? 'not said',
    },
    {
      name: 'comment',
      title: 'Comment',
      value: (row) => detailOf(row, 'comment'),
      cell: (row) => html`<span class="wrap">${detailOf(row, 'comment')}</span>`,
    },
    { name: 'by', title: 'By', value: (row) => row.line.actor, cell: (row) => row.line.actor },
  ],
  page: async ({ database }, { filters, sort, after, limit }) => {
    const rows = await subscriptionsLeaving(database.knex, {
      ...spanOf(filters),
      ...timeCursor(after),
      earliestFirst: sort === 'earliest',
      limit: limit + 1,
    });
    return cutPage(rows, limit, ({ leavesAt, line }) => `${leavesAt}~${line.subscriptionId}`);
  },
};
