import { exact } from '../../../http/pages/format.ts';
import { html, type Html } from '../../../http/pages/html.ts';
import { adminPage, hidden, mayAct, type Frame } from '../page.ts';
import type { WebhookItem, WebhookView } from '../queries/webhooks.ts';
import { eventLink, facts, rowTable } from './parts.ts';

const TONES: Record<WebhookItem['state'], string> = {
  waiting: 'waiting',
  delivered: 'done',
  'not sent': '',
  dead: 'dead',
};

export function webhookState(state: WebhookItem['state']): Html {
  return html`<span class="status ${TONES[state]}">${state}</span>`;
}

/** One outgoing webhook: what it says, and each attempt to deliver it. */
export function webhookPage(frame: Frame, view: WebhookView): string {
  return adminPage(frame, {
    title: `${view.type} to ${view.receiver}`,
    section: 'mails',
    content: html`<div class="head">
        <h1 class="mono wrap">${view.type}</h1>
        ${webhookState(view.state)}
        ${
          mayAct(frame) &&
          view.url !== null &&
          html`<form class="push" method="post" action="/admin/webhooks/${view.id}/resend">
            ${hidden(frame)}
            <button class="primary" type="submit">
              ${view.state === 'waiting' ? 'Try now' : 'Send again'}
            </button>
          </form>`
        }
      </div>
      <div class="halves">
        <div class="stack">
          <section class="panel" aria-labelledby="facts-title">
            <div class="panel-head"><h2 id="facts-title">Details</h2></div>
            <div class="panel-body">${factsOf(view)}</div>
          </section>
          <section class="panel" aria-labelledby="attempts-title">
            <div class="panel-head"><h2 id="attempts-title">Attempts</h2></div>
            ${
              view.log.length === 0
                ? html`<div class="panel-body muted">None yet.</div>`
                : attemptTable(view.log)
            }
          </section>
        </div>
        <section class="panel" aria-labelledby="payload-title">
          <div class="panel-head"><h2 id="payload-title">Message</h2></div>
          <div class="panel-body stack">
            <p class="muted">As it was stored; what is sent says how things are by then.</p>
            <pre class="payload" tabindex="0" role="region" aria-label="The message as JSON">
${JSON.stringify(view.payload, null, 2)}</pre>
          </div>
        </section>
      </div>`,
  });
}

function factsOf(view: WebhookView): Html {
  const { cause, url } = view;
  return facts([
    ['Receiver', view.receiver],
    ['URL', url === null ? 'not set any more' : html`<span class="mono wrap">${url}</span>`],
    ['About', html`<span class="mono wrap">${view.objectId}</span>`],
    ['webhook-id', html`<span class="mono wrap">${view.webhookId}</span>`],
    ['Reason', view.reason],
    ['Made', exact(view.createdAt)],
    ['Delivered', view.deliveredAt !== null && exact(view.deliveredAt)],
    ['Next attempt', view.nextAttemptAt !== null && exact(view.nextAttemptAt)],
    ['Cause', cause?.startsWith('evt_') ? eventLink(cause) : cause],
  ]);
}

function attemptTable(log: WebhookView['log']): Html {
  return rowTable(
    'Attempts',
    [
      { title: 'At', cell: (row) => exact(row.at) },
      { title: 'Answer', cell: (row) => row.status ?? 'none' },
      { title: 'Error', cell: (row) => html`<span class="wrap">${row.error}</span>` },
      { title: 'Took', right: true, cell: (row) => `${row.durationMs} ms` },
    ],
    log.toReversed(),
  );
}
