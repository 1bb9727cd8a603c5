import type Stripe from 'stripe';
import { planEnd } from '../billing/cancel.ts';
import type { ItemUpdate } from '../billing/items-change.ts';
import { planPendingItems } from '../billing/pending-interval.ts';
import { lastPeriodEnd, periodEnd, taxRates } from '../billing/subscription-object.ts';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { subscriptionTax } from '../taxes/automatic.ts';
import type { Values } from '../kernel/params.ts';
import { createInlinePrice } from './inline-prices.ts';
import { productFor } from './prices.ts';
import type { createParams, updateParams } from './subscription-params.ts';

export type CreateValues = Values<typeof createParams>;
export type UpdateValues = Values<typeof updateParams>;
type Common = Omit<
  UpdateValues,
  'items' | 'billing_cycle_anchor' | 'cancellation_details' | 'pause_collection'
>;
type ItemValues = NonNullable<UpdateValues['items']>[number];

/** Sets the fields that creation and update have in common and that bill nothing. */
export function applyCommon(ctx: Context, subscription: Stripe.Subscription, given: Common): void {
  subscription.metadata = mergeMetadata(subscription.metadata, given.metadata);
  if (given.description !== undefined) subscription.description = given.description;
  if (given.application_fee_percent !== undefined)
    subscription.application_fee_percent = given.application_fee_percent;
  if (given.collection_method !== undefined)
    subscription.collection_method = given.collection_method;
  if (given.days_until_due !== undefined) subscription.days_until_due = given.days_until_due;
  if (given.default_tax_rates !== undefined)
    subscription.default_tax_rates = taxRates(ctx, given.default_tax_rates ?? []);
  if (given.trial_settings !== undefined) {
    const { billing_cycle_anchor = null, missing_payment_method } =
      given.trial_settings.end_behavior;
    subscription.trial_settings = {
      end_behavior: { billing_cycle_anchor, missing_payment_method },
    };
  }
  if (given.pending_invoice_item_interval !== undefined) {
    const every = given.pending_invoice_item_interval;
    subscription.pending_invoice_item_interval =
      every === null
        ? null
        : { interval: every.interval, interval_count: every.interval_count ?? 1 };
    planPendingItems(ctx, subscription);
  }
  if (given.automatic_tax !== undefined)
    subscription.automatic_tax = subscriptionTax(
      ctx,
      subscription.customer,
      given.automatic_tax.enabled,
    );
  applyMethods(ctx, subscription, given);
  applyInvoiceSettings(subscription, given.invoice_settings);
}

function applyMethods(ctx: Context, subscription: Stripe.Subscription, given: Common): void {
  if (given.default_payment_method !== undefined)
    subscription.default_payment_method = ownedMethod(
      ctx,
      subscription,
      given.default_payment_method,
    );
  if (given.default_source !== undefined) subscription.default_source = given.default_source;
  const settings = given.payment_settings;
  if (settings === undefined || subscription.payment_settings === null) return;
  const target = subscription.payment_settings;
  if (settings.save_default_payment_method !== undefined)
    target.save_default_payment_method = settings.save_default_payment_method;
  if (settings.payment_method_types !== undefined)
    target.payment_method_types = settings.payment_method_types;
}

function ownedMethod(
  ctx: Context,
  subscription: Stripe.Subscription,
  id: string | null,
): string | null {
  if (id === null) return null;
  const param = 'default_payment_method';
  const method = ctx.store.find('payment_method', id) ?? ctx.store.find('card', id);
  if (method === undefined) return ctx.store.need('payment_method', id, param).id;
  if (idOf(method.customer) !== idOf(subscription.customer)) {
    throw invalidRequest(
      `The customer does not have a payment method with the ID ${id}. The payment method must be attached to the customer.`,
      { param, code: 'resource_missing' },
    );
  }
  return id;
}

function applyInvoiceSettings(
  subscription: Stripe.Subscription,
  given: Common['invoice_settings'],
): void {
  const settings = subscription.invoice_settings;
  if (given?.description !== undefined) settings.description = given.description;
  if (given?.footer !== undefined) settings.footer = given.footer;
  if (given?.custom_fields !== undefined) settings.custom_fields = given.custom_fields;
}

