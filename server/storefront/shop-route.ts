import { loadAssets } from '../http/pages/assets.ts';
import { html, query, safeUrl, type Html } from '../http/pages/html.ts';
import { AppError } from '../http/errors.ts';
import { formOf, page, redirect } from '../http/pages/respond.ts';
import { defineRoute, type Method, type Route } from '../http/define-route.ts';
import type { Services } from '../lib/services.ts';
import { demoToken, endedDemoCookie, isOpen } from './demo-user.ts';
import { ApiRefusal } from '../http/api-answer.ts';
import { PublicApi } from './public-api.ts';
import type { Did } from './notices.ts';
import { shopPage, type Choice, type ShopFrame } from './views.ts';

interface ShopContext {
  services: Services;
  request: Request;
  api: PublicApi;
  params: Record<string, string>;
  query: URLSearchParams;
  /** The fields of a POST; empty otherwise. */
  form: URLSearchParams;
}

interface ShopSpec {
  method: Method;
  path: string;
  summary: string;
  /** Pages for anybody; the others ask who one is. */
  open?: boolean;
  handler: (context: ShopContext) => Promise<Response>;
}

/** A page or form of the shop. It exists with the emulator or a test key only. */
export function shopRoute(spec: ShopSpec): Route {
  return defineRoute({
    method: spec.method,
    path: spec.path,
    auth: 'public',
    page: true,
    summary: spec.summary,
    response: null,
    handler: async (request, context) => {
      const { services, params, dispatch } = context;
      if (!isOpen(services.config)) {
        throw new AppError('not_found', 'There is no storefront here.');
      }
      if (spec.method === 'POST') requireSameSite(request);
      if (!spec.open && demoToken(request) === null) return redirect('/shop/login');
      return answer(spec, {
        services,
        request,
        params,
        api: new PublicApi(dispatch, request),
        query: new URL(request.url).searchParams,
        form: spec.method === 'POST' ? await formOf(request, context) : new URLSearchParams(),
      });
    },
  });
}

/** An error of the API is shown with its message; everything else goes its usual way. */
async function answer(spec: ShopSpec, context: ShopContext): Promise<Response> {
  try {
    return await spec.handler(context);
  } catch (error) {
    if (!(error instanceof ApiRefusal)) throw error;
    if (error.status === 401)
      return redirect('/shop/login', [endedDemoCookie(context.services.config)]);
    const content = html`<p><a href="/billing">Back to the account</a></p>`;
    const notice = { words: error.message, bad: true };
    return show(context, { title: 'This did not work', content, notice, status: error.status });
  }
}

function requireSameSite(request: Request): void {
  const origin = request.headers.get('origin');
  const host = request.headers.get('host') ?? new URL(request.url).host;
  if (origin !== null && (!URL.canParse(origin) || new URL(origin).host !== host)) {
    throw new AppError('forbidden', 'This form was sent from another site.');
  }
}

interface Shown {
  title: string;
  content: Html;
  notice?: ShopFrame['notice'];
  status?: number;
  head?: Html;
}

export async function show(context: ShopContext, shown: Shown): Promise<Response> {
  const { services, request } = context;
  const assets = await loadAssets();
  const frame: ShopFrame = {
    assets: { css: assets.css.path, js: assets.js.path },
    signedIn: demoToken(request) !== null,
    emulator: services.config.stripe.apiBase !== null,
    notice: shown.notice ?? null,
  };
  const document = shopPage(frame, shown);
  return page(document, shown.status ?? 200, policyOf(services));
}

/** The same policy as elsewhere, but forms may lead on to the pages that Stripe hosts. */
function policyOf({ config }: Services): string {
  const { apiBase } = config.stripe;
  const hosts =
    apiBase === null
      ? 'https://checkout.stripe.com https://billing.stripe.com'
      : new URL(apiBase).origin;
  return `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self' ${hosts}; base-uri 'none'; frame-ancestors 'none'`;
}

/** On to Stripe's page if the API named one, else back to the account. */
export function onward(url: string | null, did: Did | ''): Response {
  return redirect(safeUrl(url) ?? `/billing${query({ did })}`);
}

export function choiceOf(fields: URLSearchParams): Choice {
  return { plan: fields.get('plan') ?? '', interval: fields.get('interval') ?? '' };
}
