import { html, type Markup } from './html.ts';

export interface PageParts {
  title: string;
  /** Other origins that a form of this page may end on by redirect. */
  formTargets?: readonly string[];
  body: Markup;
  status?: number;
  /** Paths of further stylesheets. */
  stylesheets?: readonly string[];
}

export interface PageResponse {
  status: number;
  headers: Record<string, string>;
  body: string;
}

function originOf(url: string): string | null {
  return URL.canParse(url) ? new URL(url).origin : null;
}

/** No inline code or style, nothing from elsewhere. Browsers check `form-action` on redirects too. */
function contentPolicy(targets: readonly string[]): string {
  const origins = targets.map(originOf).filter((each) => each !== null && each !== 'null');
  return [
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    `form-action ${["'self'", ...new Set(origins)].join(' ')}`,
  ].join('; ');
}

/** A whole page, with the notice that no money moves and the headers that keep it safe. */
export function page(parts: PageParts): PageResponse {
  const document = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>${parts.title} · Local Stripe emulator</title>
        <link rel="icon" href="/_pages/icon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="/_pages/base.css" />
        <link rel="stylesheet" href="/_pages/forms.css" />
        ${(parts.stylesheets ?? []).map((path) => html`<link rel="stylesheet" href="${path}" />`)}
        <script src="/_pages/pages.js" defer></script>
      </head>
      <body>
        <p class="notice" role="note">
          <strong>Local Stripe emulator</strong> <span>no real money, use test cards only</span>
        </p>
        ${parts.body}
      </body>
    </html>`;
  return {
    status: parts.status ?? 200,
    headers: {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': contentPolicy(parts.formTargets ?? []),
      'Cache-Control': 'no-store',
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
    },
    body: document.markup,
  };
}

/** A short page for a link that is over or leads nowhere. */
export const messagePage = (title: string, text: string, status: number): PageResponse =>
  page({
    title,
    status,
    body: html`<main class="single card">
      <h1>${title}</h1>
      <p>${text}</p>
    </main>`,
  });

/** Sends the browser on after a form was posted. */
export const redirectTo = (url: string): PageResponse => ({
  status: 303,
  headers: { Location: url, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' },
  body: '',
});
