import { Stripe } from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p, type Values } from '../kernel/params.ts';

const taxBehavior = p.oneOf(['inclusive', 'exclusive', 'unspecified']);
const interval = p.required(p.oneOf(['month', 'year', 'week', 'day']));
const upTo = p.required(p.either(['inf'], p.int));
const tiers = p.arr(
  p.obj({
    flat_amount: p.nonNegative,
    flat_amount_decimal: p.decimal,
    unit_amount: p.nonNegative,
    unit_amount_decimal: p.decimal,
    up_to: upTo,
  }),
);
const customUnitAmount = p.obj({
  enabled: p.required(p.bool),
  maximum: p.amount,
  minimum: p.amount,
  preset: p.amount,
});
export const currencyOptions = p.mapOf(
  p.obj({
    custom_unit_amount: customUnitAmount,
    tax_behavior: taxBehavior,
    tiers,
    unit_amount: p.nonNegative,
    unit_amount_decimal: p.decimal,
  }),
);

const amounts = {
  currency: p.required(p.currency),
  currency_options: currencyOptions,
  custom_unit_amount: customUnitAmount,
  metadata: p.metadata,
  tax_behavior: taxBehavior,
  unit_amount: p.nonNegative,
  unit_amount_decimal: p.decimal,
};
export const recurring = p.obj({
  interval,
  interval_count: p.int,
  meter: p.str,
  trial_period_days: p.int,
  usage_type: p.oneOf(['metered', 'licensed']),
});
export const priceFields = {
  ...amounts,
  active: p.bool,
  billing_scheme: p.oneOf(['per_unit', 'tiered']),
  lookup_key: p.upTo(200),
  nickname: p.str,
  recurring,
  tiers,
  tiers_mode: p.oneOf(['graduated', 'volume']),
  transfer_lookup_key: p.bool,
  transform_quantity: p.obj({
    divide_by: p.required(p.int),
    round: p.required(p.oneOf(['down', 'up'])),
  }),
};
export const defaultPriceData = p.obj({ ...amounts, recurring });
/** `price_data` of items and lines: a price made on the spot. */
export const priceData = p.obj({
  currency: p.required(p.currency),
  product: p.str,
  product_data: p.obj({
    name: p.required(p.str),
    description: p.str,
    images: p.arr(p.str),
    metadata: p.metadata,
    tax_code: p.str,
    unit_label: p.str,
    tax_details: p.harmless,
  }),
  recurring,
  tax_behavior: taxBehavior,
  unit_amount: p.nonNegative,
  unit_amount_decimal: p.decimal,
});

export type PriceFields = Partial<Values<typeof priceFields>> & {
  /** Only legacy plans choose their id. */
  id?: string;
  currency: string;
  product: string;
};

/** Makes a price of checked fields; emits `price.created`. */
export function createPrice(ctx: Context, given: PriceFields): Stripe.Price {
  refuseBadPrice(ctx, given);
  const tiered = given.billing_scheme === 'tiered' || given.tiers !== undefined;
  const price = ctx.add('price', {
    id: given.id ?? ctx.store.newId('price'),
    object: 'price',
    active: given.active ?? true,
    billing_scheme: tiered ? 'tiered' : 'per_unit',
    created: ctx.now(),
    currency: given.currency,
    custom_unit_amount: customAmount(given.custom_unit_amount),
    livemode: false,
    lookup_key: given.lookup_key ?? null,
    metadata: mergeMetadata({}, given.metadata),
    nickname: given.nickname ?? null,
    product: given.product,
    recurring: recurringOf(given.recurring),
    tax_behavior: given.tax_behavior ?? 'unspecified',
    tiers_mode: given.tiers_mode ?? null,
    transform_quantity: given.transform_quantity ?? null,
    type: given.recurring === undefined ? 'one_time' : 'recurring',
    ...(tiered || given.custom_unit_amount?.enabled === true
      ? { unit_amount: null, unit_amount_decimal: null }
      : unitAmount(given)),
  });
  remember(ctx, price, given);
  ctx.emit('price.created', price);
  return price;
}

/** `tiers` and `currency_options` are shown only when expanded, so they are kept beside the price. */
function remember(ctx: Context, price: Stripe.Price, given: PriceFields): void {
  const details = ctx.account.priceDetails;
  ctx.account.journal?.remember(() => details.delete(price.id));
  details.set(price.id, { tiers: given.tiers?.map(tierOf) ?? null, currencyOptions: {} });
  setCurrencyOptions(ctx, price, given.currency_options ?? {});
}

/** Adds or replaces the amounts of other currencies. */
export function setCurrencyOptions(
  ctx: Context,
  price: Stripe.Price,
  given: NonNullable<PriceFields['currency_options']>,
): void {
  const details = ctx.account.priceDetails.get(price.id);
  if (details === undefined) return;
  ctx.account.journal?.protect(details);
  for (const [currency, option] of Object.entries(given)) {
    details.currencyOptions[currency] = {
      custom_unit_amount: customAmount(option.custom_unit_amount),
      tax_behavior: option.tax_behavior ?? 'unspecified',
      ...(option.tiers === undefined
        ? unitAmount(option)
        : { tiers: option.tiers.map(tierOf), unit_amount: null, unit_amount_decimal: null }),
    };
  }
}

