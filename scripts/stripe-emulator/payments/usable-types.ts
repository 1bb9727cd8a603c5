import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { ALLOWED_METHOD_TYPES, METHOD_TYPES } from '../kernel/method-types.ts';

const NAMES: ReadonlySet<string> = new Set([...METHOD_TYPES, ...ALLOWED_METHOD_TYPES]);

/** Currencies of the kinds that take few. What is not here takes many. */
const CURRENCIES: Readonly<Record<string, string>> = {
  acss_debit: 'cad usd',
  au_becs_debit: 'aud',
  bacs_debit: 'gbp',
  bancontact: 'eur',
  blik: 'pln',
  boleto: 'brl',
  cashapp: 'usd',
  eps: 'eur',
  fpx: 'myr',
  giropay: 'eur',
  ideal: 'eur',
  kakao_pay: 'krw',
  konbini: 'jpy',
  kr_card: 'krw',
  mb_way: 'eur',
  multibanco: 'eur',
  naver_pay: 'krw',
  oxxo: 'mxn',
  p24: 'eur pln',
  payco: 'krw',
  paynow: 'sgd',
  pix: 'brl',
  promptpay: 'thb',
  samsung_pay: 'krw',
  sepa_debit: 'eur',
  sofort: 'eur',
  swish: 'sek',
  twint: 'chf',
  us_bank_account: 'usd',
};
/** Countries of the accounts that may use a kind. What is not here is for many. */
const COUNTRIES: Readonly<Record<string, string>> = {
  acss_debit: 'CA US',
  au_becs_debit: 'AU',
  bacs_debit: 'GB',
  boleto: 'BR',
  cashapp: 'US',
  fpx: 'MY',
  konbini: 'JP',
  oxxo: 'MX',
  paynow: 'SG',
  promptpay: 'TH',
  us_bank_account: 'US',
};

/** A call that names kinds of payment methods names such as exist, for accounts of this country and in this currency. */
export function requireUsableTypes(
  ctx: Context,
  types: readonly string[] | undefined,
  currency: string | null,
): void {
  for (const type of types ?? []) {
    const refuse = (message: string) =>
      invalidRequest(message, {
        code: 'payment_intent_invalid_parameter',
        param: 'payment_method_types',
      });
    if (!NAMES.has(type)) {
      throw refuse(
        `The payment method type "${type}" is invalid. Please ensure the provided type is activated in your dashboard and your account is enabled for any preview features that you are trying to use.`,
      );
    }
    const { country } = ctx.account.settings;
    const countries = COUNTRIES[type]?.split(' ') ?? [country];
    if (!countries.includes(country)) {
      throw refuse(
        `The payment method type provided: ${type} is invalid. This payment method is available to Stripe accounts in ${countries.join(' and ')} and your Stripe account is in ${country}.`,
      );
    }
    const currencies = CURRENCIES[type]?.split(' ');
    if (currency !== null && currencies?.includes(currency) === false) {
      throw refuse(
        `The currency provided (${currency}) is invalid. Payments with ${type} support the following currencies: ${currencies.join(', ')}.`,
      );
    }
  }
}
