import type Stripe from 'stripe';
import { recordChange } from '../balance/service.ts';
import type { Context } from '../kernel/context.ts';
import { ApiError, invalidRequest, resourceMissing } from '../kernel/errors.ts';
import { idOf, randomText } from '../kernel/ids.ts';
import { listStored } from '../kernel/lists.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p, PAGE, paramsOf, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { addressOf, addressParam, shippingParam } from './address.ts';
import { registerCustomerIncludes } from './customer-includes.ts';
import { TAX_ID_TYPES } from '../kernel/word-sets.ts';

const invoiceSettings = p.obj({
  custom_fields: p.clearable(
    p.arr(p.obj({ name: p.required(p.upTo(40)), value: p.required(p.upTo(140)) })),
  ),
  default_payment_method: p.clearable(p.str),
  footer: p.clearable(p.str),
  rendering_options: p.clearable(
    p.obj({
      amount_tax_display: p.clearable(p.oneOf(['exclude_tax', 'include_inclusive_tax'])),
      template: p.str,
    }),
  ),
});
const shared = {
  address: p.clearable(addressParam),
  balance: p.int,
  business_name: p.clearable(p.upTo(150)),
  cash_balance: p.harmless,
  description: p.clearable(p.str),
  email: p.clearable(p.upTo(512)),
  individual_name: p.clearable(p.upTo(150)),
  invoice_prefix: p.str,
  invoice_settings: invoiceSettings,
  metadata: p.metadata,
  name: p.clearable(p.upTo(256)),
  next_invoice_sequence: p.int,
  phone: p.clearable(p.upTo(20)),
  preferred_locales: p.arr(p.str),
  shipping: p.clearable(shippingParam),
  source: p.str,
  tax: p.obj({ ip_address: p.clearable(p.str), validate_location: p.harmless }),
  tax_exempt: p.clearable(p.oneOf(['none', 'reverse', 'exempt'])),
  validate: p.unserved,
  /** Legacy. */
  coupon: p.clearable(p.str),
  promotion_code: p.clearable(p.str),
};
const createParams = paramsOf<Stripe.CustomerCreateParams>()({
  ...shared,
  payment_method: p.str,
  tax_id_data: p.arr(p.obj({ type: p.required(p.oneOf(TAX_ID_TYPES)), value: p.required(p.str) })),
  test_clock: p.str,
});
const updateParams = paramsOf<Stripe.CustomerUpdateParams>()({
  ...shared,
  default_source: p.str,
});
const listParams = { ...PAGE, created: p.timeRange, email: p.str, test_clock: p.str };
type Shared = Partial<Values<typeof shared>>;

/** `/v1/customers` */
export function registerCustomers(registry: Registry): void {
  registry.post('/v1/customers', createParams, create);
  registry.get('/v1/customers', listParams, list);
  registry.get(
    '/v1/customers/:id',
    {},
    (ctx, _params, path) =>
      ctx.store.find('customer', path.id) ??
      ctx.store.tombstone(path.id) ??
      ctx.store.need('customer', path.id),
  );
  registry.post('/v1/customers/:id', updateParams, (ctx, params, path) =>
    update(ctx, params, changeable(ctx, path.id)),
  );
  registry.delete('/v1/customers/:id', {}, remove);
  registerCustomerIncludes(registry);
}

/** A deleted customer can still be read, so changing it is a wrong request and not an unknown address. */
function changeable(ctx: Context, id: string): Stripe.Customer {
  const deleted = ctx.store.tombstone(id) !== undefined;
  if (deleted) throw new ApiError(400, resourceMissing('customer', id).body);
  return ctx.store.need('customer', id);
}

