import type Stripe from 'stripe';
import type { Wire } from '../kernel/form.ts';
import { invalidRequest } from '../kernel/errors.ts';
import type { Context } from '../kernel/context.ts';
import { p, type Field, type Values } from '../kernel/params.ts';
import { noAddress, noBillingDetails } from './method-objects.ts';

/** Parameters that are accepted and change nothing here; see the README. */
export function ignored<K extends string>(...names: K[]): Record<K, Field<Wire>>;
export function ignored(...names: string[]): Record<string, Field<Wire>> {
  return Object.fromEntries(names.map((name) => [name, p.harmless]));
}

/** Parameters whose names are looked up at run time, such as the kinds of payment methods. */
export function readByName<K extends string>(...names: K[]): Record<K, Field<Wire>>;
export function readByName(...names: string[]): Record<string, Field<Wire>> {
  return Object.fromEntries(names.map((name) => [name, p.any]));
}

const text = p.clearable(p.str);

export const ADDRESS = {
  city: text,
  country: text,
  line1: text,
  line2: text,
  postal_code: text,
  state: text,
};

const BILLING_DETAILS = {
  address: p.clearable(p.obj(ADDRESS)),
  email: text,
  name: text,
  phone: text,
  tax_id: text,
};
export const billingDetails = p.obj(BILLING_DETAILS);
export type BillingValues = Values<typeof BILLING_DETAILS>;

/** Stripe takes an empty name too. */
const nameOrBlank: Field<string> = {
  parse: (value, path) => (value === '' ? '' : p.str.parse(value, path)),
};

const SHIPPING = {
  address: p.required(p.obj(ADDRESS)),
  name: p.required(nameOrBlank),
  carrier: text,
  phone: text,
  tracking_number: text,
};
export const shipping = p.obj(SHIPPING);

/** An address with every key, as Stripe shows it. */
export const addressOf = (given: Values<typeof ADDRESS> | null | undefined): Stripe.Address => ({
  ...noAddress(),
  ...withoutUndefined(given ?? {}),
});

function withoutUndefined<T extends object>(given: T): { [K in keyof T]: Exclude<T[K], undefined> };
function withoutUndefined(given: object): object {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** Billing details after a call that gave some of them. */
export function mergeBilling(
  current: Stripe.PaymentMethod.BillingDetails,
  given: BillingValues | undefined,
): Stripe.PaymentMethod.BillingDetails {
  if (given === undefined) return current;
  const { address, ...rest } = given;
  const merged = { ...current, ...withoutUndefined(rest) };
  return address === undefined ? merged : { ...merged, address: addressOf(address) };
}

export const billingOf = (given: BillingValues | undefined): Stripe.PaymentMethod.BillingDetails =>
  mergeBilling(noBillingDetails(), given);

/** A shipping address as Stripe shows it. */
export const shippingOf = (given: Values<typeof SHIPPING>): Stripe.PaymentIntent.Shipping => ({
  address: addressOf(given.address),
  carrier: given.carrier ?? null,
  name: given.name,
  phone: given.phone ?? null,
  tracking_number: given.tracking_number ?? null,
});

/** Metadata of a new object: keys without a value are not kept. */
export const metadataOf = (
  given: Record<string, string | null> | null | undefined,
): Record<string, string> =>
  Object.fromEntries(
    Object.entries(given ?? {}).flatMap(([key, value]): [string, string][] =>
      value === null ? [] : [[key, value]],
    ),
  );

/** Since endive only filters exist; calls without a version may still name the types. */
export function requireNoTypes(ctx: Context, types: readonly string[] | undefined): void {
  if (types === undefined || !ctx.since('2026-09-30')) return;
  throw invalidRequest(
    'The `payment_method_types` parameter is no longer supported. Use `allowed_payment_method_types` or `excluded_payment_method_types` instead.',
    { code: 'payment_method_types_no_longer_supported', param: 'payment_method_types' },
  );
}

/** The customer's id, if the call named one that exists. Errors: `resource_missing`. */
export const customerIn = (ctx: Context, id: string | undefined): string | null =>
  id === undefined ? null : ctx.store.need('customer', id, 'customer').id;
