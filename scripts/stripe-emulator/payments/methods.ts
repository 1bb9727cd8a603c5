import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { ApiError, invalidRequest, resourceMissing } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { cardByFingerprint, cardByToken, fingerprintOf, type TestCard } from './cards.ts';
import { askBank } from './decide.ts';
import type { Decline } from './declines.ts';
import { tellDecline } from './intent-objects.ts';
import {
  cardDetails,
  noBillingDetails,
  passChecks,
  tokenEntry,
  usBankDetails,
  type CardEntry,
} from './method-objects.ts';

type MethodDetails = Pick<
  Stripe.PaymentMethod,
  'type' | 'card' | 'customer_balance' | 'sepa_debit' | 'us_bank_account'
>;

export interface MethodExtras {
  id?: string;
  billingDetails?: Stripe.PaymentMethod.BillingDetails;
  metadata?: Stripe.Metadata;
  allowRedisplay?: Stripe.PaymentMethod.AllowRedisplay;
}

/** Stores a new payment method that belongs to nobody yet. */
export function addMethod(
  ctx: Context,
  details: MethodDetails,
  extras: MethodExtras = {},
): Stripe.PaymentMethod {
  return ctx.add('payment_method', {
    id: extras.id ?? ctx.store.newId('payment_method'),
    object: 'payment_method',
    allow_redisplay: extras.allowRedisplay ?? 'unspecified',
    billing_details: extras.billingDetails ?? noBillingDetails(),
    created: ctx.now(),
    customer: null,
    customer_account: null,
    livemode: false,
    metadata: extras.metadata ?? {},
    ...details,
  });
}

export const cardMethod = (card: TestCard, entry: CardEntry): MethodDetails => ({
  type: 'card',
  card: cardDetails(card, entry),
});

/** Stripe's ready-made bank accounts: `pm_usBankAccount_success` and its failing siblings. */
const US_BANK_TOKENS: Readonly<Record<string, string>> = {
  pm_usBankAccount: '000123456789',
  pm_usBankAccount_success: '000123456789',
  pm_usBankAccount_accountClosed: '000111111113',
  pm_usBankAccount_noAccount: '000111111116',
  pm_usBankAccount_insufficientFunds: '000222222227',
  pm_usBankAccount_debitNotAuthorized: '000333333335',
  pm_usBankAccount_dispute: '000555555559',
};

function fromToken(ctx: Context, id: string): Stripe.PaymentMethod | undefined {
  const card = id.startsWith('pm_card_') ? cardByToken(id) : undefined;
  if (card !== undefined) return addMethod(ctx, cardMethod(card, tokenEntry(ctx.now())));
  const account = US_BANK_TOKENS[id];
  if (account === undefined) return undefined;
  const bank = {
    routing: '110000000',
    account,
    holderType: 'individual',
    accountType: 'checking',
  } as const;
  return addMethod(ctx, { type: 'us_bank_account', us_bank_account: usBankDetails(bank) });
}

/**
 * The payment method with this id; a token such as `pm_card_visa` gives a new one at each use.
 * Errors: `resource_missing`.
 */
export function methodFor(
  ctx: Context,
  id: string,
  param = 'payment_method',
): Stripe.PaymentMethod {
  const found = ctx.store.find('payment_method', id) ?? fromToken(ctx, id);
  if (found === undefined) throw resourceMissing('payment_method', id, param);
  return found;
}

/** The test card behind a saved method; undefined for bank debits. */
export const cardOf = (method: Stripe.PaymentMethod): TestCard | undefined =>
  cardByFingerprint(method.card?.fingerprint);

/** Whether the holder once authenticated this method for later use. */
export const isSetUp = (ctx: Context, method: Stripe.PaymentMethod): boolean =>
  ctx.note('payment_method', method.id)['setUp'] === true;

export function markSetUp(ctx: Context, method: Stripe.PaymentMethod): void {
  ctx.note('payment_method', method.id)['setUp'] = true;
}

