import { loadAssets } from './assets.ts';
import { htmlDocument } from './document.ts';
import { html } from './html.ts';
import { page } from './respond.ts';

const TITLES: Readonly<Record<number, string>> = {
  403: 'Not allowed',
  404: 'Page not found',
  405: 'Page not found',
  429: 'Too many requests',
  503: 'Not available at the moment',
};

/** A browser that goes to a page, not a program that calls the API. */
function opensPage(request: Request): boolean {
  const { pathname } = new URL(request.url);
  const wantsPage = request.headers.get('accept')?.includes('text/html') ?? false;
  return wantsPage && !/^\/(admin\/)?api\//.test(pathname);
}

/** The error as a page in a browser; programs get it as it is. */
export async function asPage(request: Request, response: Response): Promise<Response> {
  if (!opensPage(request)) return response;
  const { error } = (await response.json()) as { error: { message: string; requestId: string } };
  const { css, js } = await loadAssets();
  const title = TITLES[response.status] ?? 'This did not work';
  const isAdmin = new URL(request.url).pathname.startsWith('/admin');
  const words = response.status === 405 ? 'This address is reached by a form only.' : error.message;
  const document = htmlDocument({
    title,
    theme: null,
    assets: { css: css.path, js: js.path },
    body: html`<main id="content" tabindex="-1">
      <section class="panel narrow" aria-labelledby="error-title">
        <div class="panel-head"><h1 id="error-title">${title}</h1></div>
        <div class="panel-body stack">
          <p>${words}</p>
          ${isAdmin && html`<p><a class="button" href="/admin">To the dashboard</a></p>`}
          <p class="muted small">Request ${error.requestId}</p>
        </div>
      </section>
    </main>`,
  });
  const shown = page(document, response.status);
  for (const name of ['allow', 'retry-after']) {
    const value = response.headers.get(name);
    if (value !== null) shown.headers.set(name, value);
  }
  return shown;
}
