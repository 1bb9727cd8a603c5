import type { Config } from '../config/config.ts';
import { askForUser } from '../http/page-origin.ts';
import { loadAssets } from '../http/pages/assets.ts';
import { html } from '../http/pages/html.ts';
import type { Services } from '../lib/services.ts';
import { modeOf } from './demo-site.ts';
import { userOfPageLink } from './page-link.ts';
import { PublicApi } from './public-api.ts';
import { linksOf } from './links.ts';
import { show, sitePolicy, type Site, type Visitor } from './site.ts';

/** Where its routes are; browsers reach them under BILLING_PAGE_URL. */
export const PAGE_PATH = '/api/billing/page';

const pathOf = (name: string): string => (name === '' ? PAGE_PATH : `${PAGE_PATH}/${name}`);

/** The hosted billing page. A link opens it, and each of its addresses carries the link's token: no cookie, so it works in a frame. */
export const hostedSite: Site = {
  pathOf,
  async admit(request, context) {
    const { config } = context.services;
    const token = new URL(request.url).searchParams.get('session') ?? '';
    const user = await userOfPageLink(config, token);
    if (user === null) return expired(context.services);
    const links = linksOf({ pathOf: (name) => publicPath(config, name) }, { session: token });
    const at = (name: string) => new URL(links(name), config.billingPage.url).href;
    const returnUrls = {
      cancelUrl: at(''),
      // Stripe puts the id in, and knows it only unescaped.
      successUrl: `${at('return')}&session_id={CHECKOUT_SESSION_ID}`,
    };
    return {
      ...(await visitorOf(config)),
      api: new PublicApi(context, request, (asked) => askForUser(asked, { user, ...returnUrls })),
      links,
    };
  },
  ended: expired,
};

function publicPath({ billingPage }: Config, name: string): string {
  const base = new URL(billingPage.url).pathname.replace(/\/$/, '');
  return name === '' ? base : `${base}/${name}`;
}

async function visitorOf(config: Config): Promise<Pick<Visitor, 'frame' | 'policy'>> {
  const { css } = await loadAssets();
  const [, hash = ''] = /assets\/([^/]+)\//.exec(css.path) ?? [];
  return {
    policy: sitePolicy(config, { frameAncestors: config.billingPage.frameOrigins, script: false }),
    frame: {
      styles: [publicPath(config, `assets/${hash}/styles.css`), publicPath(config, 'theme.css')],
      script: null,
      shop: { ...config.shop, name: config.shop.name ?? new URL(config.http.appUrl).host },
      home: config.http.appUrl,
      demo: null,
      mode: modeOf(config),
    },
  };
}

/** Says nothing about whose page it was. */
async function expired({ config }: Services): Promise<Response> {
  return show(await visitorOf(config), {
    title: 'This link has expired',
    status: 403,
    content: html`<section class="panel narrow" aria-labelledby="expired-title">
      <div class="panel-head"><h1 id="expired-title">This link has expired</h1></div>
      <div class="panel-body stack">
        <p>Links to your billing page work for a short time. Open it again from your account.</p>
        <p><a class="button primary" href="${config.http.appUrl}" target="_top">Back</a></p>
      </div>
    </section>`,
  });
}