/** A method used without a customer, or detached from one, may not be used again. */
export function markSpent(ctx: Context, method: Stripe.PaymentMethod): void {
  if (method.customer === null) ctx.note('payment_method', method.id)['spent'] = true;
}

const SPENT =
  'The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with a connected account without Customer attachment, or was detached from a Customer. It may not be used again. To use a PaymentMethod multiple times, you must attach it to a Customer first.';

/** Refuses a method that is used up or belongs to another customer than the one who pays. */
export function requireUsable(
  ctx: Context,
  method: Stripe.PaymentMethod,
  customer: string | null,
): void {
  const owner = idOf(method.customer);
  if (owner !== null && owner !== customer) {
    const message =
      customer === null
        ? `The PaymentMethod ${method.id} belongs to the Customer ${owner}. Please include the Customer in the \`customer\` parameter on the PaymentIntent.`
        : `The customer does not have a payment method with the ID ${method.id}. The payment method must be attached to the customer.`;
    throw invalidRequest(message, { param: 'payment_method' });
  }
  if (owner === null && ctx.note('payment_method', method.id)['spent'] === true)
    throw invalidRequest(SPENT, { param: 'payment_method' });
}

/** The 402 of a card that was refused, without an intent. */
export function cardRefused(decline: Decline): ApiError {
  const {
    doc_url: _doc,
    payment_method: _method,
    ...body
  } = tellDecline(decline, { charge: null, method: null });
  return new ApiError(402, { ...body, param: body.param ?? '', type: 'card_error' });
}

/**
 * Saves a method to a customer. Emits `payment_method.attached`.
 * Errors: 402 where the bank refuses the card; 400 where it belongs to someone else or is used up.
 */
export function attachMethod(
  ctx: Context,
  method: Stripe.PaymentMethod,
  customer: string,
): Stripe.PaymentMethod {
  const owner = idOf(method.customer);
  if (owner === customer) return method;
  if (owner !== null)
    throw invalidRequest(
      'The payment method you provided has already been attached to a customer.',
    );
  requireUsable(ctx, method, customer);
  const card = cardOf(method);
  const answer =
    card === undefined
      ? null
      : askBank(card, { purpose: 'attach', offSession: false, authenticated: false, setUp: false });
  if (answer?.kind === 'declined') throw cardRefused(answer.decline);
  return keepMethod(ctx, method, customer);
}

/** A bank has looked at the card: what its holder typed has passed. */
export function markChecked(ctx: Context, method: Stripe.PaymentMethod): void {
  const checks = method.card?.checks ?? null;
  if (checks === null) return;
  ctx.update('payment_method', method, { event: null, apply: () => passChecks(checks) });
}

/** Ties a method that a payment or setup has just proved good to its customer. */
export function keepMethod(
  ctx: Context,
  method: Stripe.PaymentMethod,
  customer: string,
): Stripe.PaymentMethod {
  if (method.customer !== null) return method;
  ctx.update('payment_method', method, {
    event: null,
    apply: () => (method.customer = customer),
  });
  markChecked(ctx, method);
  ctx.emit('payment_method.attached', method);
  return method;
}

/** Takes a method from its customer, and from wherever it was the default. */
export function detachMethod(ctx: Context, method: Stripe.PaymentMethod): Stripe.PaymentMethod {
  const owner = idOf(method.customer);
  if (owner === null) {
    throw invalidRequest(
      'The payment method you provided is not attached to a customer so detachment is impossible.',
    );
  }
  ctx.update('payment_method', method, { event: null, apply: () => (method.customer = null) });
  markSpent(ctx, method);
  ctx.emit('payment_method.detached', method);
  forgetDefaults(ctx, owner, method.id);
  return method;
}

