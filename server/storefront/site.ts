import { ApiRefusal } from '../http/api-answer.ts';
import { defineRoute, type Method, type Route, type RouteContext } from '../http/define-route.ts';
import { html, safeUrl, type Html } from '../http/pages/html.ts';
import { formOf, page, redirect } from '../http/pages/respond.ts';
import type { Services } from '../lib/services.ts';
import type { Links } from './links.ts';
import type { Did } from './notices.ts';
import type { PublicApi } from './public-api.ts';
import { sitePage, type Frame } from './views.ts';

/** Who looks at a page, and what is around it. */
export interface Visitor {
  api: PublicApi;
  links: Links;
  frame: Omit<Frame, 'notice'>;
  /** The policy that the page is sent with. */
  policy: string;
}

/** One of the two places with the customer's pages: the demo shop, or the hosted billing page. */
export interface Site {
  /** The path of the route by this name. */
  pathOf: (name: string) => string;
  /** A response in place of its pages where the visitor may not see them. */
  admit: (request: Request, context: RouteContext) => Promise<Visitor | Response>;
  /** Where one goes whose sign-in has ended. */
  ended: (services: Services) => Promise<Response> | Response;
}

export interface Visit extends Visitor {
  services: Services;
  request: Request;
  params: Record<string, string>;
  query: URLSearchParams;
  /** The fields of a POST; empty otherwise. */
  form: URLSearchParams;
}

export interface PageSpec {
  method: Method;
  name: string;
  summary: string;
  handler: (visit: Visit) => Promise<Response>;
}

/** The same pages at the paths of a site. */
export function routesOn(site: Site, specs: readonly PageSpec[]): Route[] {
  return specs.map((spec) =>
    defineRoute({
      method: spec.method,
      path: site.pathOf(spec.name),
      auth: 'public',
      page: true,
      summary: spec.summary,
      response: null,
      handler: async (request, context) => {
        const visitor = await site.admit(request, context);
        if (visitor instanceof Response) return visitor;
        const { services, params } = context;
        const isForm = spec.method === 'POST';
        const form = isForm ? await formOf(request, context) : new URLSearchParams();
        const address = new URL(request.url).searchParams;
        return answer(site, spec, { ...visitor, services, request, params, query: address, form });
      },
    }),
  );
}

/** An error of the API is shown with its message; everything else goes its usual way. */
async function answer(site: Site, spec: PageSpec, visit: Visit): Promise<Response> {
  try {
    return await spec.handler(visit);
  } catch (error) {
    if (!(error instanceof ApiRefusal)) throw error;
    if (error.status === 401) return site.ended(visit.services);
    const content = html`<p><a href="${visit.links('')}">Back to the account</a></p>`;
    const notice = { words: error.message, bad: true };
    return show(visit, { title: 'This did not work', content, notice, status: error.status });
  }
}

interface Shown {
  title: string;
  content: Html;
  notice?: Frame['notice'];
  status?: number;
  head?: Html;
}

export function show(visitor: Pick<Visitor, 'frame' | 'policy'>, shown: Shown): Response {
  const { frame, policy } = visitor;
  const document = sitePage({ ...frame, notice: shown.notice ?? null }, shown);
  return page(document, shown.status ?? 200, policy);
}

/** On to Stripe's page if the API named one, else back to the account. */
export function onward(
  { links }: Pick<Visit, 'links'>,
  url: string | null,
  did: Did | '',
): Response {
  return redirect(safeUrl(url) ?? links('', did === '' ? {} : { did }));
}

/** The policy of pages for customers: nothing inline, nothing from elsewhere but the shop's logo; forms may lead to Stripe. */
export function sitePolicy(
  { stripe, shop }: Services['config'],
  options: { frameAncestors: readonly string[]; script: boolean },
): string {
  const hosts =
    stripe.apiBase === null
      ? 'https://checkout.stripe.com https://billing.stripe.com https://invoice.stripe.com'
      : new URL(stripe.apiBase).origin;
  const logo = shop.logoUrl === null ? '' : ` ${new URL(shop.logoUrl).origin}`;
  const ancestors =
    options.frameAncestors.length === 0 ? "'none'" : options.frameAncestors.join(' ');
  return [
    "default-src 'none'",
    `script-src ${options.script ? "'self'" : "'none'"}`,
    "style-src 'self'",
    `img-src 'self' data:${logo}`,
    `form-action 'self' ${hosts}`,
    "base-uri 'none'",
    `frame-ancestors ${ancestors}`,
  ].join('; ');
}
