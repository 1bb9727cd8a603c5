import type Stripe from 'stripe';
import { p, type Values } from '../kernel/params.ts';

const fields = {
  city: p.clearable(p.str),
  country: p.clearable(p.str),
  line1: p.clearable(p.str),
  line2: p.clearable(p.str),
  postal_code: p.clearable(p.str),
  state: p.clearable(p.str),
};
export const addressParam = p.obj(fields);
export const shippingParam = p.obj({
  address: p.required(addressParam),
  name: p.required(p.str),
  phone: p.clearable(p.str),
});

/** An address with every key, as Stripe shows it. */
export function addressOf(given: Values<typeof fields> | null | undefined): Stripe.Address | null {
  if (given === null || given === undefined) return null;
  return {
    city: given.city ?? null,
    country: given.country?.toUpperCase() ?? null,
    line1: given.line1 ?? null,
    line2: given.line2 ?? null,
    postal_code: given.postal_code ?? null,
    state: given.state ?? null,
  };
}
