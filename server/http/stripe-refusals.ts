import type { GatewayError } from '../../adapters/stripe-gateway.ts';

/** What Stripe refuses and the caller can do something about, in words; the same wherever a call meets it. */
interface Refusal {
  code: 'not_allowed' | 'unknown_price' | 'unknown_promotion_code';
  message: string;
  reason?: string;
}

/** Null for what only the operator can set right. Stripe names the parameter, seldom a code. */
export function stripeRefusal(error: GatewayError): Refusal | null {
  const { param, code, message } = error;
  if (code === 'resource_missing' && param === null) return NO_METHOD;
  if (param === 'currency' || /currenc(y|ies)/i.test(message)) return OTHER_CURRENCY;
  if (param?.startsWith('discounts')) return OTHER_CODE;
  if (param === 'price' || param?.endsWith('[price]')) return NOT_SOLD;
  if (param === 'payment_method' || param === 'default_payment_method') return UNUSABLE_METHOD;
  return null;
}

const NO_METHOD: Refusal = {
  code: 'not_allowed',
  message: 'There is no payment method to charge. Save one first, or name another one.',
  reason: 'payment_method',
};
const UNUSABLE_METHOD: Refusal = {
  code: 'not_allowed',
  message: 'This payment method cannot be used. Save another one, and try again.',
  reason: 'payment_method',
};
const OTHER_CURRENCY: Refusal = {
  code: 'not_allowed',
  message:
    'This is sold in another currency than the one you are billed in. Choose one that is sold in yours.',
  reason: 'currency',
};
const OTHER_CODE: Refusal = {
  code: 'unknown_promotion_code',
  message: 'This code cannot be used here.',
};
const NOT_SOLD: Refusal = {
  code: 'unknown_price',
  message: 'This price is not sold at the moment. Choose another plan.',
};
