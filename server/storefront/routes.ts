import { loadAssets } from '../http/pages/assets.ts';
import { html, query, safeUrl, type Html } from '../http/pages/html.ts';
import { AppError } from '../http/errors.ts';
import { formOf, page, redirect } from '../http/pages/respond.ts';
import { defineRoute, type Method, type Route } from '../http/define-route.ts';
import type { Services } from '../lib/services.ts';
import { DEMO_EMAIL, demoCookie, demoToken, endedDemoCookie, isOpen } from './demo-user.ts';
import { PublicApi, ShopError } from './public-api.ts';
import { accountContent } from './account-page.ts';
import { CONFIRMED, confirmContent } from './confirm-page.ts';
import { noticeFor, type Did } from './notices.ts';
import {
  loginContent,
  previewContent,
  pricingContent,
  shopPage,
  type Choice,
  type ShopFrame,
} from './views.ts';

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
function shopRoute(spec: ShopSpec): Route {
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
    if (!(error instanceof ShopError)) throw error;
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

async function show(context: ShopContext, shown: Shown): Promise<Response> {
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
function onward(url: string | null, did: Did | ''): Response {
  return redirect(safeUrl(url) ?? `/billing${query({ did })}`);
}

function choiceOf(fields: URLSearchParams): Choice {
  return { plan: fields.get('plan') ?? '', interval: fields.get('interval') ?? '' };
}

const pricing = shopRoute({
  method: 'GET',
  path: '/',
  open: true,
  summary: 'The plans of the demo shop',
  handler: async (context) => {
    const subscription =
      demoToken(context.request) === null ? null : await context.api.subscription();
    const subscribed = subscription !== null && !subscription.actions.includes('reactivate');
    const content = pricingContent(await context.api.plans(), subscribed);
    return show(context, { title: 'Plans', content });
  },
});

const login = shopRoute({
  method: 'GET',
  path: '/shop/login',
  open: true,
  summary: 'The login of the demo shop',
  handler: (context) =>
    show(context, {
      title: 'Who are you?',
      content: loginContent(DEMO_EMAIL, choiceOf(context.query)),
    }),
});

const signIn = shopRoute({
  method: 'POST',
  path: '/shop/login',
  open: true,
  summary: 'Makes a demo customer of an address',
  handler: async ({ form, services }) => {
    const choice = choiceOf(form);
    const next = choice.plan === '' ? '/billing' : `/shop/checkout${query({ ...choice })}`;
    return redirect(next, [await demoCookie(services.config, form.get('email') ?? '')]);
  },
});

const signOut = shopRoute({
  method: 'POST',
  path: '/shop/logout',
  summary: 'Forgets the demo customer',
  handler: async ({ services }) => redirect('/', [endedDemoCookie(services.config)]),
});

const checkout = shopRoute({
  method: 'POST',
  path: '/shop/checkout',
  open: true,
  summary: 'Goes to Checkout for a plan',
  handler: async ({ api, form, request }) => {
    const choice = choiceOf(form);
    if (demoToken(request) === null) return redirect(`/shop/login${query({ ...choice })}`);
    return onward(await api.command('checkout', choice), '');
  },
});

const checkoutAfterLogin = shopRoute({
  method: 'GET',
  path: '/shop/checkout',
  summary: 'Goes on to Checkout for the plan chosen before the login',
  handler: async (context) =>
    onward(await context.api.command('checkout', choiceOf(context.query)), ''),
});

const account = shopRoute({
  method: 'GET',
  path: '/billing',
  summary: 'The account of the demo customer',
  handler: async (context) => {
    const { api, query } = context;
    const [subscription, plans, invoices] = await Promise.all([
      api.subscription(),
      api.plans(),
      api.invoices().catch(withoutRoute),
    ]);
    const unpaid = subscription?.unpaidInvoiceId ?? null;
    const open = unpaid === null ? null : await api.openInvoice(unpaid).catch(withoutRoute);
    const words = noticeFor(query.get('did') ?? '', subscription, plans);
    return show(context, {
      title: 'Account',
      content: accountContent({ subscription, plans, invoices, open }),
      notice: words === null ? null : { words, bad: false },
    });
  },
});

/** A server that does not list invoices has no such panel. */
function withoutRoute(error: unknown): null {
  if (error instanceof ShopError && error.status === 404) return null;
  throw error;
}

/** Checkout comes back here, now and then before Stripe's word about it has. */
const success = shopRoute({
  method: 'GET',
  path: '/billing/success',
  summary: 'Back from Checkout',
  handler: async (context) => {
    const subscription = await context.api.subscription();
    if (subscription && subscription.state !== 'canceled') return redirect('/billing');
    return show(context, {
      title: 'One moment',
      content: html`<h1>One moment …</h1>
        <p>Your payment has arrived. Your subscription will be ready in a moment.</p>`,
      head: html`<meta http-equiv="refresh" content="1" />`,
    });
  },
});

const preview = shopRoute({
  method: 'POST',
  path: '/shop/preview',
  summary: 'What a change of plan costs',
  handler: async (context) => {
    const [plan = '', interval = ''] = (context.form.get('choice') ?? '').split('/');
    const [quote, plans] = await Promise.all([
      context.api.preview({ plan, interval }),
      context.api.plans(),
    ]);
    const name = plans.find(({ id }) => id === plan)?.name ?? plan;
    return show(context, {
      title: 'Change the plan',
      content: previewContent(quote, { plan, interval, name }),
    });
  },
});

/** A reload of the preview's address, which only a form has reached. */
const previewReload = shopRoute({
  method: 'GET',
  path: '/shop/preview',
  summary: 'Goes back to the account',
  handler: async () => redirect('/billing'),
});

const change = shopRoute({
  method: 'POST',
  path: '/shop/change',
  summary: 'Changes the plan at the amount shown',
  handler: async ({ api, form }) => {
    const date = form.get('prorationDate') ?? '';
    const prorationDate = /^\d+$/.test(date) ? Number(date) : date || undefined;
    const body = { ...choiceOf(form), ...(prorationDate !== undefined && { prorationDate }) };
    return onward(await api.command('subscription/change', body), 'changed');
  },
});

/** Says what a command costs or ends, before it is sent. */
const confirm = shopRoute({
  method: 'GET',
  path: '/shop/confirm/:command',
  summary: 'What a command costs, and its button',
  handler: async (context) => {
    const { api, params } = context;
    const command = CONFIRMED.find((name) => name === params['command']);
    const [subscription, plans, credit] = await Promise.all([
      api.subscription(),
      api.plans(),
      api.credit(),
    ]);
    if (!command || !subscription?.actions.includes(command)) return redirect('/billing');
    return show(context, {
      title: 'Please confirm',
      content: confirmContent(command, { subscription, plans, credit }),
    });
  },
});

/** A button of the account page that is one call of the API. */
function command(
  path: string,
  did: Did | '',
  bodyOf: (form: URLSearchParams) => Record<string, unknown>,
): Route {
  return shopRoute({
    method: 'POST',
    path: `/shop/${path}`,
    summary: `The account page's button for ${path}`,
    handler: async ({ api, form }) =>
      onward(
        await api.command(path === 'portal' ? path : `subscription/${path}`, bodyOf(form)),
        did,
      ),
  });
}

const invoicePdf = shopRoute({
  method: 'GET',
  path: '/shop/invoices/:id/pdf',
  summary: 'An invoice of the demo customer as a PDF',
  handler: async ({ api, params }) => onward(await api.invoicePdf(params['id'] ?? ''), ''),
});

/** The demo shop. It knows nothing but the public routes, which it calls as a customer's app would. */
export const STOREFRONT_ROUTES: readonly Route[] = [
  pricing,
  login,
  signIn,
  signOut,
  checkout,
  checkoutAfterLogin,
  account,
  success,
  preview,
  previewReload,
  change,
  confirm,
  command('cancel', 'canceled', (form) => ({ when: form.get('when') ?? 'period_end' })),
  command('resume', 'resumed', () => ({})),
  command('pause', 'paused', () => ({})),
  command('portal', '', () => ({})),
  command('reactivate', 'back', choiceOf),
  invoicePdf,
];
