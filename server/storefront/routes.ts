import { html, query } from '../http/pages/html.ts';
import { redirect } from '../http/pages/respond.ts';
import type { Route } from '../http/define-route.ts';
import { DEMO_EMAIL, demoCookie, demoToken, endedDemoCookie } from './demo-user.ts';
import { ApiRefusal } from '../http/api-answer.ts';
import { accountContent } from './account-page.ts';
import { bodyOf, CONFIRMED, confirmContent } from './confirm-page.ts';
import { noticeFor, type Did } from './notices.ts';
import { choiceOf, onward, shopRoute, show } from './shop-route.ts';
import { loginContent, previewContent, pricingContent } from './views.ts';

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
  if (error instanceof ApiRefusal && error.status === 404) return null;
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
    const [subscription, plans] = await Promise.all([api.subscription(), api.plans()]);
    if (!command || !subscription?.actions.includes(command)) return redirect('/billing');
    const quote = await api.quote(command, bodyOf(command, subscription));
    const changed = context.query.get('price') === 'changed';
    return show(context, {
      title: 'Please confirm',
      content: confirmContent(command, { subscription, plans, quote }),
      notice: changed ? { words: 'The price has changed. Please look again.', bad: true } : null,
    });
  },
});

/** A button of the account page that is one call of the API. */
function command(
  path: string,
  did: Did | '',
  bodyFrom: (form: URLSearchParams) => Record<string, unknown>,
): Route {
  return shopRoute({
    method: 'POST',
    path: `/shop/${path}`,
    summary: `The account page's button for ${path}`,
    handler: async ({ api, form }) => {
      const confirm = confirmOf(form);
      const askAgain = () => redirect(`/shop/confirm/${path}?price=changed`);
      // The API takes the plan at its price; a page has shown the sum first.
      if (path === 'reactivate' && confirm === null) return askAgain();
      const body = { ...bodyFrom(form), ...confirm };
      try {
        return onward(
          await api.command(path === 'portal' ? path : `subscription/${path}`, body),
          did,
        );
      } catch (error) {
        const isPrice = error instanceof ApiRefusal && PRICE_CODES.has(error.code);
        if (!isPrice || !CONFIRMED.some((name) => name === path)) throw error;
        return askAgain();
      }
    },
  });
}

const PRICE_CODES: ReadonlySet<string> = new Set(['confirmation_required', 'quote_expired']);

/** The price that the form's page showed. */
function confirmOf(form: URLSearchParams): Record<string, unknown> | null {
  const [amountDue, currency] = [form.get('amountDue'), form.get('currency')];
  if (amountDue === null || currency === null) return null;
  return { confirm: { amountDue: Number(amountDue), currency } };
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
