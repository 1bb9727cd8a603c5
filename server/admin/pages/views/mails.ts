import { exact } from '../../../http/pages/format.ts';
import { html, type Html } from '../../../http/pages/html.ts';
import { accountPath } from '../act-forms/act-form.ts';
import { mayAct, type Frame } from '../page.ts';
import { actLink } from './account-money.ts';
import { rowTable } from './parts.ts';

export interface MailItem {
  id: number;
  kind: string;
  accountId: string | null;
  state: 'waiting' | 'sent' | 'not sent' | 'dead';
  /** Why it was not sent, or what went wrong last. */
  reason: string | null;
  attempts: number;
  createdAt: number;
  deliveredAt: number | null;
  nextAttemptAt: number | null;
}

const TONES: Record<MailItem['state'], string> = {
  waiting: 'waiting',
  sent: 'done',
  'not sent': '',
  dead: 'dead',
};

/** `mail.payment_failed_final` → `payment failed final`. */
export function mailName(kind: string): string {
  return kind.replace(/^mail\./, '').replaceAll('_', ' ');
}

export function mailState({ state }: Pick<MailItem, 'state'>): Html {
  return html`<span class="status ${TONES[state]}">${state}</span>`;
}

/** Mails as rows; with their account where they are of many. */
export function mailTable(frame: Frame, rows: readonly MailItem[], of: 'one' | 'many'): Html {
  return rowTable(
    'Mails',
    [
      {
        title: 'Mail',
        cell: (row) => html`<a href="/admin/mails/${row.id}">${mailName(row.kind)}</a>`,
      },
      ...(of === 'many'
        ? [
            {
              title: 'Account',
              cell: (row: MailItem) =>
                row.accountId &&
                html`<a class="wrap" href="${accountPath(row.accountId)}">${row.accountId}</a>`,
            },
          ]
        : []),
      {
        title: 'State',
        cell: (row) =>
          html`${mailState(row)}${row.reason !== null && html`<div class="muted wrap">${row.reason}</div>`}`,
      },
      { title: 'Made', cell: (row) => exact(row.createdAt) },
      { title: 'Sent', cell: (row) => row.state === 'sent' && exact(row.deliveredAt) },
      {
        title: '',
        right: true,
        cell: (row) =>
          mayAct(frame) &&
          row.accountId !== null &&
          row.state !== 'waiting' &&
          actLink(row.accountId, {
            name: 'resend',
            words: 'Send again',
            about: `${mailName(row.kind)} ${row.id}`,
            fields: { mail: String(row.id) },
          }),
      },
    ],
    rows,
  );
}
