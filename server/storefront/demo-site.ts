import { AppError } from '../http/errors.ts';
import { requireSameOrigin } from '../http/page-origin.ts';
import { loadAssets } from '../http/pages/assets.ts';
import { redirect } from '../http/pages/respond.ts';
import type { Config } from '../config/config.ts';
import { isLocalStack } from '../config/local-stack.ts';
import { demoToken, endedDemoCookie, isOpen } from './demo-user.ts';
import { PublicApi } from './public-api.ts';
import { linksOf } from './links.ts';
import { sitePolicy, type Site, type Visitor } from './site.ts';
import type { RouteContext } from '../http/define-route.ts';

const PATHS: Record<string, string> = { '': '/billing', return: '/billing/success' };
const pathOf = (name: string): string => PATHS[name] ?? `/shop/${name}`;
const LOGIN = pathOf('login');

/** The demo shop: the billing page for who signs in by typing an address. It exists with the emulator or a test key only. */
export const demoSite: Site = {
  pathOf,
  async admit(request, context) {
    const visitor = await admitVisitor(request, context);
    return demoToken(request) === null ? redirect(LOGIN) : visitor;
  },
  ended: ({ config }) => redirect(LOGIN, [endedDemoCookie(config)]),
};

/** Its pages that need no sign-in. */
export const openDemoSite: Site = { ...demoSite, admit: admitVisitor };

async function admitVisitor(request: Request, context: RouteContext): Promise<Visitor> {
  const { config } = context.services;
  if (!isOpen(config)) throw new AppError('not_found', 'There is no storefront here.');
  if (request.method === 'POST') requireSameOrigin(request);
  const token = demoToken(request);
  const sign = ({ headers }: Request) => {
    if (token !== null) headers.set('authorization', `Bearer ${token}`);
  };
  const { css, js } = await loadAssets();
  return {
    api: new PublicApi(context, request, sign),
    links: linksOf(demoSite),
    policy: sitePolicy(config, { frameAncestors: [], script: true }),
    frame: {
      styles: [css.path],
      script: js.path,
      shop: { ...config.shop, name: config.shop.name ?? 'Example Shop' },
      home: '/',
      demo: { signedIn: token !== null, local: isLocalStack(config) },
      mode: modeOf(config),
    },
  };
}

/** What must be said of the money on a page; nothing when it is real. */
export function modeOf({ stripe }: Config): string | null {
  if (stripe.live) return null;
  return stripe.apiBase === null ? 'Test mode' : 'Local emulator';
}
