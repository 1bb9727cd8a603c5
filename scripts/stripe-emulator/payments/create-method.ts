import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { p, type Values } from '../kernel/params.ts';
import { isIban } from './bank-debits.ts';
import { cardByNumber, passesLuhn, type TestCard } from './cards.ts';
import { DECLINES, type Decline } from './declines.ts';
import {
  noAddress,
  sepaDetails,
  tokenEntry,
  usBankDetails,
  type CardEntry,
} from './method-objects.ts';
import { addMethod, cardMethod, cardRefused, tokenCard } from './methods.ts';
import { otherDetails } from './other-methods.ts';
import { billingDetails, billingOf, readByName, metadataOf } from './params.ts';
import { METHOD_TYPES } from '../kernel/method-types.ts';

const CARD = {
  number: p.str,
  exp_month: p.int,
  exp_year: p.int,
  cvc: p.str,
  token: p.str,
  networks: p.harmless,
  name: p.str,
  address_line1: p.harmless,
  address_line2: p.harmless,
  address_city: p.harmless,
  address_state: p.harmless,
  address_zip: p.str,
  address_country: p.harmless,
  currency: p.str,
};
export const cardParams = p.obj(CARD);
export type CardValues = Values<typeof CARD>;

/** Every kind of payment method that Stripe's API knows; those without behaviour here are refused by name. */
const OTHER_TYPES = readByName(
  'acss_debit',
  'affirm',
  'afterpay_clearpay',
  'alipay',
  'alma',
  'amazon_pay',
  'au_becs_debit',
  'bacs_debit',
  'bancontact',
  'billie',
  'bizum',
  'blik',
  'boleto',
  'cashapp',
  'crypto',
  'custom',
  'customer_balance',
  'eps',
  'fpx',
  'giropay',
  'grabpay',
  'ideal',
  'interac_present',
  'kakao_pay',
  'klarna',
  'konbini',
  'kr_card',
  'link',
  'mb_way',
  'mobilepay',
  'multibanco',
  'naver_pay',
  'nz_bank_account',
  'oxxo',
  'p24',
  'pay_by_bank',
  'payco',
  'paynow',
  'paypal',
  'paypay',
  'payto',
  'pix',
  'promptpay',
  'revolut_pay',
  'samsung_pay',
  'satispay',
  'scalapay',
  'sequra',
  'sofort',
  'sunbit',
  'swish',
  'twint',
  'upi',
  'wechat_pay',
  'zip',
);

/** What `POST /v1/payment_methods` and every `payment_method_data` take. */
export const METHOD_DATA = {
  ...OTHER_TYPES,
  allow_redisplay: p.oneOf(['always', 'limited', 'unspecified']),
  billing_details: billingDetails,
  card: cardParams,
  metadata: p.metadata,
  radar_options: p.harmless,
  sepa_debit: p.obj({ iban: p.required(p.str) }),
  type: p.oneOf(METHOD_TYPES),
  us_bank_account: p.obj({
    account_holder_type: p.oneOf(['individual', 'company']),
    account_number: p.str,
    account_type: p.oneOf(['checking', 'savings']),
    financial_connections_account: p.unserved,
    routing_number: p.str,
  }),
};
export type MethodData = Values<typeof METHOD_DATA>;

const missing = (param: string) =>
  invalidRequest(`Missing required param: ${param}.`, { code: 'parameter_missing', param });

function badCard(code: string, what: string, param: string): Decline {
  return { ...DECLINES.incorrectNumber, code, message: `Your card's ${what} is invalid.`, param };
}

function checkEntry(ctx: Context, card: CardValues): Decline | null {
  const month = card.exp_month ?? 0;
  const year = card.exp_year ?? 0;
  const today = new Date(ctx.now() * 1000);
  const fullYear = year < 100 ? 2000 + year : year;
  if (month < 1 || month > 12)
    return badCard('invalid_expiry_month', 'expiration month', 'exp_month');
  const past = fullYear * 12 + month < today.getUTCFullYear() * 12 + today.getUTCMonth() + 1;
  if (past || fullYear > today.getUTCFullYear() + 50)
    return badCard('invalid_expiry_year', 'expiration year', 'exp_year');
  if (card.cvc !== undefined && !/^\d{3,4}$/.test(card.cvc))
    return badCard('invalid_cvc', 'security code', 'cvc');
  return null;
}

