import type Stripe from 'stripe';
import { customerOf, preview, type PreviewOf } from '../billing/preview.ts';
import { periodEnd } from '../billing/subscription-object.ts';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { automaticTaxParam, invoiceTax } from '../taxes/automatic.ts';
import { p, paramsOf, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { phaseParams } from '../schedules/params.ts';
import { addressParam, shippingParam } from './address.ts';
import { create as newCustomer } from './customers.ts';
import { newInvoiceItem } from './invoice-item-object.ts';
import { pauseFields, pauseOf } from './pause-params.ts';
import { priceData } from './price-create.ts';
import { applyPlannedEnd, itemUpdates, resetsAnchor } from './subscription-fields.ts';
import {
  billingModeParam,
  cancelAtParam,
  discountsParam,
  itemFields,
  prorationBehavior,
  trialEndParam,
} from './subscription-params.ts';
import { newSubscription } from './subscriptions.ts';

const details = p.obj({
  billing_cycle_anchor: p.any,
  billing_mode: billingModeParam,
  billing_schedules: p.unserved,
  cancel_at: p.clearable(cancelAtParam),
  cancel_at_period_end: p.bool,
  cancel_now: p.bool,
  default_tax_rates: p.clearable(p.arr(p.str)),
  items: p.arr(p.obj({ ...itemFields, clear_usage: p.unserved, deleted: p.bool, id: p.str })),
  metadata: p.metadata,
  pause: p.obj(pauseFields),
  proration_behavior: prorationBehavior,
  proration_date: p.timestamp,
  resume_at: p.oneOf(['now']),
  start_date: p.unserved,
  trial_end: trialEndParam,
});
/** Items that a preview pretends to be there. */
export const invoiceItemsParam = p.arr(
  p.obj({
    amount: p.int,
    currency: p.currency,
    description: p.str,
    discountable: p.bool,
    discounts: discountsParam,
    invoiceitem: p.str,
    metadata: p.metadata,
    period: p.obj({ end: p.required(p.timestamp), start: p.required(p.timestamp) }),
    price: p.str,
    price_data: priceData,
    quantity: p.int,
    quantity_decimal: p.decimal,
    tax_behavior: p.oneOf(['inclusive', 'exclusive', 'unspecified']),
    tax_code: p.clearable(p.str),
    tax_rates: p.clearable(p.arr(p.str)),
    unit_amount: p.int,
    unit_amount_decimal: p.decimal,
  }),
);
const previewParams = paramsOf<Stripe.InvoiceCreatePreviewParams>()({
  automatic_tax: automaticTaxParam,
  currency: p.currency,
  customer: p.str,
  customer_account: p.unserved,
  customer_details: p.obj({
    address: p.clearable(addressParam),
    shipping: p.clearable(shippingParam),
    tax: p.harmless,
    tax_exempt: p.clearable(p.oneOf(['none', 'reverse', 'exempt'])),
    tax_ids: p.harmless,
  }),
  discounts: discountsParam,
  invoice_items: invoiceItemsParam,
  issuer: p.ownAccount,
  on_behalf_of: p.unserved,
  preview_mode: p.oneOf(['next', 'recurring']),
  schedule: p.str,
  schedule_details: p.obj({
    billing_mode: billingModeParam,
    end_behavior: p.oneOf(['cancel', 'release']),
    pause_schedules: p.unserved,
    phases: p.arr(p.obj(phaseParams)),
    proration_behavior: prorationBehavior,
  }),
  subscription: p.str,
  subscription_details: details,
});
type PreviewValues = Values<typeof previewParams>;

/** `POST /v1/invoices/create_preview` */
export function registerInvoicePreview(registry: Registry): void {
  registry.post('/v1/invoices/create_preview', previewParams, (ctx, params) => {
    const stranger = params.customer === undefined ? params.customer_details : undefined;
    if (stranger === undefined) return previewInvoice(ctx, params);
    const invoice = preview(ctx, null, () =>
      prepared(ctx, { ...params, customer: strangerOf(ctx, stranger).id }),
    );
    return { ...invoice, customer: null };
  });
}

/** The invoice that these parameters would make. Errors: 404 `invoice_upcoming_none`. */
export function previewInvoice(ctx: Context, params: PreviewValues): Stripe.Invoice {
  const subscription = ctx.store.find('subscription', params.subscription);
  const schedule = ctx.store.find('subscription_schedule', params.schedule);
  const known = params.customer ?? idOf(subscription?.customer) ?? idOf(schedule?.customer);
  const invoice = preview(ctx, known, () => prepared(ctx, params));
  const customer = ctx.store.find('customer', idOf(invoice.customer));
  if (params.automatic_tax !== undefined && customer !== undefined)
    invoice.automatic_tax = invoiceTax(customer, params.automatic_tax.enabled);
  return invoice;
}

function prepared(ctx: Context, params: PreviewValues): PreviewOf {
  const of = previewOf(ctx, params);
  prepare(ctx, params, { of, customer: customerOf(of) });
  return of;
}

/** Somebody who is no customer yet: a customer of the details given, for the time of the preview. */
function strangerOf(
  ctx: Context,
  details: NonNullable<PreviewValues['customer_details']>,
): Stripe.Customer {
  const { address, shipping, tax_exempt } = details;
  return newCustomer(ctx, {
    address: address ?? undefined,
    shipping: shipping ?? undefined,
    tax_exempt,
  });
}

function previewOf(ctx: Context, params: PreviewValues): PreviewOf {
  const changes = params.subscription_details;
  const subscription = chosen(ctx, params);
  if (subscription === 'items') return itemsOnly(ctx, params);
  if (subscription === null)
    return { kind: 'create', params: newSubscription(ctx, creation(params)) };
  if (changes === undefined) return { kind: 'renewal', subscription };
  if (changes.cancel_now === true)
    return {
      kind: 'cancel',
      subscription,
      prorate: (changes.proration_behavior ?? 'create_prorations') !== 'none',
    };
  if (changes.resume_at === 'now') return { kind: 'resume', subscription };
  if (changes.pause !== undefined && Object.keys(changes.pause).length > 0)
    return { kind: 'pause', subscription, how: pauseOf(changes.pause) };
  return {
    kind: 'update',
    subscription,
    update: {
      items: itemUpdates(ctx, subscription, { items: changes.items }),
      // The recurring preview shows what each period will cost, without what this change costs once.
      prorationBehavior:
        params.preview_mode === 'recurring'
          ? 'none'
          : (changes.proration_behavior ?? 'create_prorations'),
      prorationDate: changes.proration_date ?? null,
      resetAnchor: resetsAnchor(changes.billing_cycle_anchor),
      trialEnd: changes.trial_end ?? null,
      paymentBehavior: 'allow_incomplete',
      offSession: true,
      decorate(target) {
        const { cancel_at, cancel_at_period_end } = changes;
        applyPlannedEnd(ctx, target, { cancel_at, cancel_at_period_end });
      },
    },
  };
}

function itemsOnly(ctx: Context, params: PreviewValues): PreviewOf {
  const customer = ctx.store.need('customer', params.customer ?? '', 'customer');
  const named = params.invoice_items?.find((item) => item.currency !== undefined)?.currency;
  const currency = params.currency ?? named ?? customer.currency ?? ctx.settings.currency;
  return { kind: 'items', customer: customer.id, currency };
}

/** The subscription named, or the customer's next one to renew; null previews a new one, `items` what has no subscription. */
function chosen(ctx: Context, params: PreviewValues): Stripe.Subscription | 'items' | null {
  if (params.subscription !== undefined)
    return ctx.store.need('subscription', params.subscription, 'subscription');
  const schedule = ctx.store.find('subscription_schedule', params.schedule);
  if (params.schedule !== undefined) {
    const of = idOf(schedule?.subscription);
    if (of !== null) return ctx.store.need('subscription', of);
    ctx.store.need('subscription_schedule', params.schedule, 'schedule');
  }
  if (params.subscription_details?.items !== undefined) return null;
  if (params.schedule_details?.phases !== undefined) return null;
  const customer = ctx.store.need('customer', params.customer ?? missingCustomer(), 'customer');
  const [next] = ctx.store
    .by('subscription', 'customer', customer.id)
    .filter((subscription) => /active|trialing|past_due/.test(subscription.status))
    .toSorted((a, b) => periodEnd(a) - periodEnd(b));
  if (next !== undefined) return next;
  const waits = ctx.store
    .by('invoiceitem', 'customer', customer.id)
    .some((item) => item.invoice === null);
  if (waits || (params.invoice_items ?? []).length > 0) return 'items';
  throw invalidRequest(`No upcoming invoices for customer: '${customer.id}'`, {
    code: 'invoice_upcoming_none',
    status: 404,
  });
}

function missingCustomer(): never {
  throw invalidRequest('You must pass one of `customer`, `subscription` or `schedule`.', {
    param: 'customer',
    code: 'parameter_missing',
  });
}

function creation(params: PreviewValues): Parameters<typeof newSubscription>[1] {
  const given = params.subscription_details;
  const [phase] = params.schedule_details?.phases ?? [];
  return {
    customer: params.customer ?? missingCustomer(),
    currency: params.currency,
    items:
      given?.items?.map(({ id: _id, deleted: _deleted, clear_usage: _clear, ...item }) => item) ??
      phase?.items.map(({ price, plan, quantity, metadata, tax_rates }) => ({
        price: price ?? plan,
        quantity,
        metadata,
        tax_rates,
      })),
    trial_end: given?.trial_end ?? phase?.trial_end,
    billing_mode: given?.billing_mode,
    proration_behavior: given?.proration_behavior ?? phase?.proration_behavior,
    default_tax_rates: given?.default_tax_rates,
    discounts: params.discounts,
  };
}

/** Extra items and discounts, as if they were there. */
function prepare(
  ctx: Context,
  params: PreviewValues,
  on: { of: PreviewOf; customer: string },
): void {
  const { of, customer } = on;
  const subscription = of.kind === 'create' || of.kind === 'items' ? null : of.subscription;
  for (const item of params.invoice_items ?? []) {
    const { invoiceitem: _invoiceitem, discounts: _discounts, ...rest } = item;
    newInvoiceItem(ctx, { ...rest, customer, subscription: subscription?.id });
  }
  if (params.discounts === undefined || subscription === null) return;
  subscription.discounts = ctx.services.discounts.create(ctx, params.discounts ?? [], {
    customer,
    subscription: subscription.id,
    subscriptionItem: null,
    invoice: null,
    at: ctx.nowFor(customer),
  });
}
