import {
  atRisk,
  subscriptionsDue,
  subscriptionsLeaving,
  type DueRow,
  type LeavingRow,
  type Payer,
} from '../../../../db/boards.ts';
import { lastMailOf, type MailRow } from '../../../../db/mails.ts';
import { itemCharge, type Catalogue } from '../../../../state/catalogue.ts';
import type { EffectPayloads } from '../../../../state/effect-kinds.ts';
import { formatMoney } from '../../../../state/money.ts';
import type { Stored } from '../../../../state/mail-relevance.ts';
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

/** What a payment that failed was about, as its last mail says. */
type FailedMail = Stored<EffectPayloads['mail.payment_failed']>;

interface FailingRow extends DueRow {
  mail: MailRow | null;
  amountDue: number | null;
  nextAttemptAt: number | null;
}

const FAILED: readonly LifecycleState[] = ['past_due', 'unpaid'];

function failingRow(row: DueRow, mails: Map<string, MailRow>): FailingRow {
  const mail = mails.get(row.userId ?? '') ?? null;
  const told = (mail?.payload ?? {}) as FailedMail;
  // A mail about an older subscription of the same account says nothing of this one.
  const isOwn = told.subscriptionId === row.id;
  const next = Date.parse((isOwn && told.nextAttemptAt) || '');
  return {
    ...row,
    mail: isOwn ? mail : null,
    amountDue: (isOwn && told.amountDue) || null,
    nextAttemptAt: Number.isNaN(next) ? null : next,
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
        at(row.nextAttemptAt, businessNow) ?? (row.mail ? 'none' : '–'),
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
    const rows = await subscriptionsDue(db, {
      states: FAILED,
      by: 'since',
      ...spanOf(filters),
      ...timeCursor(after),
      limit: limit + 1,
    });
    const accounts = rows.flatMap(({ userId }) => userId ?? []);
    const [mails, sums] = await Promise.all([
      lastMailOf(db, accounts, ['mail.payment_failed', 'mail.payment_failed_final']),
      atRisk(db, FAILED),
    ]);
    const page = cutPage(rows, limit, (row) => `${row.since}~${row.id}`);
    const words = sums.map(
      ({ currency, count, mrr }) => `${count} with ${formatMoney(mrr, currency)} a month`,
    );
    return {
      ...page,
      rows: page.rows.map((row) => failingRow(row, mails)),
      note: words.length > 0 ? html`<p class="total">${words.join(', ')} at risk</p>` : null,
    };
  },
};

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
  about: 'Who left or said so, the latest first.',
  empty: 'No one has left.',
  filters: DATES,
  sorts: [['latest', 'latest first']],
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
      name: 'at',
      title: 'Said or left',
      value: (row) => iso(row.line.occurredAt),
      cell: (row, { businessNow }) => at(row.line.occurredAt, businessNow),
    },
    {
      name: 'endsAt',
      title: 'Ends',
      value: (row) => iso(row.endsAt),
      cell: (row, { businessNow }) => at(row.endsAt, businessNow),
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
  page: async ({ database }, { filters, after, limit }) => {
    const beforeId = /^\d{1,15}$/.test(after ?? '') ? Number(after) : undefined;
    const rows = await subscriptionsLeaving(database.knex, {
      ...spanOf(filters),
      ...(beforeId !== undefined && { beforeId }),
      limit: limit + 1,
    });
    return cutPage(rows, limit, ({ line }) => String(line.id));
  },
};
