import { randomUUID } from 'node:crypto';
import type { AccountNote } from '../../../../db/account-notes.ts';
import { exact } from '../../../http/pages/format.ts';
import { html, type Html } from '../../../http/pages/html.ts';
import { accountPath } from '../act-forms/act-form.ts';
import { hidden, mayAct, type Frame } from '../page.ts';
import { actLink } from './account-money.ts';
import { rowTable } from './parts.ts';

export interface ShownGrant {
  id: string;
  what: string;
  source: string;
  reason: string | null;
  by: string;
  endsAt: number | null;
  isOver: boolean;
}

interface Shown {
  id: string;
  grants: readonly ShownGrant[];
  notes: readonly AccountNote[];
}

/** What was granted, and what ended. */
export function grantsPanel(frame: Frame, view: Shown): Html {
  return html`<section class="panel" aria-labelledby="grants-title">
    <div class="panel-head"><h2 id="grants-title">Grants</h2></div>
    ${
      view.grants.length === 0
        ? html`<p class="empty">Nothing is granted.</p>`
        : rowTable(
            'Grants',
            [
              {
                title: 'What',
                cell: (row) =>
                  html`${row.what}
                    <div class="muted">${row.source}: ${row.reason}</div>`,
              },
              {
                title: 'Until',
                cell: (row) =>
                  row.isOver
                    ? html`<span class="muted">over</span>`
                    : row.endsAt === null
                      ? 'for ever'
                      : exact(row.endsAt),
              },
              {
                title: '',
                right: true,
                cell: (row) =>
                  mayAct(frame) &&
                  !row.isOver &&
                  actLink(view.id, {
                    name: 'revoke',
                    words: 'End',
                    about: row.what,
                    fields: { grant: row.id },
                  }),
              },
            ],
            view.grants,
          )
    }
  </section>`;
}

/** A note moves nothing: it is saved without a second question, once however often it is sent. */
export function notesPanel(frame: Frame, view: Shown): Html {
  return html`<section class="panel" id="notes" aria-labelledby="notes-title">
    <div class="panel-head"><h2 id="notes-title">Notes</h2></div>
    <div class="panel-body stack">
      ${
        mayAct(frame) &&
        html`<form class="stack tight" method="post" action="${accountPath(view.id, '/acts/note')}">
          ${hidden(frame)}<input type="hidden" name="step" value="do" />
          <input type="hidden" name="key" value="${randomUUID()}" />
          <label class="field"
            ><span>For other operators</span
            ><textarea name="text" rows="2" maxlength="4000" required></textarea>
          </label>
          <span><button class="small" type="submit">Save the note</button></span>
        </form>`
      }
      ${view.notes.length === 0 && !mayAct(frame) && html`<p class="muted">No notes.</p>`}
      ${view.notes.map(
        (note) =>
          html`<div>
            <p class="note-text">${note.text}</p>
            <p class="muted">${note.author} · ${exact(note.createdAt)}</p>
          </div>`,
      )}
    </div>
  </section>`;
}