/** Reads a typed card. Errors: 402 with the field at fault, as the card networks would find it. */
export function readCard(ctx: Context, card: CardValues): { card: TestCard; entry: CardEntry } {
  if (card.token !== undefined) return tokenCard(ctx, card.token, 'card[token]');
  if (card.number === undefined) throw missing('card[number]');
  if (card.exp_month === undefined) throw missing('card[exp_month]');
  if (card.exp_year === undefined) throw missing('card[exp_year]');
  const number = card.number.replaceAll(/[\s-]/g, '');
  if (!passesLuhn(number)) throw cardRefused(DECLINES.incorrectNumber);
  const wrong = checkEntry(ctx, card);
  if (wrong !== null) throw cardRefused(wrong);
  const known = cardByNumber(number);
  if (known === undefined) throw cardRefused(DECLINES.testModeLiveCard);
  const expYear = card.exp_year < 100 ? 2000 + card.exp_year : card.exp_year;
  const checks = {
    address_line1_check: null,
    address_postal_code_check: null,
    cvc_check: card.cvc === undefined ? null : 'unchecked',
  };
  return {
    card: known,
    entry: { ...tokenEntry(ctx.now()), expMonth: card.exp_month, expYear, checks },
  };
}

function detailsOf(ctx: Context, data: MethodData): Parameters<typeof addMethod>[1] {
  switch (data.type) {
    case 'card': {
      if (data.card === undefined) throw missing('card');
      const { card, entry } = readCard(ctx, data.card);
      return cardMethod(card, entry);
    }
    case 'sepa_debit': {
      if (data.sepa_debit === undefined) throw missing('sepa_debit');
      const { iban } = data.sepa_debit;
      if (isIban(iban)) return { type: 'sepa_debit', sepa_debit: sepaDetails(iban) };
      throw invalidRequest('The IBAN you provided is invalid.', {
        code: 'invalid_bank_account_iban',
        param: 'sepa_debit[iban]',
      });
    }
    case 'us_bank_account': {
      const bank = data.us_bank_account;
      if (bank?.account_number === undefined) throw missing('us_bank_account[account_number]');
      if (!/^\d{9}$/.test(bank.routing_number ?? '')) {
        throw invalidRequest('Routing number must have 9 digits', {
          code: 'routing_number_invalid',
          param: 'us_bank_account[routing_number]',
        });
      }
      const details = usBankDetails({
        routing: bank.routing_number ?? '',
        account: bank.account_number,
        holderType: bank.account_holder_type ?? 'individual',
        accountType: bank.account_type ?? 'checking',
      });
      return { type: 'us_bank_account', us_bank_account: details };
    }
    case undefined:
      throw missing('type');
    default: {
      const other = otherDetails(
        data.type,
        Object.entries(data).find(([key]) => key === data.type)?.[1],
      );
      if (other !== null) return other;
      throw invalidRequest(
        `The payment method type "${data.type}" is invalid. Please ensure the provided type is activated in your dashboard (https://dashboard.stripe.com/account/payments/settings) and your account is enabled for any preview features that you are trying to use.`,
        { param: 'type' },
      );
    }
  }
}

/** Makes a payment method of what was typed. Errors: 402 for cards that cannot exist, 400 for the rest. */
export function createMethod(ctx: Context, data: MethodData): Stripe.PaymentMethod {
  const type = data.type ?? (data.card === undefined ? undefined : 'card');
  const details = detailsOf(ctx, { ...data, type });
  const billing = billingOf(data.billing_details);
  if (data.card?.address_zip !== undefined)
    billing.address = { ...noAddress(), ...billing.address, postal_code: data.card.address_zip };
  if (details.card?.checks) {
    const { line1, postal_code: postal } = billing.address ?? noAddress();
    if (line1 !== null) details.card.checks.address_line1_check = 'unchecked';
    if (postal !== null) details.card.checks.address_postal_code_check = 'unchecked';
  }
  return addMethod(ctx, details, {
    billingDetails: billing,
    metadata: metadataOf(data.metadata),
    allowRedisplay: data.allow_redisplay ?? 'unspecified',
  });
}
