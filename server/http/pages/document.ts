import { html, type Html } from './html.ts';

/** A whole document with the style sheet and the client that all pages share. */
export function htmlDocument(page: {
  title: string;
  theme: 'light' | 'dark' | null;
  assets: { css: string; js: string };
  /** Further elements of the head. */
  head?: Html;
  body: Html;
}): string {
  return html`<!doctype html>
    <html lang="en" ${page.theme && html` data-theme="${page.theme}"`}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${page.title} · Tenure</title>
        <link rel="stylesheet" href="${page.assets.css}" />
        <link rel="icon" href="data:," />
        <script type="module" src="${page.assets.js}"></script>
        ${page.head}
      </head>
      <body>
        <a class="skip" href="#content">Skip to content</a>
        ${page.body}
      </body>
    </html> `.markup;
}
