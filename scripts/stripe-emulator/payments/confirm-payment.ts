import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { debitOutcome } from './bank-debits.ts';
import { awaitTransfer } from './bank-transfer.ts';
import { chargeTransaction, newCharge } from './charge-objects.ts';
import { askBank, offSessionDecline } from './decide.ts';
import type { Decline } from './declines.ts';
import { openDispute } from './disputes.ts';
import { tellDecline } from './intent-objects.ts';
import { cardOf, isSetUp, keepMethod, markChecked, markSetUp, markSpent } from './methods.ts';
import { isDelayed, redirects } from './other-methods.ts';

export interface ConfirmHow {
  method: Stripe.PaymentMethod;
  offSession: boolean;
  /** The holder has just authenticated on the bank's page. */
  authenticated: boolean;
  /** What an absent customer's need to authenticate means: a decline, or waiting for the customer (invoices). */
  whenAway: 'decline' | 'wait';
  returnUrl: string | null;
}

export interface ConfirmResult {
  kind: 'succeeded' | 'requires_capture' | 'processing' | 'requires_action' | 'declined';
  charge: Stripe.Charge | null;
  decline: Decline | null;
}

/** The job that ends a bank debit; its reference is the payment intent. */
export const SETTLE_DEBIT = 'settle_debit';
/** The job that books a charge a moment after its answer. */
export const BOOK_CHARGE = 'book_charge';

function answerFor(
  ctx: Context,
  how: ConfirmHow,
): { kind: 'approved' | 'authenticate' | 'declined'; decline: Decline | null } {
  const card = cardOf(how.method);
  if (card === undefined) {
    const asks = redirects(how.method.type) && !how.authenticated && !how.offSession;
    return { kind: asks ? 'authenticate' : 'approved', decline: null };
  }
  const { offSession, authenticated } = how;
  const answer = askBank(card, {
    purpose: 'charge',
    offSession,
    authenticated,
    setUp: isSetUp(ctx, how.method),
  });
  if (answer.kind === 'declined') return answer;
  if (answer.kind === 'authenticate' && offSession && how.whenAway === 'decline')
    return { kind: 'declined', decline: offSessionDecline };
  return { kind: answer.kind, decline: null };
}

/** One attempt to pay an intent with a method: changes the intent, makes the charge, emits their events. */
export function confirmPayment(
  ctx: Context,
  intent: Stripe.PaymentIntent,
  how: ConfirmHow,
): ConfirmResult {
  const answer = answerFor(ctx, how);
  if (answer.kind === 'authenticate') return waitForHolder(ctx, intent, how);
  if (answer.decline !== null) return refuse(ctx, intent, { ...how, decline: answer.decline });
  if (how.method.type === 'customer_balance') return awaitTransfer(ctx, intent, how);
  if (isDelayed(how.method.type)) return startDebit(ctx, intent, how);
  return take(ctx, intent, how);
}

/** Where a person authenticates a payment or setup. */
export const authenticationUrl = (
  ctx: Context,
  intent: { id: string; client_secret: string | null },
): string =>
  `${ctx.baseUrl}/authenticate/${intent.id}/${intent.client_secret?.split('_secret_')[1] ?? ''}`;

function waitForHolder(ctx: Context, intent: Stripe.PaymentIntent, how: ConfirmHow): ConfirmResult {
  const url = authenticationUrl(ctx, intent);
  ctx.update('payment_intent', intent, {
    event: null,
    apply: () => {
      intent.status = 'requires_action';
      intent.payment_method = how.method.id;
      intent.last_payment_error = null;
      intent.next_action =
        how.returnUrl === null
          ? {
              type: 'use_stripe_sdk',
              use_stripe_sdk: {
                type: 'three_d_secure_redirect',
                stripe_js: url,
                source: `src_${intent.id.slice(3)}`,
              },
            }
          : { redirect_to_url: { return_url: how.returnUrl, url }, type: 'redirect_to_url' };
    },
  });
  ctx.note('payment_intent', intent.id)['whenAway'] = how.whenAway;
  ctx.emit('payment_intent.requires_action', intent);
  return { kind: 'requires_action', charge: null, decline: null };
}

function addCharge(
  ctx: Context,
  intent: Stripe.PaymentIntent,
  facts: { how: ConfirmHow; decline: Decline | null; state: 'succeeded' | 'pending' },
): Stripe.Charge {
  const { how, decline, state } = facts;
  const charge = newCharge({
    id: ctx.store.newId('charge'),
    created: ctx.nowFor(intent.customer),
    intent,
    method: how.method,
    decline,
    authenticated: how.authenticated,
    state,
    captured: intent.capture_method !== 'manual',
    receiptBase: ctx.baseUrl,
  });
  return ctx.add('charge', charge);
}

