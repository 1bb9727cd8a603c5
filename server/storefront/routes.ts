import type { Route } from '../http/define-route.ts';
import { query } from '../http/pages/html.ts';
import { redirect } from '../http/pages/respond.ts';
import { DEMO_EMAIL, demoCookie, demoToken, endedDemoCookie } from './demo-user.ts';
import { demoSite, openDemoSite } from './demo-site.ts';
import { ACCOUNT_PAGES, choiceOf } from './page-routes.ts';
import { onward, routesOn, show, type PageSpec, type Site } from './site.ts';
import { loginContent, pricingContent } from './views.ts';

const pricing: PageSpec = {
  method: 'GET',
  name: 'plans',
  summary: 'The plans of the demo shop',
  handler: async (visit) => {
    const { api, query: address, request } = visit;
    const subscription = demoToken(request) === null ? null : await api.subscription();
    const subscribed = subscription !== null && !subscription.actions.includes('reactivate');
    const interval = address.get('interval') === 'yearly' ? 'yearly' : 'monthly';
    const content = pricingContent(await api.plans(), { subscribed, interval });
    return show(visit, { title: 'Plans', content });
  },
};

const login: PageSpec = {
  method: 'GET',
  name: 'login',
  summary: 'The login of the demo shop',
  handler: async (visit) =>
    show(visit, {
      title: 'Who are you?',
      content: loginContent(DEMO_EMAIL, choiceOf(visit.query)),
    }),
};

const signIn: PageSpec = {
  method: 'POST',
  name: 'login',
  summary: 'Makes a demo customer of an address',
  handler: async ({ form, services }) => {
    const choice = choiceOf(form);
    const next = choice.plan === '' ? '/billing' : `/shop/checkout${query({ ...choice })}`;
    return redirect(next, [await demoCookie(services.config, form.get('email') ?? '')]);
  },
};

/** The pricing page's button, which also those press who have not signed in. */
const choose: PageSpec = {
  method: 'POST',
  name: 'choose',
  summary: 'Goes to Checkout for a plan, by way of the login',
  handler: async (visit) => {
    const choice = choiceOf(visit.form);
    if (demoToken(visit.request) === null) return redirect(`/shop/login${query({ ...choice })}`);
    return onward(visit, await visit.api.command('checkout', { ...choice }), '');
  },
};

const signOut: PageSpec = {
  method: 'POST',
  name: 'logout',
  summary: 'Forgets the demo customer',
  handler: async ({ services }) => redirect('/', [endedDemoCookie(services.config)]),
};

const checkoutAfterLogin: PageSpec = {
  method: 'GET',
  name: 'checkout',
  summary: 'Goes on to Checkout for the plan chosen before the login',
  handler: async (visit) =>
    onward(visit, await visit.api.command('checkout', { ...choiceOf(visit.query) }), ''),
};

const front: Site = { ...openDemoSite, pathOf: () => '/' };

/** The demo shop: a front page and a sign-in around the pages that the hosted billing page has, too. */
export const STOREFRONT_ROUTES: readonly Route[] = [
  ...routesOn(front, [pricing]),
  ...routesOn(openDemoSite, [login, signIn, choose]),
  ...routesOn(demoSite, [signOut, checkoutAfterLogin, ...ACCOUNT_PAGES]),
];
