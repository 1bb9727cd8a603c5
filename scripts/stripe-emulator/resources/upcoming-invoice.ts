import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest, resourceMissing } from '../kernel/errors.ts';
import { pageOf } from '../kernel/lists.ts';
import { p, PAGE, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { invoiceItemsParam, previewInvoice } from './invoice-preview.ts';
import {
  cancelAtParam,
  discountsParam,
  itemFields,
  prorationBehavior,
  trialEndParam,
} from './subscription-params.ts';

const GONE = '2025-03-31';
const params = {
  coupon: p.clearable(p.str),
  currency: p.currency,
  customer: p.str,
  discounts: discountsParam,
  invoice_items: invoiceItemsParam,
  schedule: p.str,
  subscription: p.str,
  subscription_billing_cycle_anchor: p.any,
  subscription_cancel_at: p.clearable(cancelAtParam),
  subscription_cancel_at_period_end: p.bool,
  subscription_cancel_now: p.bool,
  subscription_default_tax_rates: p.clearable(p.arr(p.str)),
  subscription_items: p.arr(
    p.obj({ ...itemFields, clear_usage: p.unserved, deleted: p.bool, id: p.str }),
  ),
  subscription_proration_behavior: prorationBehavior,
  subscription_proration_date: p.timestamp,
  subscription_trial_end: trialEndParam,
};
type Upcoming = Values<typeof params>;

/** `GET /v1/invoices/upcoming`, which basil replaced by `create_preview`. */
export function registerUpcomingInvoice(registry: Registry): void {
  registry.get('/v1/invoices/upcoming', params, upcoming);
  registry.get('/v1/invoices/upcoming/lines', { ...params, ...PAGE }, (ctx, given) => {
    const { lines } = upcoming(ctx, given);
    return pageOf(lines.data, { url: '/v1/invoices/upcoming/lines', page: given });
  });
}

function upcoming(ctx: Context, given: Upcoming): Stripe.Invoice {
  if ((ctx.request?.apiVersion ?? GONE) >= GONE) throw resourceMissing('invoice', 'upcoming');
  const { customer, subscription, schedule, currency, invoice_items } = given;
  if (customer === undefined && subscription === undefined && schedule === undefined)
    throw invalidRequest(
      'You must either provide a `customer` or a `subscription` to the upcoming invoice endpoint.',
    );
  const coupon = typeof given.coupon === 'string' ? [{ coupon: given.coupon }] : undefined;
  return previewInvoice(ctx, {
    customer,
    subscription,
    schedule,
    currency,
    invoice_items,
    discounts: given.discounts ?? coupon,
    subscription_details: detailsOf(given),
  });
}

/** The `subscription_…` parameters under their present names; nothing if none was given. */
function detailsOf(given: Upcoming): Parameters<typeof previewInvoice>[1]['subscription_details'] {
  const named = Object.keys(given).some((key) => key.startsWith('subscription_'));
  if (!named) return undefined;
  return {
    billing_cycle_anchor: given.subscription_billing_cycle_anchor,
    cancel_at: given.subscription_cancel_at,
    cancel_at_period_end: given.subscription_cancel_at_period_end,
    cancel_now: given.subscription_cancel_now,
    default_tax_rates: given.subscription_default_tax_rates,
    items: given.subscription_items,
    proration_behavior: given.subscription_proration_behavior,
    proration_date: given.subscription_proration_date,
    trial_end: given.subscription_trial_end,
  };
}
