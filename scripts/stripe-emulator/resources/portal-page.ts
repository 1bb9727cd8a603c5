import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import type { Emulator } from '../kernel/emulator.ts';
import { ApiError, invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import type { Registry } from '../kernel/registry.ts';
import { day } from '../pages/format.ts';
import { redirectTo, type PageResponse } from '../pages/layout.ts';
import { pageRoute, type PageVisit } from '../pages/page-route.ts';
import {
  cancelPage,
  confirmationPage,
  newMethodPage,
  portalPage,
  updatePage,
  type PlanChoice,
} from '../pages/portal-view.ts';
import { fieldOf, methodOfEntry, readEntry } from '../pages/read-entry.ts';
import { emptyEntry, filled, type FormError, type PaymentEntry } from '../pages/test-cards-view.ts';
import {
  addInPortal,
  cancelInPortal,
  featuresOf,
  makeDefault,
  ownMethod,
  ownSubscription,
  periodEnd,
  removeMethod,
  renewInPortal,
  updateInPortal,
  type PortalItem,
} from '../payments/portal/actions.ts';
import { productsOf } from '../payments/portal/configuration.ts';
import { homeView, priceText, productName } from '../payments/portal/home-view.ts';

type Session = Stripe.BillingPortal.Session;

const sessionOf = ({ ctx, id }: PageVisit): Session => ctx.store.need('billing_portal.session', id);
const pathOf = (session: Session): string => `/p/session/${session.id}`;

const NOTICES: Readonly<Record<string, string>> = {
  canceled: 'Your subscription has been canceled.',
  renewed: 'Your subscription will go on.',
  updated: 'Your plan has been changed.',
  method: 'Your payment method has been saved.',
  removed: 'The payment method has been removed.',
  paid: 'The invoice is paid.',
};

const home = (
  ctx: Context,
  session: Session,
  said: { notice?: string; error?: string },
): PageResponse =>
  portalPage(homeView(ctx, session, { notice: said.notice ?? null, error: said.error ?? null }));

/** Where the step of a flow leads: back to the account's server, a confirmation, or the portal's home. */
function done(ctx: Context, session: Session, what: keyof typeof NOTICES): PageResponse {
  const after = session.flow?.after_completion;
  if (after?.type === 'redirect' && after.redirect !== null)
    return redirectTo(after.redirect.return_url);
  if (after?.type !== 'hosted_confirmation') return redirectTo(`${pathOf(session)}?done=${what}`);
  const text = after.hosted_confirmation?.custom_message ?? 'You can close this page.';
  return confirmationPage({
    title: NOTICES[what] ?? 'Done',
    text,
    returnUrl: session.return_url,
    seller: ctx.settings.businessName,
  });
}

/** A session made for one step starts there. */
function startOf(session: Session): string | null {
  const { flow } = session;
  const path = pathOf(session);
  switch (flow?.type) {
    case 'payment_method_update':
      return `${path}/payment-methods/add`;
    case 'subscription_cancel':
      return `${path}/subscriptions/${flow.subscription_cancel?.subscription ?? ''}/cancel`;
    case 'subscription_update':
      return `${path}/subscriptions/${flow.subscription_update?.subscription ?? ''}/update`;
    case 'subscription_update_confirm':
      return `${path}/subscriptions/${flow.subscription_update_confirm?.subscription ?? ''}/update`;
    default:
      return null;
  }
}

function show(visit: PageVisit): PageResponse {
  const session = sessionOf(visit);
  const finished = visit.query.get('done');
  const start = finished === null && !visit.query.has('home') ? startOf(session) : null;
  if (start !== null) return redirectTo(start);
  return home(visit.ctx, session, { notice: NOTICES[finished ?? ''] });
}

const REASONS: Readonly<Record<string, string>> = {
  too_expensive: 'It’s too expensive',
  missing_features: 'I need more features',
  switched_service: 'I found an alternative',
  unused: 'I no longer need it',
  customer_service: 'Customer service was less than expected',
  too_complex: 'Ease of use was less than expected',
  low_quality: 'Quality was less than expected',
  other: 'Other reason',
};

function askCancel(visit: PageVisit): PageResponse {
  const { ctx, path } = visit;
  const session = sessionOf(visit);
  const subscription = ownSubscription(ctx, session, path['subscription'] ?? '');
  const { mode, cancellation_reason: reason } = featuresOf(ctx, session).subscription_cancel;
  return cancelPage({
    path: `${pathOf(session)}?home=1`,
    action: `${pathOf(session)}/subscriptions/${subscription.id}/cancel`,
    seller: ctx.settings.businessName,
    returnUrl: session.flow?.after_completion.redirect?.return_url ?? session.return_url,
    name: subscription.items.data.map((item) => productName(ctx, item.price)).join(' + '),
    consequence:
      mode === 'immediately'
        ? 'It ends at once.'
        : `It stays available until the end of your billing period on ${day(periodEnd(subscription))}.`,
    reasons: reason.enabled
      ? reason.options.map((value) => ({ value, label: REASONS[value] ?? value }))
      : [],
  });
}

const typed = (form: URLSearchParams, name: string): string | null =>
  form.get(name)?.trim() || null;

function cancel(visit: PageVisit): PageResponse {
  const { ctx, path, form } = visit;
  const session = sessionOf(visit);
  const subscription = ownSubscription(ctx, session, path['subscription'] ?? '');
  if (!featuresOf(ctx, session).subscription_cancel.enabled)
    throw invalidRequest('Subscriptions cannot be canceled here.');
  const feedback = typed(form, 'feedback');
  cancelInPortal(ctx, session, {
    subscription,
    feedback: feedback !== null && feedback in REASONS ? feedback : null,
    comment: typed(form, 'comment'),
  });
  return done(ctx, session, 'canceled');
}

function renew(visit: PageVisit): PageResponse {
  const session = sessionOf(visit);
  renewInPortal(visit.ctx, ownSubscription(visit.ctx, session, visit.path['subscription'] ?? ''));
  return done(visit.ctx, session, 'renewed');
}

function choicesOf(
  ctx: Context,
  session: Session,
  subscription: Stripe.Subscription,
): PlanChoice[] {
  const confirm = session.flow?.subscription_update_confirm?.items[0]?.price;
  const features = featuresOf(ctx, session).subscription_update;
  const current = subscription.items.data[0]?.price.id ?? '';
  const offered = features.default_allowed_updates.includes('price')
    ? (productsOf(ctx, idOf(session.configuration) ?? '') ?? []).flatMap((each) => each.prices)
    : [];
  const ids = confirm ? [confirm] : [...new Set([current, ...offered])];
  return ids.flatMap((id) => {
    const price = ctx.store.find('price', id);
    if (price === undefined) return [];
    return [
      {
        price: id,
        label: productName(ctx, price),
        detail: priceText(price, 1),
        current: id === (confirm ?? current),
      },
    ];
  });
}

function askUpdate(visit: PageVisit, error: string | null = null): PageResponse {
  const { ctx, path } = visit;
  const session = sessionOf(visit);
  const subscription = ownSubscription(ctx, session, path['subscription'] ?? '');
  const features = featuresOf(ctx, session).subscription_update;
  const [item] = subscription.items.data;
  const wanted = session.flow?.subscription_update_confirm?.items[0]?.quantity;
  const prorated =
    features.proration_behavior === 'none'
      ? 'The new price applies from the next billing period.'
      : 'The rest of this billing period is prorated.';
  const invoiced =
    features.proration_behavior === 'always_invoice' ? 'The difference is charged now.' : prorated;
  return updatePage({
    path: `${pathOf(session)}?home=1`,
    action: `${pathOf(session)}/subscriptions/${subscription.id}/update`,
    seller: ctx.settings.businessName,
    returnUrl: session.flow?.after_completion.redirect?.return_url ?? session.return_url,
    name: item === undefined ? 'subscription' : productName(ctx, item.price),
    choices: choicesOf(ctx, session, subscription),
    quantity: features.default_allowed_updates.includes('quantity')
      ? (wanted ?? item?.quantity ?? 1)
      : null,
    consequence: invoiced,
    submit: 'Confirm',
    error,
  });
}

function update(visit: PageVisit): PageResponse {
  const { ctx, path, form } = visit;
  const session = sessionOf(visit);
  const subscription = ownSubscription(ctx, session, path['subscription'] ?? '');
  const [item] = subscription.items.data;
  const price = form.get('price');
  if (
    item === undefined ||
    !choicesOf(ctx, session, subscription).some((choice) => choice.price === price)
  ) {
    return askUpdate(visit, 'Please choose one of the plans.');
  }
  const quantity = Number(
    form.get('quantity') ??
      session.flow?.subscription_update_confirm?.items[0]?.quantity ??
      item.quantity ??
      1,
  );
  if (!Number.isInteger(quantity) || quantity < 1)
    return askUpdate(visit, 'The quantity must be a whole number of at least 1.');
  const change: PortalItem = { id: item.id, price, quantity };
  try {
    updateInPortal(ctx, session, { subscription, items: [change] });
  } catch (error) {
    if (error instanceof ApiError) return askUpdate(visit, error.message);
    throw error;
  }
  return done(ctx, session, 'updated');
}

function methodForm(session: Session, entry: PaymentEntry, error: FormError | null): PageResponse {
  return newMethodPage({
    path: `${pathOf(session)}?home=1`,
    action: `${pathOf(session)}/payment-methods/add`,
    returnUrl: session.flow?.after_completion.redirect?.return_url ?? session.return_url,
    entry,
    error,
  });
}

function askMethod(visit: PageVisit): PageResponse {
  const session = sessionOf(visit);
  const fill = visit.query.get('fill');
  const intent = visit.ctx.store.find('setup_intent', visit.query.get('setup_intent'));
  const error = intent?.last_setup_error
    ? {
        field: null,
        message: 'We could not authenticate your card. Please choose another card and try again.',
      }
    : null;
  if (intent?.status === 'succeeded' && idOf(intent.customer) === session.customer) {
    makeDefault(visit.ctx, session.customer, idOf(intent.payment_method) ?? '');
    return done(visit.ctx, session, 'method');
  }
  return methodForm(session, fill === null ? emptyEntry : filled(emptyEntry, fill), error);
}

function addMethod(visit: PageVisit): PageResponse {
  const { ctx, form } = visit;
  const session = sessionOf(visit);
  const entry = readEntry(form);
  const made = methodOfEntry(ctx, { ...entry, method: 'card' });
  if ('error' in made) return methodForm(session, entry, made.error);
  const returnUrl = `${ctx.baseUrl}${pathOf(session)}/payment-methods/add`;
  const { intent, result } = addInPortal(ctx, session, { method: made.method, returnUrl });
  if (result.kind === 'requires_action')
    return redirectTo(intent.next_action?.redirect_to_url?.url ?? pathOf(session));
  if (result.decline === null) return done(ctx, session, 'method');
  return methodForm(session, entry, {
    field: fieldOf(result.decline.param ?? undefined),
    message: result.decline.message,
  });
}

function payInvoice(visit: PageVisit): PageResponse {
  const { ctx, path } = visit;
  const session = sessionOf(visit);
  const invoice = ctx.store.need('invoice', path['invoice'] ?? '');
  if (idOf(invoice.customer) !== session.customer)
    throw invalidRequest(`No such invoice: '${invoice.id}'`, { status: 404 });
  try {
    ctx.services.billing.payInvoice(ctx, invoice, {
      paymentMethod: null,
      offSession: false,
      outOfBand: false,
    });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const action = error.body.payment_intent?.next_action;
    const url = action?.redirect_to_url?.url ?? action?.use_stripe_sdk?.['stripe_js'];
    return typeof url === 'string' ? redirectTo(url) : home(ctx, session, { error: error.message });
  }
  return done(ctx, session, 'paid');
}

/** The customer portal at a session's `url`. */
export function registerPortalPage(registry: Registry, emulator: Emulator): void {
  const base = '/p/session/:id';
  const get = (path: string, step: (visit: PageVisit) => PageResponse) =>
    registry.raw('GET', `${base}${path}`, pageRoute(emulator, step));
  const post = (path: string, step: (visit: PageVisit) => PageResponse) =>
    registry.raw('POST', `${base}${path}`, pageRoute(emulator, step));
  get('', show);
  get('/subscriptions/:subscription/cancel', askCancel);
  post('/subscriptions/:subscription/cancel', cancel);
  post('/subscriptions/:subscription/renew', renew);
  get('/subscriptions/:subscription/update', (visit) => askUpdate(visit));
  post('/subscriptions/:subscription/update', update);
  get('/payment-methods/add', askMethod);
  post('/payment-methods/add', addMethod);
  post('/payment-methods/:method/default', (visit) => {
    const session = sessionOf(visit);
    makeDefault(
      visit.ctx,
      session.customer,
      ownMethod(visit.ctx, session, visit.path['method'] ?? '').id,
    );
    return done(visit.ctx, session, 'method');
  });
  post('/payment-methods/:method/remove', (visit) => {
    const session = sessionOf(visit);
    removeMethod(visit.ctx, session, visit.path['method'] ?? '');
    return done(visit.ctx, session, 'removed');
  });
  post('/invoices/:invoice/pay', payInvoice);
}