/** A refused attempt: a failed charge, and the intent waits for another method. */
export function refuse(
  ctx: Context,
  intent: Stripe.PaymentIntent,
  how: ConfirmHow & { decline: Decline },
): ConfirmResult {
  const { decline, method } = how;
  markChecked(ctx, method);
  const charge = addCharge(ctx, intent, { how, decline, state: 'succeeded' });
  markSpent(ctx, method);
  waitForAnother(ctx, intent, { charge: charge.id, decline, method });
  ctx.emit('charge.failed', charge);
  ctx.emit('payment_intent.payment_failed', intent);
  return { kind: 'declined', charge, decline };
}

/** The intent after a failed attempt: why it failed, and nothing chosen any more. */
export function waitForAnother(
  ctx: Context,
  intent: Stripe.PaymentIntent,
  failed: { charge: string | null; decline: Decline; method: Stripe.PaymentMethod },
): void {
  const told = tellDecline(failed.decline, {
    charge: failed.charge,
    method: structuredClone(failed.method),
  });
  ctx.update('payment_intent', intent, {
    event: null,
    apply: () => {
      intent.status = 'requires_payment_method';
      intent.payment_method = null;
      intent.next_action = null;
      intent.latest_charge = failed.charge ?? intent.latest_charge;
      intent.last_payment_error = told;
    },
  });
}

function keepForLater(ctx: Context, intent: Stripe.PaymentIntent, how: ConfirmHow): void {
  const customer = idOf(intent.customer);
  if (customer !== null && intent.setup_future_usage !== null) {
    keepMethod(ctx, how.method, customer);
    if (intent.setup_future_usage === 'off_session') markSetUp(ctx, how.method);
  }
  markSpent(ctx, how.method);
}

function take(ctx: Context, intent: Stripe.PaymentIntent, how: ConfirmHow): ConfirmResult {
  const held = intent.capture_method === 'manual';
  markChecked(ctx, how.method);
  const charge = addCharge(ctx, intent, { how, decline: null, state: 'succeeded' });
  ctx.update('payment_intent', intent, {
    event: null,
    apply: () => {
      intent.status = held ? 'requires_capture' : 'succeeded';
      intent.payment_method = how.method.id;
      intent.next_action = null;
      intent.last_payment_error = null;
      intent.latest_charge = charge.id;
      intent.amount_capturable = held ? intent.amount : 0;
      intent.amount_received = held ? 0 : intent.amount;
    },
  });
  keepForLater(ctx, intent, how);
  if (intent.capture_method === 'automatic_async')
    ctx.schedule(ctx.now() + 2, null, { job: BOOK_CHARGE, ref: charge.id });
  else if (!held) book(ctx, charge);
  ctx.emit('charge.succeeded', charge);
  ctx.emit(held ? 'payment_intent.amount_capturable_updated' : 'payment_intent.succeeded', intent);
  const dispute = cardOf(how.method)?.dispute ?? null;
  if (dispute !== null && !held) openDispute(ctx, charge, dispute);
  return { kind: held ? 'requires_capture' : 'succeeded', charge, decline: null };
}

/** The job that books a charge of an intent with `automatic_async`: its answer shows no balance transaction yet. */
export function bookLater(ctx: Context, id: string): void {
  const charge = ctx.store.find('charge', id);
  if (charge === undefined || charge.balance_transaction !== null) return;
  const entry = newEntry(ctx, charge);
  ctx.update('charge', charge, {
    event: 'charge.updated',
    apply: () => (charge.balance_transaction = entry.id),
  });
}

/** Enters money that arrived into the account's balance. */
export function book(ctx: Context, charge: Stripe.Charge): void {
  const entry = newEntry(ctx, charge);
  ctx.update('charge', charge, {
    event: null,
    apply: () => (charge.balance_transaction = entry.id),
  });
}

function newEntry(ctx: Context, charge: Stripe.Charge): Stripe.BalanceTransaction {
  const id = ctx.store.newId('balance_transaction');
  const entry = chargeTransaction(id, charge, ctx.nowFor(charge.customer));
  return ctx.add('balance_transaction', entry);
}

function startDebit(ctx: Context, intent: Stripe.PaymentIntent, how: ConfirmHow): ConfirmResult {
  const charge = addCharge(ctx, intent, { how, decline: null, state: 'pending' });
  ctx.update('payment_intent', intent, {
    event: null,
    apply: () => {
      intent.status = 'processing';
      intent.payment_method = how.method.id;
      intent.last_payment_error = null;
      intent.latest_charge = charge.id;
    },
  });
  keepForLater(ctx, intent, how);
  ctx.emit('charge.pending', charge);
  ctx.emit('payment_intent.processing', intent);
  const fingerprint =
    how.method.sepa_debit?.fingerprint ?? how.method.us_bank_account?.fingerprint ?? null;
  const { delaySeconds } = debitOutcome(fingerprint);
  // On a test clock a bank may take its days; elsewhere a person waits for it.
  const clock = ctx.clockOf(idOf(intent.customer));
  const days = clock === null ? 0 : ctx.settings.debitDays;
  const at = ctx.nowFor(idOf(intent.customer)) + days * 86_400 + delaySeconds;
  ctx.schedule(at, clock, { job: SETTLE_DEBIT, ref: intent.id });
  return { kind: 'processing', charge, decline: null };
}
