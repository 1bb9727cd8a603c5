import { listMails, type MailRow } from '../../../../db/mails.ts';
import { exact } from '../../../http/pages/format.ts';
import { html } from '../../../http/pages/html.ts';
import { accountPath } from '../act-forms/act-form.ts';
import { mayAct } from '../page.ts';
import { mailItem } from '../queries/mails.ts';
import { actLink } from '../views/account-money.ts';
import { mailName, mailState } from '../views/mails.ts';
import { MAIL_KINDS } from '../../../outbox/mails/facts.ts';
import { cutPage, iso, type List } from './list.ts';

/** Every mail that was sent, will be, or was not, and why. */
export const mails: List<MailRow> = {
  name: 'mails',
  path: '/admin/mails',
  title: 'Mails',
  about: 'Every mail that was sent, will be, or was not.',
  empty: 'No mails.',
  filters: [
    {
      name: 'status',
      label: 'State',
      options: [
        ['waiting', 'waiting'],
        ['delivered', 'sent, or nothing to send'],
        ['dead', 'dead'],
      ],
    },
    {
      name: 'kind',
      label: 'Mail',
      options: MAIL_KINDS.map((kind) => [kind, mailName(kind)] as const),
    },
    { name: 'account', label: 'Account' },
  ],
  sorts: [['newest', 'newest first']],
  columns: [
    { name: 'id', title: 'Id', value: (row) => row.id },
    {
      name: 'kind',
      title: 'Mail',
      value: (row) => row.kind,
      cell: (row) => html`<a href="/admin/mails/${row.id}">${mailName(row.kind)}</a>`,
    },
    {
      name: 'account',
      title: 'Account',
      value: (row) => row.accountId,
      cell: (row) =>
        row.accountId !== null &&
        html`<a class="wrap" href="${accountPath(row.accountId)}">${row.accountId}</a>`,
    },
    {
      name: 'state',
      title: 'State',
      value: (row) => mailItem(row).state,
      cell: (row) => {
        const item = mailItem(row);
        return html`${mailState(item)}${item.reason !== null && html`<div class="muted wrap">${item.reason}</div>`}`;
      },
    },
    { name: 'reason', title: 'Reason', value: (row) => row.lastError },
    { name: 'attempts', title: 'Attempts', value: (row) => row.attempts },
    {
      name: 'createdAt',
      title: 'Made',
      value: (row) => iso(row.createdAt),
      cell: (row) => exact(row.createdAt),
    },
    {
      name: 'sentAt',
      title: 'Sent',
      value: (row) => (mailItem(row).state === 'sent' ? iso(row.deliveredAt) : null),
      cell: (row) => mailItem(row).state === 'sent' && exact(row.deliveredAt),
    },
    {
      name: 'acts',
      title: '',
      right: true,
      value: () => null,
      cell: (row, { frame }) =>
        mayAct(frame) &&
        row.accountId !== null &&
        row.status !== 'waiting' &&
        actLink(row.accountId, {
          name: 'resend',
          words: 'Send again',
          about: `${mailName(row.kind)} ${row.id}`,
          fields: { mail: String(row.id) },
        }),
    },
  ],
  page: async ({ database }, { filters, after, limit }) => {
    const { status, kind, account } = filters;
    const beforeId = /^\d{1,15}$/.test(after ?? '') ? Number(after) : undefined;
    const rows = await listMails(database.knex, {
      ...(status !== undefined && { status: status as MailRow['status'] }),
      ...(kind !== undefined && { kind }),
      ...(account !== undefined && { accountId: account }),
      ...(beforeId !== undefined && { beforeId }),
      limit: limit + 1,
    });
    return cutPage(rows, limit, ({ id }) => String(id));
  },
};