/** `cancel_at`, `cancel_at_period_end`: the planned end, if the call speaks of one. */
export function applyPlannedEnd(
  ctx: Context,
  subscription: Stripe.Subscription,
  given: Common,
): void {
  const { cancel_at: at, cancel_at_period_end: atPeriodEnd } = given;
  if (at === undefined && atPeriodEnd === undefined) return;
  if (typeof at === 'number' && atPeriodEnd === true) {
    throw invalidRequest(
      'You may only specify one of these parameters: cancel_at, cancel_at_period_end.',
      {
        code: 'parameters_exclusive',
      },
    );
  }
  if (subscription.schedule !== null) {
    throw invalidRequest(
      'The subscription is managed by the subscription schedule `' +
        idOf(subscription.schedule) +
        '`, and updating any cancelation behavior directly is not allowed. Please update the schedule instead.',
      { param: at === undefined ? 'cancel_at_period_end' : 'cancel_at' },
    );
  }
  const now = ctx.nowFor(idOf(subscription.customer));
  const cancelAt = at === undefined ? null : cancelMoment(subscription, at);
  if (cancelAt !== null && cancelAt <= now)
    throw invalidRequest('cancel_at must be in the future.', { param: 'cancel_at' });
  planEnd(ctx, subscription, { cancelAt, cancelAtPeriodEnd: atPeriodEnd ?? false });
}

function cancelMoment(
  subscription: Stripe.Subscription,
  at: NonNullable<Common['cancel_at']> | null,
): number | null {
  if (at === 'min_period_end') return periodEnd(subscription);
  if (at === 'max_period_end' || at === 'max_billed_until') return lastPeriodEnd(subscription);
  return at;
}

/** Parts of an update that creation does not know. */
export function applyUpdateOnly(
  ctx: Context,
  subscription: Stripe.Subscription,
  given: UpdateValues,
): void {
  const pause = given.pause_collection;
  if (pause !== undefined) {
    subscription.pause_collection =
      pause === null ? null : { behavior: pause.behavior, resumes_at: pause.resumes_at ?? null };
  }
  applyCancellationDetails(subscription, given.cancellation_details);
  applyPlannedEnd(ctx, subscription, given);
}

/** The customer's words about leaving. */
export function applyCancellationDetails(
  subscription: Stripe.Subscription,
  given: UpdateValues['cancellation_details'],
): void {
  const details = subscription.cancellation_details;
  if (given === undefined || details === null) return;
  if (given.comment !== undefined) details.comment = given.comment;
  if (given.feedback !== undefined) details.feedback = given.feedback;
  if (given.feedback_option !== undefined) details.feedback_option = given.feedback_option;
}

/** The price an item names: by id, as a legacy plan, or made on the spot. */
export function priceOf(ctx: Context, item: ItemValues, param: string): string | undefined {
  if (item.price_data !== undefined) {
    const { product, product_data, ...amounts } = item.price_data;
    if (product === undefined && product_data === undefined)
      throw invalidRequest(`Missing required param: ${param}[price_data][product].`, {
        param,
        code: 'parameter_missing',
      });
    const id = product ?? (product_data === undefined ? '' : productFor(ctx, product_data));
    return createInlinePrice(ctx, { ...amounts, product: id }).id;
  }
  return item.price ?? item.plan;
}

/** The items of an update, as the engine takes them. */
export function itemUpdates(
  ctx: Context,
  subscription: Stripe.Subscription,
  given: UpdateValues,
): ItemUpdate[] {
  const legacy = given.price ?? given.plan;
  const [only] = subscription.items.data;
  if (given.items === undefined && (legacy !== undefined || given.quantity !== undefined))
    return [{ id: only?.id, price: legacy, quantity: given.quantity }];
  return (given.items ?? []).map((item, index) => ({
    id: item.id,
    price: priceOf(ctx, item, `items[${index}]`),
    quantity: item.quantity,
    deleted: item.deleted,
    metadata: item.metadata,
    taxRates: item.tax_rates === undefined ? undefined : (item.tax_rates ?? []),
  }));
}

/** `{type: 'now'}`; unversioned calls may still send the word itself. */
export function resetsAnchor(given: UpdateValues['billing_cycle_anchor']): boolean {
  if (given === undefined || given === 'unchanged') return false;
  if (given === 'now') return true;
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) {
    if (given['type'] === 'now') return true;
    if (given['type'] === 'unchanged') return false;
  }
  throw invalidRequest('Invalid billing_cycle_anchor: must be one of now or unchanged', {
    param: 'billing_cycle_anchor',
  });
}
