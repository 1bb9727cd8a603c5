import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import type { Emulator } from '../kernel/emulator.ts';
import { ApiError } from '../kernel/errors.ts';
import type { Registry } from '../kernel/registry.ts';
import { checkoutPage } from '../pages/checkout-view.ts';
import { messagePage, redirectTo, type PageResponse } from '../pages/layout.ts';
import { pageRoute, type PageVisit } from '../pages/page-route.ts';
import { fieldOf, methodOfEntry, readEntry } from '../pages/read-entry.ts';
import { emptyEntry, filled, type FormError, type PaymentEntry } from '../pages/test-cards-view.ts';
import { confirmSession, needsMethod } from '../payments/checkout/confirm-session.ts';
import { keepFields } from '../payments/checkout/custom-fields.ts';
import { webhookAnswered } from '../payments/checkout/finish-session.ts';
import { applyCode } from '../payments/checkout/promotion.ts';
import { planOf } from '../payments/checkout/plan.ts';
import { nothingTyped, viewOf, type Typing } from '../payments/checkout/session-view.ts';

type Session = Stripe.Checkout.Session;

const sessionOf = ({ ctx, id }: PageVisit): Session => ctx.store.need('checkout.session', id);

const shown = (ctx: Context, session: Session, typing: Partial<Typing>): PageResponse =>
  checkoutPage(viewOf(ctx, session, { ...nothingTyped, ...typing }));

/** Where a finished session leads, once the account's server has heard of it. */
async function leave(ctx: Context, session: Session): Promise<PageResponse> {
  await webhookAnswered(ctx, session.id);
  if (session.success_url === null)
    return messagePage('Thank you', 'The payment is complete. You can close this page.', 200);
  return redirectTo(session.success_url.replaceAll('{CHECKOUT_SESSION_ID}', session.id));
}

const over = (session: Session): PageResponse =>
  messagePage(
    'This checkout has expired',
    session.cancel_url === null
      ? 'Please start again.'
      : 'Please go back to the shop and start again.',
    410,
  );

async function show(visit: PageVisit): Promise<PageResponse> {
  const { ctx, query } = visit;
  const session = sessionOf(visit);
  if (session.status === 'complete') return leave(ctx, session);
  if (session.status === 'expired') return over(session);
  const fill = query.get('fill');
  return shown(ctx, session, { entry: fill === null ? emptyEntry : filled(emptyEntry, fill) });
}

function emailError(session: Session, entry: PaymentEntry): FormError | null {
  if (session.customer_details?.email || /^\S+@\S+\.\S+$/.test(entry.email)) return null;
  return { field: 'email', message: 'Please type an email address.' };
}

async function submit(visit: PageVisit): Promise<PageResponse> {
  const { ctx, form } = visit;
  const session = sessionOf(visit);
  if (session.status !== 'open') return show(visit);
  const entry = readEntry(form);
  const missing = emailError(session, entry);
  if (missing !== null) return shown(ctx, session, { entry, error: missing });
  const wrong = keepFields(ctx, session, form);
  if (wrong !== null) return shown(ctx, session, { entry, error: wrong, fields: form });
  const made = needsMethod(session) ? methodOfEntry(ctx, entry) : { method: null };
  if ('error' in made) return shown(ctx, session, { entry, error: made.error, fields: form });
  const email = session.customer_details?.email ?? entry.email;
  const result = confirmSession(ctx, session, {
    method: made.method,
    email,
    name: entry.name === '' ? null : entry.name,
  });
  if (result.kind === 'complete') return leave(ctx, session);
  if (result.kind === 'requires_action')
    return redirectTo(result.intent.next_action?.redirect_to_url?.url ?? `/c/pay/${session.id}`);
  return shown(ctx, session, {
    entry,
    fields: form,
    error: { field: fieldOf(result.decline.param ?? undefined), message: result.decline.message },
  });
}

/** Back from the bank's page. */
async function comeBack(visit: PageVisit): Promise<PageResponse> {
  const { ctx } = visit;
  const session = sessionOf(visit);
  if (session.status !== 'open') return show(visit);
  const { intent: id } = planOf(ctx, session.id);
  const failure =
    ctx.store.find('payment_intent', id)?.last_payment_error ??
    ctx.store.find('setup_intent', id)?.last_setup_error;
  const message =
    failure?.code?.endsWith('_authentication_failure') === true
      ? 'We could not authenticate your card. Please choose another card and try again.'
      : (failure?.message ?? 'The payment is not complete. Please try again.');
  const note = ctx.note('checkout.session', session.id);
  const typed = (value: unknown): string => (typeof value === 'string' ? value : '');
  const entry = { ...emptyEntry, email: typed(note['email']), name: typed(note['name']) };
  return shown(ctx, session, { entry, error: { field: null, message } });
}

function promotion(visit: PageVisit): PageResponse {
  const { ctx, form } = visit;
  const session = sessionOf(visit);
  if (session.status !== 'open' || session.allow_promotion_codes !== true)
    return redirectTo(`/c/pay/${session.id}`);
  const code = form.get('code') ?? '';
  const codeError = applyCode(ctx, session, code);
  return codeError === null
    ? redirectTo(`/c/pay/${session.id}`)
    : shown(ctx, session, { code, codeError });
}

/** A problem while paying is shown on the page itself. */
const patiently =
  (step: (visit: PageVisit) => PageResponse | Promise<PageResponse>) =>
  async (visit: PageVisit): Promise<PageResponse> => {
    try {
      return await step(visit);
    } catch (error) {
      const session = visit.ctx.store.find('checkout.session', visit.id);
      if (!(error instanceof ApiError) || session?.status !== 'open') throw error;
      return shown(visit.ctx, session, {
        entry: readEntry(visit.form),
        error: { field: null, message: error.message },
      });
    }
  };

/** The hosted checkout page at a session's `url`. */
export function registerCheckoutPage(registry: Registry, emulator: Emulator): void {
  registry.raw('GET', '/c/pay/:id', pageRoute(emulator, show));
  registry.raw('POST', '/c/pay/:id', pageRoute(emulator, patiently(submit)));
  registry.raw('GET', '/c/pay/:id/return', pageRoute(emulator, comeBack));
  registry.raw('POST', '/c/pay/:id/promotion', pageRoute(emulator, patiently(promotion)));
}
