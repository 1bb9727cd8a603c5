import { exact } from '../../../http/pages/format.ts';
import { Html, html } from '../../../http/pages/html.ts';
import { accountPath } from '../act-forms/act-form.ts';
import { adminPage, mayAct, type Frame } from '../page.ts';
import { actLink } from './account-money.ts';
import { mailName, mailState, type MailItem } from './mails.ts';
import { facts } from './parts.ts';

export interface MailView {
  item: MailItem;
  /** What it said when it was sent, or would say now. */
  look: { to: string | null; subject: string; text: string; html?: string };
  isSent: boolean;
  /** The event or request that caused it. */
  cause: string | null;
}

/** One mail as it looks. */
export function mailPage(frame: Frame, view: MailView): string {
  const { item, look, isSent, cause } = view;
  return adminPage(frame, {
    title: look.subject,
    section: 'mails',
    content: html`<div class="head">
        <h1 class="wrap">${look.subject}</h1>
        ${mailState(item)}
        ${
          mayAct(frame) &&
          item.accountId !== null &&
          item.state !== 'waiting' &&
          html`<span class="push"
            >${actLink(item.accountId, { name: 'resend', words: 'Send again', fields: { mail: String(item.id) } })}</span
          >`
        }
      </div>
      <div class="columns">
        <section class="panel" aria-labelledby="look-title">
          <div class="panel-head">
            <h2 id="look-title">${isSent ? 'As it was sent' : 'As it would look now'}</h2>
          </div>
          <div class="panel-body stack">
            ${facts([
              ['To', look.to ?? 'an address that Stripe has'],
              ['Subject', look.subject],
            ])}
            ${
              look.html !== undefined &&
              html`<iframe
                class="mail-look"
                src="/admin/mails/${item.id}/html"
                sandbox
                title="The mail as HTML"
              ></iframe>`
            }
            <details ${look.html === undefined && new Html('open')}>
              <summary>As plain text</summary>
              <pre class="payload">${look.text}</pre>
            </details>
          </div>
        </section>
        <section class="panel" aria-labelledby="facts-title">
          <div class="panel-head"><h2 id="facts-title">Details</h2></div>
          <div class="panel-body">
            ${facts([
              ['Mail', mailName(item.kind)],
              [
                'Account',
                item.accountId !== null &&
                  html`<a href="${accountPath(item.accountId)}">${item.accountId}</a>`,
              ],
              ['State', mailState(item)],
              ['Reason', item.reason],
              ['Attempts', item.attempts],
              ['Made', exact(item.createdAt)],
              ['Sent', item.state === 'sent' && exact(item.deliveredAt)],
              ['Next attempt', item.nextAttemptAt !== null && exact(item.nextAttemptAt)],
              [
                'Cause',
                cause?.startsWith('evt_')
                  ? html`<a class="mono" href="/admin/events/${encodeURIComponent(cause)}"
                      >${cause}</a
                    >`
                  : cause,
              ],
            ])}
          </div>
        </section>
      </div>`,
  });
}
