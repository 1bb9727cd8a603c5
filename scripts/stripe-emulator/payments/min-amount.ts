import { invalidRequest } from '../kernel/errors.ts';

/** The least that may be charged, in minor units of the currency itself. */
const MINIMUM: Readonly<Record<string, number>> = {
  usd: 50,
  eur: 50,
  aud: 50,
  cad: 50,
  chf: 50,
  brl: 50,
  inr: 50,
  nzd: 50,
  sgd: 50,
  gbp: 30,
  aed: 200,
  myr: 200,
  pln: 200,
  ron: 200,
  dkk: 250,
  nok: 300,
  sek: 300,
  hkd: 400,
  mxn: 1_000,
  thb: 1_000,
  czk: 1_500,
  jpy: 50,
  krw: 50,
  huf: 17_500,
};
const SIGNS: Readonly<Record<string, string>> = {
  usd: '$',
  eur: '€',
  gbp: '£',
  jpy: '¥',
  aud: '$',
  cad: '$',
};
const MOST = 99_999_999;

const shown = (amount: number, currency: string): string => {
  const figure =
    currency === 'jpy' || currency === 'krw' ? String(amount) : (amount / 100).toFixed(2);
  return `${SIGNS[currency] ?? ''}${figure} ${currency}`;
};

/** Refuses amounts that no card network would take. Errors: `amount_too_small`, `amount_too_large`. */
export function requireChargeable(amount: number, currency: string): void {
  if (amount < 1) {
    throw invalidRequest(
      'The amount must be greater than or equal to the minimum charge amount allowed for your account and the currency set (https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts).  If you want to save a Payment Method for future use without an immediate payment, use a Setup Intent instead: https://docs.stripe.com/payments/setup-intents',
      {
        code: 'parameter_invalid_integer',
        param: 'amount',
      },
    );
  }
  const least = MINIMUM[currency] ?? 50;
  if (amount < least)
    throw invalidRequest(`Amount must be at least ${shown(least, currency)}`, {
      code: 'amount_too_small',
      param: 'amount',
    });
  if (amount > MOST)
    throw invalidRequest(`Amount must be no more than ${shown(MOST, currency)}`, {
      code: 'amount_too_large',
      param: 'amount',
    });
}