/** Makes a customer of checked parameters; emits `customer.created`. */
export function create(ctx: Context, params: Values<typeof createParams>): Stripe.Customer {
  needClock(ctx, params.test_clock);
  refuseBadEmail(params.email);
  const customer = ctx.add('customer', {
    id: ctx.store.newId('customer'),
    object: 'customer',
    address: addressOf(params.address),
    balance: params.balance ?? 0,
    created: ctx.now(params.test_clock ?? null),
    currency: null,
    customer_account: null,
    default_source: null,
    delinquent: false,
    description: params.description ?? null,
    discount: null,
    email: params.email ?? null,
    invoice_prefix: params.invoice_prefix ?? randomText(8).toUpperCase(),
    invoice_settings: {
      custom_fields: null,
      default_payment_method: null,
      footer: null,
      rendering_options: null,
    },
    livemode: false,
    metadata: mergeMetadata({}, params.metadata),
    name: params.name ?? null,
    next_invoice_sequence: params.next_invoice_sequence ?? 1,
    ...(params.business_name ? { business_name: params.business_name } : {}),
    ...(params.individual_name ? { individual_name: params.individual_name } : {}),
    phone: params.phone ?? null,
    preferred_locales: params.preferred_locales ?? [],
    shipping: null,
    tax_exempt: params.tax_exempt ?? 'none',
    test_clock: params.test_clock ?? null,
  });
  if (params.shipping !== undefined) setShipping(customer, params.shipping);
  applyInvoiceSettings(customer, { ...params.invoice_settings, default_payment_method: undefined });
  noteBalance(ctx, customer, { by: customer.balance, type: 'initial' });
  ctx.emit('customer.created', customer);
  if (params.tax?.ip_address !== undefined)
    ctx.note('customer_tax', customer.id)['ip'] = params.tax.ip_address;
  attachGiven(ctx, customer, params);
  for (const tax of params.tax_id_data ?? []) ctx.services.taxes.addTaxId(ctx, customer.id, tax);
  return customer;
}

/** Methods that come with the customer are attached to it, which may be refused: then there is no customer. */
function attachGiven(
  ctx: Context,
  customer: Stripe.Customer,
  params: Values<typeof createParams>,
): void {
  const { payments } = ctx.services;
  const asked = params.invoice_settings?.default_payment_method ?? null;
  const attached =
    params.payment_method === undefined
      ? null
      : payments.attach(ctx, customer.id, params.payment_method);
  if (asked !== null) {
    customer.invoice_settings.default_payment_method =
      asked === params.payment_method ? attached : ownedMethod(ctx, customer, asked);
  }
  if (params.source !== undefined)
    customer.default_source = payments.attach(ctx, customer.id, params.source);
  setDiscount(ctx, customer, params);
}

/** Legacy `coupon` and `promotion_code`: the customer's own discount. */
function setDiscount(ctx: Context, customer: Stripe.Customer, params: Shared): void {
  const { discounts } = ctx.services;
  const given = params.coupon ?? params.promotion_code;
  if (given === undefined || given === null) {
    if (params.coupon === null || params.promotion_code === null)
      discounts.removeFromCustomer(ctx, customer);
    return;
  }
  const discount =
    typeof params.coupon === 'string' ? { coupon: given } : { promotion_code: given };
  discounts.create(ctx, [discount], {
    customer: customer.id,
    subscription: null,
    subscriptionItem: null,
    invoice: null,
    at: ctx.nowFor(customer),
  });
}

function refuseBadEmail(email: string | null | undefined): void {
  if (typeof email === 'string' && !/^[^\s@]+@[^\s@.]+(\.[^\s@.]+)+$/.test(email)) {
    throw invalidRequest(`Invalid email address: ${email}`, {
      param: 'email',
      code: 'email_invalid',
    });
  }
}

/** The id of a method that belongs to the customer, or Stripe's refusal. */
function ownedMethod(ctx: Context, customer: Stripe.Customer, id: string): string {
  const method = ctx.store.find('payment_method', id);
  const param = 'invoice_settings[default_payment_method]';
  if (method === undefined) throw resourceMissing('payment_method', id, param);
  if (idOf(method.customer) !== customer.id) {
    throw invalidRequest(
      `The customer does not have a payment method with the ID ${id}. The payment method must be attached to the customer.`,
      { param, code: 'resource_missing' },
    );
  }
  return id;
}

function applyInvoiceSettings(
  customer: Stripe.Customer,
  given: Shared['invoice_settings'] | undefined,
): void {
  const settings = customer.invoice_settings;
  if (given?.custom_fields !== undefined) settings.custom_fields = given.custom_fields;
  if (given?.footer !== undefined) settings.footer = given.footer;
  if (given?.rendering_options !== undefined) {
    const options = given.rendering_options;
    settings.rendering_options =
      options === null
        ? null
        : {
            amount_tax_display: options.amount_tax_display ?? null,
            template: options.template ?? null,
          };
  }
}

