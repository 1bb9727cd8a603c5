import { html, type Html } from './html.ts';

/** A whole document with the style sheet and the client that all pages share. */
export function htmlDocument(page: {
  title: string;
  theme: 'light' | 'dark' | null;
  /** The shared style sheet and client, or a page's own choice of them. */
  assets?: { css: string; js: string };
  styles?: readonly string[];
  script?: string | null;
  /** Whose page it is. */
  site?: string;
  /** Further elements of the head. */
  head?: Html;
  body: Html;
}): string {
  const { assets, site = 'Tenure' } = page;
  const styles = page.styles ?? (assets ? [assets.css] : []);
  const script = page.script ?? assets?.js ?? null;
  return html`<!doctype html>
    <html lang="en" ${page.theme && html` data-theme="${page.theme}"`}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${page.title} · ${site}</title>
        ${styles.map((href) => html`<link rel="stylesheet" href="${href}" />`)}
        <link rel="icon" href="data:," />
        ${script !== null && html`<script type="module" src="${script}"></script>`} ${page.head}
      </head>
      <body>
        <a class="skip" href="#content">Skip to content</a>
        ${page.body}
      </body>
    </html> `.markup;
}
