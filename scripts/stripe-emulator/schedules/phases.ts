import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest, resourceMissing } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { addMonths } from '../discounts/redeem.ts';
import type { PhaseParams } from './params.ts';

type Phase = Stripe.SubscriptionSchedule.Phase;
type Interval = 'day' | 'week' | 'month' | 'year';

/** The phases of a call, each beginning where the one before ends; `start` in Unix seconds. */
export function buildPhases(
  ctx: Context,
  given: readonly PhaseParams[],
  { start, currency }: { start: number; currency?: string | undefined },
): Phase[] {
  const phases: Phase[] = [];
  let from = start;
  for (const [index, params] of given.entries()) {
    const phase = buildPhase(ctx, params, { start: from, index, currency });
    phases.push(phase);
    from = phase.end_date;
  }
  return phases;
}

function buildPhase(
  ctx: Context,
  params: PhaseParams,
  { start, index, ...of }: { start: number; index: number; currency: string | undefined },
): Phase {
  const param = `phases[${index}]`;
  const items = params.items.map((item, at) => buildItem(ctx, item, `${param}[items][${at}]`));
  const prices = params.items.map((item) => priceOf(ctx, item, param));
  const currency = params.currency ?? of.currency ?? prices[0]?.currency;
  if (currency === undefined) {
    throw invalidRequest(`You must pass at least one item in ${param}[items].`, {
      param: `${param}[items]`,
    });
  }
  const end = endOf(params, { start, price: prices[0], now: ctx.now() });
  if (end <= start)
    throw invalidRequest('The end date of a phase must be after its start date.', {
      param: `${param}[end_date]`,
    });
  const trialEnd =
    params.trial === true ? end : params.trial_end === 'now' ? start : params.trial_end;
  return {
    add_invoice_items: (params.add_invoice_items ?? []).map((item) => ({
      discountable: item.discountable ?? null,
      discounts: phaseDiscounts(item.discounts ?? []),
      metadata: mergeMetadata({}, item.metadata),
      period: { end: { type: 'phase_end' }, start: { type: 'phase_start' } },
      price: priceOf(ctx, item, param).id,
      quantity: item.quantity ?? null,
      tax_rates: null,
    })),
    application_fee_percent: params.application_fee_percent ?? null,
    billing_cycle_anchor: params.billing_cycle_anchor ?? null,
    billing_thresholds: null,
    collection_method: params.collection_method ?? null,
    currency,
    default_payment_method: params.default_payment_method ?? null,
    default_tax_rates: rates(ctx, params.default_tax_rates ?? []),
    description: params.description ?? null,
    discounts: phaseDiscounts(
      params.discounts ?? (params.coupon ? [{ coupon: params.coupon }] : []),
    ),
    end_date: end,
    invoice_settings: settingsOf(params.invoice_settings),
    items,
    metadata: mergeMetadata({}, params.metadata),
    on_behalf_of: null,
    proration_behavior: params.proration_behavior ?? 'create_prorations',
    start_date: start,
    transfer_data: null,
    trial_end: trialEnd ?? null,
  };
}

function settingsOf(
  given: PhaseParams['invoice_settings'],
): Stripe.SubscriptionSchedule.Phase.InvoiceSettings | null {
  if (given === undefined) return null;
  return {
    account_tax_ids: null,
    custom_fields: null,
    days_until_due: given.days_until_due ?? null,
    description: given.description ?? null,
    footer: given.footer ?? null,
    issuer: null,
  };
}

function buildItem(
  ctx: Context,
  item: PhaseParams['items'][number],
  param: string,
): Phase['items'][number] {
  const price = priceOf(ctx, item, param);
  const metered = price.recurring?.usage_type === 'metered';
  return {
    billing_thresholds: null,
    discounts: phaseDiscounts(item.discounts ?? []),
    metadata: mergeMetadata({}, item.metadata),
    plan: price.id,
    price: price.id,
    ...(metered ? {} : { quantity: item.quantity ?? 1 }),
    tax_rates: rates(ctx, item.tax_rates ?? []),
  };
}

type PhaseDiscounts = Phase['discounts'];

function phaseDiscounts(
  given: { coupon?: string; promotion_code?: string; discount?: string }[],
): PhaseDiscounts {
  return given.map((entry) => ({
    coupon: entry.coupon ?? null,
    discount: entry.discount ?? null,
    promotion_code: entry.promotion_code ?? null,
  }));
}

function rates(ctx: Context, ids: readonly string[]): Stripe.TaxRate[] {
  return ids.map((id) => ctx.store.need('tax_rate', id, 'tax_rates'));
}

function priceOf(
  ctx: Context,
  item: { price?: string; plan?: string },
  param: string,
): Stripe.Price {
  const id = item.price ?? item.plan;
  if (id === undefined) {
    throw invalidRequest(`Missing required param: ${param}[price].`, {
      param: `${param}[price]`,
      code: 'parameter_missing',
    });
  }
  const price = ctx.store.find('price', id);
  if (price === undefined) throw resourceMissing('price', id, `${param}[price]`);
  return price;
}

interface EndFrom {
  readonly start: number;
  readonly price: Stripe.Price | undefined;
  readonly now: number;
}

/** By date, by duration, or by a number of billing periods (one, if nothing is said). */
function endOf(params: PhaseParams, { start, price, now }: EndFrom): number {
  if (params.end_date !== undefined) return params.end_date === 'now' ? now : params.end_date;
  if (params.duration !== undefined) {
    return addInterval(start, params.duration.interval, params.duration.interval_count ?? 1);
  }
  if (
    params.trial_end !== undefined &&
    params.trial_end !== 'now' &&
    params.iterations === undefined
  )
    return params.trial_end;
  const { interval = 'month', interval_count: count = 1 } = price?.recurring ?? {};
  return addInterval(start, intervalOf(interval), count * (params.iterations ?? 1));
}

function intervalOf(interval: string): Interval {
  return interval === 'day' || interval === 'week' || interval === 'year' ? interval : 'month';
}

/** Unix seconds some intervals later; months and years end at the month's last day if the day is missing. */
export function addInterval(from: number, interval: Interval, count: number): number {
  if (interval === 'day') return from + count * 86_400;
  if (interval === 'week') return from + count * 604_800;
  return addMonths(from, interval === 'year' ? count * 12 : count);
}

/** The phase that a moment falls in; its end belongs to the next. */
export function phaseAt(schedule: Stripe.SubscriptionSchedule, at: number): Phase | undefined {
  return schedule.phases.find((phase) => phase.start_date <= at && at < phase.end_date);
}

/** The price ids and quantities of a phase, in a form that compares. */
export function itemsKey(
  items: readonly { price: string | { id: string }; quantity?: number }[],
): string {
  return items
    .map((item) => `${idOf(item.price)}x${item.quantity ?? ''}`)
    .toSorted()
    .join(' ');
}
