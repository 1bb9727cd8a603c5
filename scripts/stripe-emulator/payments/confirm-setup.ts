import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { ApiError } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { authenticationUrl } from './confirm-payment.ts';
import { askBank } from './decide.ts';
import { DECLINES, type Decline } from './declines.ts';
import { tellDecline } from './intent-objects.ts';
import { cardOf, isSetUp, keepMethod, markChecked, markSetUp } from './methods.ts';

export interface SetupHow {
  method: Stripe.PaymentMethod;
  authenticated: boolean;
  returnUrl: string | null;
}

export interface SetupResult {
  kind: 'succeeded' | 'requires_action' | 'declined';
  decline: Decline | null;
}

function addAttempt(
  ctx: Context,
  intent: Stripe.SetupIntent,
  facts: SetupHow & { status: string; decline: Decline | null },
): Stripe.SetupAttempt {
  const { method, decline } = facts;
  const details: Stripe.SetupAttempt.PaymentMethodDetails =
    method.card === undefined
      ? { type: method.type }
      : {
          card: {
            brand: method.card.brand,
            checks: structuredClone(method.card.checks),
            country: method.card.country,
            exp_month: method.card.exp_month,
            exp_year: method.card.exp_year,
            fingerprint: method.card.fingerprint ?? null,
            funding: method.card.funding,
            last4: method.card.last4,
            network: method.card.brand,
            three_d_secure: null,
            wallet: null,
          },
          type: 'card',
        };
  return ctx.add('setup_attempt', {
    id: ctx.store.newId('setup_attempt'),
    object: 'setup_attempt',
    application: null,
    created: ctx.nowFor(intent.customer),
    customer: intent.customer,
    customer_account: null,
    flow_directions: null,
    livemode: false,
    on_behalf_of: null,
    payment_method: method.id,
    payment_method_details: details,
    setup_error:
      decline === null
        ? null
        : tellDecline(decline, { charge: null, method: structuredClone(method) }),
    setup_intent: intent.id,
    status: facts.status,
    usage: intent.usage,
  });
}

/** One attempt to save a method for later: changes the setup intent, emits its events. */
export function confirmSetup(ctx: Context, intent: Stripe.SetupIntent, how: SetupHow): SetupResult {
  const card = cardOf(how.method);
  const { authenticated } = how;
  const question = {
    purpose: 'setup',
    offSession: false,
    authenticated,
    setUp: isSetUp(ctx, how.method),
  } as const;
  const answer = card === undefined ? ({ kind: 'approved' } as const) : askBank(card, question);
  if (answer.kind === 'authenticate') return waitForHolder(ctx, intent, how);
  markChecked(ctx, how.method);
  if (answer.kind === 'declined')
    return refuseSetup(ctx, intent, { ...how, decline: answer.decline });
  const attempt = addAttempt(ctx, intent, { ...how, status: 'succeeded', decline: null });
  ctx.update('setup_intent', intent, {
    event: null,
    apply: () => {
      intent.status = 'succeeded';
      intent.payment_method = how.method.id;
      intent.latest_attempt = attempt.id;
      intent.last_setup_error = null;
      intent.next_action = null;
    },
  });
  if (how.method.type !== 'card') addMandate(ctx, intent, how.method);
  const customer = idOf(intent.customer);
  ctx.emit('setup_intent.succeeded', intent);
  if (customer !== null) keepMethod(ctx, how.method, customer);
  markSetUp(ctx, how.method);
  ctx.services.billing.onSetupSucceeded(ctx, intent);
  return { kind: 'succeeded', decline: null };
}

function waitForHolder(ctx: Context, intent: Stripe.SetupIntent, how: SetupHow): SetupResult {
  const url = authenticationUrl(ctx, intent);
  const attempt = addAttempt(ctx, intent, { ...how, status: 'requires_action', decline: null });
  ctx.update('setup_intent', intent, {
    event: null,
    apply: () => {
      intent.status = 'requires_action';
      intent.payment_method = how.method.id;
      intent.latest_attempt = attempt.id;
      intent.last_setup_error = null;
      intent.next_action =
        how.returnUrl === null
          ? {
              type: 'use_stripe_sdk',
              use_stripe_sdk: {
                type: 'three_d_secure_redirect',
                stripe_js: url,
                source: `src_${intent.id.slice(5)}`,
              },
            }
          : { redirect_to_url: { return_url: how.returnUrl, url }, type: 'redirect_to_url' };
    },
  });
  ctx.emit('setup_intent.requires_action', intent);
  return { kind: 'requires_action', decline: null };
}

/** A refused setup: the intent waits for another method. Emits `setup_intent.setup_failed`. */
export function refuseSetup(
  ctx: Context,
  intent: Stripe.SetupIntent,
  how: SetupHow & { decline: Decline },
): SetupResult {
  const attempt = addAttempt(ctx, intent, { ...how, status: 'failed' });
  const told = tellDecline(how.decline, { charge: null, method: structuredClone(how.method) });
  ctx.update('setup_intent', intent, {
    event: null,
    apply: () => {
      intent.status = 'requires_payment_method';
      intent.payment_method = null;
      intent.latest_attempt = attempt.id;
      intent.last_setup_error = told;
      intent.next_action = null;
    },
  });
  ctx.emit('setup_intent.setup_failed', intent);
  return { kind: 'declined', decline: how.decline };
}

/** Bank debits need a written permission. */
function addMandate(ctx: Context, intent: Stripe.SetupIntent, method: Stripe.PaymentMethod): void {
  const now = ctx.nowFor(intent.customer);
  const reference = `EMULATOR${method.id.slice(-8).toUpperCase()}`;
  const mandate = ctx.add('mandate', {
    id: ctx.store.newId('mandate'),
    object: 'mandate',
    customer_acceptance: {
      accepted_at: now,
      online: { ip_address: '127.0.0.1', user_agent: null },
      type: 'online',
    },
    livemode: false,
    multi_use: {},
    payment_method: method.id,
    payment_method_details:
      method.type === 'sepa_debit'
        ? {
            sepa_debit: { reference, url: `${ctx.baseUrl}/mandates/${reference}` },
            type: 'sepa_debit',
          }
        : { type: 'us_bank_account', us_bank_account: {} },
    status: 'active',
    type: 'multi_use',
  });
  ctx.update('setup_intent', intent, { event: null, apply: () => (intent.mandate = mandate.id) });
}

/** The holder has authenticated a setup in `requires_action`, or failed to. Null when it no longer waits. */
export function authenticateSetup(
  ctx: Context,
  intent: Stripe.SetupIntent,
  succeeded: boolean,
): SetupResult | null {
  const method = ctx.store.find('payment_method', idOf(intent.payment_method));
  if (intent.status !== 'requires_action' || method === undefined) return null;
  const how = { method, authenticated: true, returnUrl: null };
  if (succeeded) return confirmSetup(ctx, intent, how);
  return refuseSetup(ctx, intent, { ...how, decline: DECLINES.setupAuthenticationFailed });
}

/** The 402 for a caller whose setup was refused, with the intent and the method. */
export function setupRefused(intent: Stripe.SetupIntent): ApiError {
  const {
    message = 'Your card was declined.',
    payment_method,
    ...rest
  } = intent.last_setup_error ?? {};
  const {
    type: _type,
    payment_intent: _pi,
    setup_intent: _si,
    source: _source,
    ...told
  } = { type: '', ...rest };
  return new ApiError(402, {
    ...told,
    type: 'card_error',
    message,
    ...(payment_method === undefined ? {} : { payment_method }),
    setup_intent: structuredClone(intent),
  });
}