function forgetDefaults(ctx: Context, customerId: string, method: string): void {
  const customer = ctx.store.find('customer', customerId);
  if (customer !== undefined && idOf(customer.invoice_settings.default_payment_method) === method) {
    const apply = () => (customer.invoice_settings.default_payment_method = null);
    ctx.update('customer', customer, { event: 'customer.updated', apply });
  }
  for (const subscription of ctx.store.by('subscription', 'customer', customerId)) {
    if (idOf(subscription.default_payment_method) !== method) continue;
    const apply = () => (subscription.default_payment_method = null);
    ctx.update('subscription', subscription, { event: 'customer.subscription.updated', apply });
  }
}

/** Reads a legacy `tok_…`: a ready-made one, or one that was made by `POST /v1/tokens`. */
export function tokenCard(
  ctx: Context,
  token: string,
  param: string,
): { card: TestCard; entry: CardEntry } {
  const known = token.startsWith('tok_') ? cardByToken(token) : undefined;
  if (known !== undefined) return { card: known, entry: tokenEntry(ctx.now()) };
  const made = ctx.store.find('token', token);
  const card = cardByFingerprint(made?.card?.fingerprint);
  if (made?.card === undefined || card === undefined) throw resourceMissing('token', token, param);
  if (made.used) {
    const message = `You cannot use a Stripe token more than once: ${token}.`;
    throw invalidRequest(message, { code: 'token_already_used', param });
  }
  const { exp_month: expMonth, exp_year: expYear } = made.card;
  ctx.update('token', made, { event: null, apply: () => (made.used = true) });
  return { card, entry: { ...tokenEntry(ctx.now()), expMonth, expYear } };
}

/** A card as sources show it. */
export function legacyCard(
  ctx: Context,
  id: string,
  from: { card: TestCard; entry: CardEntry; customer: string | null },
): Stripe.Card {
  const brands: Record<TestCard['brand'], string> = {
    visa: 'Visa',
    mastercard: 'MasterCard',
    amex: 'American Express',
    discover: 'Discover',
    diners: 'Diners Club',
    jcb: 'JCB',
    unionpay: 'UnionPay',
  };
  return {
    id,
    object: 'card',
    address_city: null,
    address_country: null,
    address_line1: null,
    address_line1_check: null,
    address_line2: null,
    address_state: null,
    address_zip: null,
    address_zip_check: null,
    allow_redisplay: 'unspecified',
    brand: brands[from.card.brand],
    country: from.card.country,
    customer: from.customer,
    cvc_check: from.customer === null ? 'unchecked' : 'pass',
    dynamic_last4: null,
    exp_month: from.entry.expMonth,
    exp_year: from.entry.expYear,
    fingerprint: fingerprintOf(from.card.number),
    funding: from.card.funding,
    last4: from.card.number.slice(-4),
    metadata: {},
    name: null,
    regulated_status: 'unregulated',
    tokenization_method: null,
  };
}

/** A legacy card as a token shows it: it belongs to nobody yet. */
export function cardOfToken(ctx: Context, from: { card: TestCard; entry: CardEntry }): Stripe.Card {
  const id = ctx.store.newId('card');
  const {
    allow_redisplay: _display,
    customer: _customer,
    ...card
  } = legacyCard(ctx, id, { ...from, customer: null });
  return { ...card, networks: { preferred: null } };
}

/**
 * Saves a legacy `source` token to a customer as a `card_` object, which is also a payment method of that id.
 * Errors: 402 where the bank refuses the card, 400 for an unknown token.
 */
export function addSource(ctx: Context, customer: string, token: string): Stripe.Card {
  const { card, entry } = tokenCard(ctx, token, 'source');
  const answer = askBank(card, {
    purpose: 'attach',
    offSession: false,
    authenticated: false,
    setUp: false,
  });
  if (answer.kind === 'declined') throw cardRefused(answer.decline);
  const id = ctx.store.newId('card');
  const method = addMethod(ctx, cardMethod(card, entry), { id });
  ctx.update('payment_method', method, { event: null, apply: () => (method.customer = customer) });
  markChecked(ctx, method);
  return ctx.add('card', legacyCard(ctx, id, { card, entry, customer }));
}
