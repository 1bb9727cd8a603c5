import type { Account } from '../kernel/account.ts';
import type { Emulator } from '../kernel/emulator.ts';
import { html, type Markup } from '../pages/html.ts';
import { page, type PageResponse } from '../pages/layout.ts';

/** One view of the console: whose data, and where the links lead. */
export interface View {
  readonly emulator: Emulator;
  readonly account: Account;
  readonly query: URLSearchParams;
}

const PAGES = [
  ['/', 'Overview'],
  ['/console/objects', 'Objects'],
  ['/console/events', 'Events'],
  ['/console/deliveries', 'Deliveries'],
  ['/console/requests', 'Requests'],
  ['/console/faults', 'Faults'],
] as const;

/** A path of the console for the same account. */
export function link(view: View, path: string): string {
  return `${path}${path.includes('?') ? '&' : '?'}account=${view.account.id}`;
}

/** A console page with its navigation; `current` is the path of the page it belongs to. */
export function consolePage(
  view: View,
  parts: { title: string; current: string; body: Markup },
): PageResponse {
  const entries = PAGES.map(([path, name]) =>
    path === parts.current
      ? html`<a href="${link(view, path)}" aria-current="page">${name}</a>`
      : html`<a href="${link(view, path)}">${name}</a>`,
  );
  return page({
    title: parts.title,
    stylesheets: ['/_pages/console.css'],
    body: html`<main class="console">
      <nav class="console-nav" aria-label="Console">
        ${entries}
        <span class="account">${view.account.id}</span>
      </nav>
      <h1>${parts.title}</h1>
      ${parts.body}
    </main>`,
  });
}

/** A table that scrolls by itself on a narrow screen. */
export function table(
  caption: string,
  heads: readonly string[],
  rows: readonly Markup[][],
): Markup {
  if (rows.length === 0) return html`<p class="muted">Nothing yet.</p>`;
  return html`<div class="table" role="region" aria-label="${caption}" tabindex="0">
    <table>
      <thead>
        <tr>
          ${heads.map((head) => html`<th scope="col">${head}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (cells) =>
            html`<tr>
              ${cells.map((cell) => html`<td>${cell}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** Unix seconds as `2026-11-24 08:01:14`. */
export function moment(seconds: number): Markup {
  const iso = new Date(seconds * 1000).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')}</time>`;
}

/** Any value as readable JSON. */
export function json(value: unknown): Markup {
  return html`<pre class="json" tabindex="0">${JSON.stringify(value, null, 2)}</pre>`;
}

/** A short text in the code face. */
export function code(text: string): Markup {
  return html`<code>${text}</code>`;
}

/** A cell of plain text. */
export function text(value: string | number): Markup {
  return html`${value}`;
}
