import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import type { Emulator } from '../kernel/emulator.ts';
import { invalidRequest, resourceMissing } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { p } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { authenticationPage } from '../pages/checkout-view.ts';
import { money } from '../pages/format.ts';
import { messagePage, redirectTo, type PageResponse } from '../pages/layout.ts';
import { pageRoute, type PageVisit } from '../pages/page-route.ts';
import { resumePayment, resumeSetup } from '../payments/checkout/resume-session.ts';
import { authenticateSetup } from '../payments/confirm-setup.ts';
import { authenticatePayment } from '../payments/settle-payment.ts';

type Intent = Stripe.PaymentIntent | Stripe.SetupIntent;

const intentOf = (ctx: Context, id: string): Intent | undefined =>
  ctx.store.find('payment_intent', id) ?? ctx.store.find('setup_intent', id);

/** What the person at the bank's page did. Null when the intent was not waiting for it. */
function authenticate(ctx: Context, intent: Intent, succeeded: boolean): object | null {
  if (intent.object === 'setup_intent') {
    const result = authenticateSetup(ctx, intent, succeeded);
    if (result !== null) resumeSetup(ctx, intent);
    return result;
  }
  const result = authenticatePayment(ctx, intent, succeeded);
  if (result !== null) resumePayment(ctx, intent, result);
  return result;
}

const returnUrlOf = (intent: Intent): string | null =>
  intent.next_action?.redirect_to_url?.return_url ?? null;

/** The return address and, for a checkout, the address that its own return leads on to. */
function targetsOf(ctx: Context, intent: Intent): string[] {
  const { checkoutSession, portalSession } = ctx.note(intent.object, intent.id);
  const checkout = ctx.store.find('checkout.session', textOf(checkoutSession));
  const portal = ctx.store.find('billing_portal.session', textOf(portalSession));
  const urls = [
    returnUrlOf(intent),
    checkout?.success_url,
    portal?.flow?.after_completion.redirect?.return_url,
  ];
  return urls.filter((url) => url !== null && url !== undefined);
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** Stripe's own way to send a browser back: the intent's id, its secret and how it went. */
function backTo(url: string, intent: Intent): string {
  const target = new URL(url);
  target.searchParams.set(intent.object, intent.id);
  target.searchParams.set(`${intent.object}_client_secret`, intent.client_secret ?? '');
  target.searchParams.set(
    'redirect_status',
    intent.status === 'requires_payment_method' ? 'failed' : 'succeeded',
  );
  return target.href;
}

const isTheirs = (intent: Intent, secret: string | undefined): boolean =>
  intent.client_secret?.endsWith(`_secret_${secret ?? ''}`) === true;

const settled = (): PageResponse =>
  messagePage(
    'Nothing to authenticate',
    'This payment does not wait for you (any more). You can close this page.',
    200,
  );

function show({ ctx, id, path }: PageVisit): PageResponse {
  const intent = intentOf(ctx, id);
  if (intent === undefined || !isTheirs(intent, path['secret']))
    return messagePage('This link leads nowhere', 'The address is incomplete.', 404);
  if (intent.status !== 'requires_action') return settled();
  const card = ctx.store.find('payment_method', idOf(intent.payment_method))?.card;
  return authenticationPage({
    path: `/authenticate/${id}/${path['secret'] ?? ''}`,
    title: 'Your bank asks you to authenticate',
    detail:
      intent.object === 'payment_intent'
        ? `A payment of ${money(intent.amount, intent.currency)} to ${ctx.settings.businessName}.`
        : `${ctx.settings.businessName} wants to save this card for later payments.`,
    card: card === undefined ? 'Bank account' : `Card ending in ${card.last4}`,
    targets: targetsOf(ctx, intent),
  });
}

function submit({ ctx, id, path, form }: PageVisit): PageResponse {
  const intent = intentOf(ctx, id);
  if (intent === undefined || !isTheirs(intent, path['secret']))
    return messagePage('This link leads nowhere', 'The address is incomplete.', 404);
  const returnUrl = returnUrlOf(intent);
  const succeeded = form.get('outcome') !== 'fail';
  if (authenticate(ctx, intent, succeeded) === null) return settled();
  if (returnUrl !== null) return redirectTo(backTo(returnUrl, intent));
  return succeeded
    ? messagePage(
        'Authentication complete',
        'You can close this page and go back to the shop.',
        200,
      )
    : messagePage(
        'Authentication failed',
        'The payment was not made. You can close this page.',
        200,
      );
}

/** The page where a person authenticates a payment or a setup, and the same for tests by one call. */
export function registerAuthentication(registry: Registry, emulator: Emulator): void {
  registry.raw('GET', '/authenticate/:id/:secret', pageRoute(emulator, show));
  registry.raw('POST', '/authenticate/:id/:secret', pageRoute(emulator, submit));
  registry.post(
    '/_emulator/intents/:id/authenticate',
    { outcome: p.oneOf(['succeed', 'fail']) },
    (ctx, params, { id }) => {
      const intent = intentOf(ctx, id);
      if (intent === undefined) throw resourceMissing('payment_intent', id);
      if (authenticate(ctx, intent, params.outcome !== 'fail') !== null) return intent;
      throw invalidRequest(
        `The intent ${id} has the status ${intent.status}: it waits for no authentication.`,
      );
    },
  );
}
