import type { Context } from '../kernel/context.ts';
import { ApiError } from '../kernel/errors.ts';
import { createMethod } from '../payments/create-method.ts';
import type Stripe from 'stripe';
import type { FormError, PaymentEntry } from './test-cards-view.ts';

const FIELDS: Readonly<Record<string, string>> = {
  number: 'number',
  exp_month: 'expiry',
  exp_year: 'expiry',
  cvc: 'cvc',
  'card[number]': 'number',
  'card[exp_month]': 'expiry',
  'card[exp_year]': 'expiry',
  'sepa_debit[iban]': 'iban',
};

/** Which field of the form an API error is about. */
export const fieldOf = (param: string | undefined): string | null => FIELDS[param ?? ''] ?? null;

/** The payment form as it was posted. */
export const readEntry = (form: URLSearchParams): PaymentEntry => ({
  method: form.get('method') ?? 'card',
  email: (form.get('email') ?? '').trim(),
  name: (form.get('name') ?? '').trim(),
  number: (form.get('number') ?? '').trim(),
  expiry: (form.get('expiry') ?? '').trim(),
  cvc: (form.get('cvc') ?? '').trim(),
  iban: (form.get('iban') ?? '').trim(),
});

const wrong = (field: string, message: string): { error: FormError } => ({
  error: { field, message },
});

/** Makes a payment method of a form, or says what to mend. */
export function methodOfEntry(
  ctx: Context,
  entry: PaymentEntry,
): { method: Stripe.PaymentMethod } | { error: FormError } {
  const billing_details = {
    name: entry.name === '' ? null : entry.name,
    email: entry.email === '' ? null : entry.email,
  };
  if (entry.method !== 'sepa_debit') {
    const expiry = /^(\d{1,2})\s*\/?\s*(\d{2}|\d{4})$/.exec(entry.expiry);
    if (entry.number === '')
      return wrong('number', 'Please type a card number, or choose a test card below.');
    if (expiry === null)
      return wrong('expiry', 'Please type the expiry as month / year, for instance 12 / 34.');
    if (entry.cvc === '') return wrong('cvc', 'Please type the security code: any three digits.');
    const card = {
      number: entry.number,
      exp_month: Number(expiry[1]),
      exp_year: Number(expiry[2]),
      cvc: entry.cvc,
    };
    return attempt(() => createMethod(ctx, { type: 'card', card, billing_details }));
  }
  if (entry.iban === '') return wrong('iban', 'Please type an IBAN.');
  return attempt(() =>
    createMethod(ctx, { type: 'sepa_debit', sepa_debit: { iban: entry.iban }, billing_details }),
  );
}

function attempt(
  make: () => Stripe.PaymentMethod,
): { method: Stripe.PaymentMethod } | { error: FormError } {
  try {
    return { method: make() };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { error: { field: fieldOf(error.body.param), message: error.message } };
  }
}
