import type Stripe from 'stripe';
import { isWireObject, type Wire } from '../kernel/form.ts';
import { fingerprintOf } from './cards.ts';

type Details = Record<string, unknown>;
type Make = (given: Readonly<Record<string, string>>) => Details;

const nothing: Make = () => ({});
/** The values of a method that it shows as they were given, or null. */
const shown =
  (...keys: string[]): Make =>
  (given) =>
    Object.fromEntries(keys.map((key) => [key, given[key] ?? null]));

const BICS: Readonly<Record<string, string>> = {
  abn_amro: 'ABNANL2A',
  asn_bank: 'ASNBNL21',
  bunq: 'BUNQNL2A',
  ing: 'INGBNL2A',
  knab: 'KNABNL2H',
  rabobank: 'RABONL2U',
  regiobank: 'RBRBNL21',
  revolut: 'REVOLT21',
  sns_bank: 'SNSBNL2A',
  triodos_bank: 'TRIONL2U',
};
const last4 = (number: string | undefined) => (number ?? '').slice(-4);
const printOf = (...parts: (string | undefined)[]) => fingerprintOf(`bank/${parts.join('/')}`);

/** The kinds of payment methods besides cards, SEPA and ACH debits, with what each shows of itself. */
const OTHERS: Readonly<Record<string, Make>> = {
  acss_debit: (bank) => ({
    bank_name: 'STRIPE TEST BANK',
    fingerprint: printOf(bank['institution_number'], bank['account_number']),
    institution_number: bank['institution_number'] ?? null,
    last4: last4(bank['account_number']),
    transit_number: bank['transit_number'] ?? null,
  }),
  affirm: nothing,
  afterpay_clearpay: nothing,
  alipay: nothing,
  alma: nothing,
  amazon_pay: nothing,
  au_becs_debit: (bank) => ({
    bsb_number: bank['bsb_number'] ?? null,
    fingerprint: printOf(bank['bsb_number'], bank['account_number']),
    last4: last4(bank['account_number']),
  }),
  bacs_debit: (bank) => ({
    fingerprint: printOf(bank['sort_code'], bank['account_number']),
    last4: last4(bank['account_number']),
    sort_code: bank['sort_code'] ?? null,
  }),
  bancontact: nothing,
  billie: nothing,
  blik: nothing,
  boleto: (given) => ({ tax_id: given['tax_id'] ?? '' }),
  cashapp: shown('buyer_id', 'cashtag'),
  crypto: nothing,
  customer_balance: nothing,
  eps: shown('bank'),
  fpx: (given) => ({ account_holder_type: 'individual', bank: given['bank'] ?? null }),
  giropay: nothing,
  grabpay: nothing,
  ideal: (given) => ({ bank: given['bank'] ?? null, bic: BICS[given['bank'] ?? ''] ?? null }),
  kakao_pay: nothing,
  klarna: nothing,
  konbini: nothing,
  kr_card: shown('brand', 'last4'),
  link: shown('email'),
  mb_way: nothing,
  mobilepay: nothing,
  multibanco: nothing,
  oxxo: nothing,
  p24: shown('bank'),
  pay_by_bank: nothing,
  payco: nothing,
  paynow: nothing,
  paypal: shown('country', 'payer_email', 'payer_id'),
  pix: nothing,
  promptpay: nothing,
  revolut_pay: nothing,
  samsung_pay: nothing,
  satispay: nothing,
  sofort: shown('country'),
  swish: nothing,
  twint: nothing,
  wechat_pay: nothing,
  zip: nothing,
};

/** Debits and vouchers: their money arrives later. The other kinds pay on a page of theirs. */
const DELAYED = /^(acss_debit|au_becs_debit|bacs_debit|boleto|konbini|multibanco|oxxo|sofort)$/;

/** Whether a method of this kind is confirmed by its holder on a page of the provider's. */
export const redirects = (type: string): boolean =>
  type in OTHERS && type !== 'customer_balance' && !DELAYED.test(type);

/** Whether money of this kind is on its way for days. */
export const isDelayed = (type: string): boolean =>
  DELAYED.test(type) || type === 'sepa_debit' || type === 'us_bank_account';

/** The part of a payment method that is named after its kind; null for a kind that does not exist. */
export function otherDetails(
  type: string,
  given: Wire | undefined,
): Pick<Stripe.PaymentMethod, 'type'> | null {
  const make = OTHERS[type];
  if (make === undefined) return null;
  const texts = Object.entries(isWireObject(given) ? given : {}).flatMap(([key, value]) =>
    typeof value === 'string' || typeof value === 'number' ? [[key, String(value)]] : [],
  );
  return { type, [type]: make(Object.fromEntries(texts)) };
}
