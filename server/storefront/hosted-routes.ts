import { z } from 'zod';
import { AppError } from '../http/errors.ts';
import { defineRoute, json, type Route } from '../http/define-route.ts';
import { loadAssets } from '../http/pages/assets.ts';
import { hostedSite, PAGE_PATH } from './hosted-site.ts';
import { createPageLink } from './page-link.ts';
import { ACCOUNT_PAGES } from './page-routes.ts';
import { routesOn } from './site.ts';

/** A link that an application sends its signed-in customer to, or shows in a frame. */
const pageRoute = defineRoute({
  method: 'POST',
  path: PAGE_PATH,
  auth: 'user',
  summary: 'Make a link to the hosted billing page',
  description:
    'The link acts for the account until it expires: send the browser there at once, and store it nowhere.',
  body: z.strictObject({}),
  response: z.object({ url: z.url(), expiresAt: z.iso.datetime() }),
  handler: async (_request, { services: { config }, user }) => {
    const { token, expiresAt } = await createPageLink(config, user);
    const url = `${config.billingPage.url}?session=${token}`;
    return json({ url, expiresAt: new Date(expiresAt).toISOString() });
  },
});

const styles = defineRoute({
  method: 'GET',
  path: `${PAGE_PATH}/assets/:hash/styles.css`,
  auth: 'public',
  page: true,
  summary: 'The style sheet of the hosted billing page',
  response: null,
  handler: async (_request, { params }) => {
    const { css } = await loadAssets();
    if (!css.path.includes(`/${params['hash']}/`)) {
      throw new AppError('not_found', 'There is no such style sheet.');
    }
    return sheet(css.content, 'public, max-age=31536000, immutable');
  },
});

const theme = defineRoute({
  method: 'GET',
  path: `${PAGE_PATH}/theme.css`,
  auth: 'public',
  page: true,
  summary: "The shop's own colours (SHOP_THEME)",
  response: null,
  handler: async (_request, { services: { config } }) =>
    sheet(`:root { ${config.shop.theme.map((each) => `${each};`).join(' ')} }\n`, 'max-age=300'),
});

function sheet(content: string, cacheControl: string): Response {
  return new Response(content, {
    headers: { 'content-type': 'text/css; charset=utf-8', 'cache-control': cacheControl },
  });
}

/** The hosted billing page, in production too. */
export const HOSTED_PAGE_ROUTES: readonly Route[] = [
  pageRoute,
  styles,
  theme,
  ...routesOn(hostedSite, ACCOUNT_PAGES),
];
