import { loadAssets } from '../../http/pages/assets.ts';
import { htmlDocument } from '../../http/pages/document.ts';
import { html } from '../../http/pages/html.ts';
import { page } from '../../http/pages/respond.ts';
import type { RouteContext } from '../../http/define-route.ts';
import { themeOf } from '../pages/session.ts';
import { loginPage } from '../pages/views/others.ts';

/**
 * A page that goes on by itself instead of a redirect: a strict cookie set on the way of a link from
 * elsewhere would not be sent along to the next address.
 */
export async function signedIn(request: Request, back: string): Promise<Response> {
  const assets = await loadAssets();
  const document = htmlDocument({
    title: 'Signed in',
    theme: themeOf(request),
    assets: { css: assets.css.path, js: assets.js.path },
    head: html`<meta http-equiv="refresh" content="0; url=${back}" />`,
    body: html`<main id="content">
      <section class="panel narrow">
        <div class="panel-head"><h1>Signed in</h1></div>
        <p class="panel-body"><a href="${back}">To the dashboard</a></p>
      </section>
    </main>`,
  });
  return page(document);
}

interface FormState {
  services: RouteContext['services'];
  error: string | null;
  back: string;
  status?: number;
}

/** The sign-in form. */
export async function signInForm(request: Request, state: FormState): Promise<Response> {
  const { adminToken, operators, oidc } = state.services.config;
  const assets = await loadAssets();
  const document = loginPage({
    theme: themeOf(request),
    assets: { css: assets.css.path, js: assets.js.path },
    error: state.error,
    hasTokens: adminToken !== null || operators.length > 0,
    provider: oidc && new URL(oidc.issuer).host,
    back: state.back,
  });
  return page(document, state.status ?? 200);
}