function setShipping(
  customer: Stripe.Customer,
  given: NonNullable<Shared['shipping']> | null,
): void {
  customer.shipping =
    given === null
      ? null
      : {
          address: addressOf(given.address) ?? undefined,
          name: given.name,
          phone: given.phone ?? null,
        };
}

function update(
  ctx: Context,
  params: Values<typeof updateParams>,
  customer: Stripe.Customer,
): Stripe.Customer {
  refuseBadEmail(params.email);
  const asked = params.invoice_settings?.default_payment_method;
  const method = typeof asked === 'string' ? ownedMethod(ctx, customer, asked) : asked;
  const source =
    params.source === undefined
      ? params.default_source
      : ctx.services.payments.attach(ctx, customer.id, params.source);
  const apply = () => {
    if (params.address !== undefined) customer.address = addressOf(params.address);
    if (params.description !== undefined) customer.description = params.description;
    if (params.email !== undefined) customer.email = params.email;
    if (params.name !== undefined) customer.name = params.name;
    if (params.phone !== undefined) customer.phone = params.phone;
    if (params.business_name !== undefined)
      customer.business_name = params.business_name ?? undefined;
    if (params.individual_name !== undefined)
      customer.individual_name = params.individual_name ?? undefined;
    if (params.shipping !== undefined) setShipping(customer, params.shipping);
    if (params.tax_exempt !== undefined) customer.tax_exempt = params.tax_exempt ?? 'none';
    if (source !== undefined) customer.default_source = source;
    if (method !== undefined) customer.invoice_settings.default_payment_method = method;
    if (params.balance !== undefined) customer.balance = params.balance;
    customer.invoice_prefix = params.invoice_prefix ?? customer.invoice_prefix;
    customer.next_invoice_sequence = params.next_invoice_sequence ?? customer.next_invoice_sequence;
    customer.preferred_locales = params.preferred_locales ?? customer.preferred_locales;
    customer.metadata = mergeMetadata(customer.metadata, params.metadata);
    applyInvoiceSettings(customer, params.invoice_settings);
  };
  if (params.tax?.ip_address !== undefined)
    ctx.note('customer_tax', customer.id)['ip'] = params.tax.ip_address;
  const balance = customer.balance;
  ctx.update('customer', customer, { event: 'customer.updated', apply });
  noteBalance(ctx, customer, { by: customer.balance - balance, type: 'adjustment' });
  setDiscount(ctx, customer, params);
  return customer;
}

/** A balance that was set leaves its entry in the customer's account. */
function noteBalance(
  ctx: Context,
  customer: Stripe.Customer,
  change: { by: number; type: 'initial' | 'adjustment' },
): void {
  if (change.by === 0) return;
  customer.currency ??= ctx.settings.currency;
  const { currency } = customer;
  recordChange(ctx, { customer: customer.id, amount: change.by, currency, type: change.type });
}

function needClock(ctx: Context, id: string | undefined): void {
  if (id !== undefined) ctx.store.need('test_helpers.test_clock', id, 'test_clock');
}

function list(ctx: Context, params: Values<typeof listParams>): Stripe.ApiList<Stripe.Customer> {
  needClock(ctx, params.test_clock);
  return listStored(ctx, 'customer', {
    url: '/v1/customers',
    page: params,
    where: (customer) =>
      (params.email === undefined || customer.email === params.email) &&
      idOf(customer.test_clock) === (params.test_clock ?? null),
  });
}

/** Deleting a customer cancels its subscriptions at once. */
function remove(ctx: Context, _params: object, path: { id: string }): object {
  const customer = ctx.store.need('customer', path.id);
  for (const subscription of ctx.store.by('subscription', 'customer', customer.id)) {
    if (/canceled|incomplete_expired/.test(subscription.status)) continue;
    ctx.services.billing.cancelSubscription(ctx, subscription, {
      invoiceNow: false,
      prorate: false,
      reason: 'cancellation_requested',
    });
  }
  ctx.emit('customer.deleted', customer);
  return ctx.store.remove('customer', customer.id);
}