function refuseBadPrice(ctx: Context, given: PriceFields): void {
  const recurs = given.recurring;
  if (given.tiers !== undefined || given.billing_scheme === 'tiered') {
    if (given.billing_scheme !== 'tiered')
      throw invalidRequest('You must set `billing_scheme` to `tiered` when passing `tiers`.', {
        param: 'billing_scheme',
      });
    if (given.tiers_mode === undefined)
      throw invalidRequest('Missing required param: tiers_mode.', {
        param: 'tiers_mode',
        code: 'parameter_missing',
      });
    if (given.tiers === undefined)
      throw invalidRequest('Missing required param: tiers.', {
        param: 'tiers',
        code: 'parameter_missing',
      });
    if (given.tiers.at(-1)?.up_to !== 'inf')
      throw invalidRequest("The last tier must have `up_to` set to 'inf'.", { param: 'tiers' });
  } else if (
    given.unit_amount === undefined &&
    given.unit_amount_decimal === undefined &&
    given.custom_unit_amount === undefined
  ) {
    throw invalidRequest(
      'Prices require an `unit_amount` or `unit_amount_decimal` parameter to be set.',
    );
  }
  if (given.unit_amount !== undefined && given.unit_amount_decimal !== undefined) {
    throw invalidRequest(
      'You may only specify one of these parameters: unit_amount, unit_amount_decimal.',
      { param: 'unit_amount', code: 'parameters_exclusive' },
    );
  }
  if (recurs?.usage_type === 'metered') {
    if (recurs.meter === undefined)
      throw invalidRequest(
        'Starting with Stripe version `2025-03-31.basil`, metered prices must be backed by meters.',
        { param: 'recurring[meter]' },
      );
    ctx.store.need('billing.meter', recurs.meter, 'recurring[meter]');
  }
  refuseLongInterval(recurs);
  if (given.lookup_key !== undefined)
    claimLookupKey(ctx, given.lookup_key, given.transfer_lookup_key === true);
}

function refuseLongInterval(recurs: PriceFields['recurring']): void {
  if (recurs === undefined) return;
  const longest = { day: 1095, week: 156, month: 36, year: 3 }[recurs.interval];
  const every = { day: 'daily', week: 'weekly', month: 'monthly', year: 'yearly' }[recurs.interval];
  const count = recurs.interval_count ?? 1;
  if (count >= 1 && count <= longest) return;
  throw invalidRequest(
    count < 1
      ? 'This value must be greater than or equal to 1.'
      : `The interval_count for ${every} prices can't be greater than ${longest}`,
    { param: 'recurring[interval_count]' },
  );
}

/** A lookup key belongs to one price: taken over on request, else refused. */
export function claimLookupKey(ctx: Context, key: string, transfer: boolean): void {
  for (const holder of ctx.store.by('price', 'lookup_key', key)) {
    if (!transfer)
      throw invalidRequest(`A price (\`${holder.id}\`) already uses that lookup key.`, {
        param: 'lookup_key',
      });
    ctx.update('price', holder, {
      event: 'price.updated',
      apply: () => {
        holder.lookup_key = null;
      },
    });
  }
}

function recurringOf(given: PriceFields['recurring']): Stripe.Price.Recurring | null {
  if (given === undefined) return null;
  return {
    interval: given.interval,
    interval_count: given.interval_count ?? 1,
    meter: given.meter ?? null,
    trial_period_days: given.trial_period_days ?? null,
    usage_type: given.usage_type ?? 'licensed',
  };
}

/** `unit_amount` is null when the decimal is not a whole number. */
function unitAmount(given: { unit_amount?: number; unit_amount_decimal?: string }): {
  unit_amount: number | null;
  unit_amount_decimal: Stripe.Decimal | null;
} {
  if (given.unit_amount_decimal !== undefined) {
    const value = Number(given.unit_amount_decimal);
    return {
      unit_amount: Number.isInteger(value) ? value : null,
      unit_amount_decimal: Stripe.Decimal.from(given.unit_amount_decimal),
    };
  }
  if (given.unit_amount === undefined) return { unit_amount: null, unit_amount_decimal: null };
  return {
    unit_amount: given.unit_amount,
    unit_amount_decimal: Stripe.Decimal.from(String(given.unit_amount)),
  };
}

type TierFields = NonNullable<PriceFields['tiers']>[number];

function tierOf(tier: TierFields): Stripe.Price.Tier {
  const unit = unitAmount(tier);
  const flat = unitAmount({
    unit_amount: tier.flat_amount,
    unit_amount_decimal: tier.flat_amount_decimal,
  });
  return {
    ...unit,
    flat_amount: flat.unit_amount,
    flat_amount_decimal: flat.unit_amount_decimal,
    up_to: tier.up_to === 'inf' ? null : tier.up_to,
  };
}

function customAmount(
  given: { enabled: boolean; maximum?: number; minimum?: number; preset?: number } | undefined,
): Stripe.Price.CustomUnitAmount | null {
  if (given?.enabled !== true) return null;
  return {
    maximum: given.maximum ?? null,
    minimum: given.minimum ?? null,
    preset: given.preset ?? null,
  };
}
