import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf, randomText } from '../kernel/ids.ts';
import { listStored, nestedList, pageOf } from '../kernel/lists.ts';
import { definedOf, mergeMetadata } from '../kernel/metadata.ts';
import { defaultMode } from '../billing/subscription-object.ts';
import { billingModeParam } from './subscription-params.ts';
import { p, PAGE, paramsOf, type Values } from '../kernel/params.ts';
import { automaticTaxParam, sessionTax } from '../taxes/automatic.ts';
import type { Registry } from '../kernel/registry.ts';
import { totalsOf, type PricedLine, type Totals } from '../payments/checkout/amounts.ts';
import { acceptQuote } from '../quotes/accept.ts';
import { priceData } from './price-create.ts';
import {
  intervalOf,
  keepLines,
  keptLines,
  linesFrom,
  priced,
  recurs,
  shownLines,
} from '../quotes/lines.ts';

type Quote = Stripe.Quote;
const lineItems = p.arr(
  p.obj({
    price: p.str,
    price_data: priceData,
    quantity: p.int,
    tax_rates: p.arr(p.str),
    discounts: p.unserved,
  }),
);
const discounts = p.clearable(
  p.arr(p.obj({ coupon: p.str, promotion_code: p.str, discount: p.str })),
);
const shared = {
  application_fee_amount: p.unserved,
  application_fee_percent: p.unserved,
  automatic_tax: automaticTaxParam,
  collection_method: p.oneOf(['charge_automatically', 'send_invoice']),
  customer: p.str,
  customer_account: p.unserved,
  default_tax_rates: p.clearable(p.arr(p.str)),
  description: p.clearable(p.str),
  discounts,
  expires_at: p.timestamp,
  footer: p.clearable(p.str),
  header: p.clearable(p.str),
  invoice_settings: p.obj({
    days_until_due: p.int,
    issuer: p.ownAccount,
    custom_fields: p.clearable(
      p.arr(p.obj({ name: p.required(p.upTo(40)), value: p.required(p.upTo(140)) })),
    ),
    description: p.clearable(p.str),
    footer: p.clearable(p.str),
  }),
  line_items: lineItems,
  metadata: p.metadata,
  on_behalf_of: p.unserved,
  subscription_data: p.obj({
    billing_mode: billingModeParam,
    description: p.clearable(p.str),
    effective_date: p.clearable(p.either(['current_period_end'], p.timestamp)),
    metadata: p.metadata,
    trial_period_days: p.clearable(p.int),
  }),
  transfer_data: p.unserved,
};
const createParams = paramsOf<Stripe.QuoteCreateParams>()({
  ...shared,
  from_quote: p.unserved,
  test_clock: p.str,
});
const updateParams = paramsOf<Stripe.QuoteUpdateParams>()(shared);
type Params = Partial<Values<typeof createParams>>;
const MONTH = 30 * 86_400;

/** Quotes: `/v1/quotes`. */
export function registerQuotes(registry: Registry): void {
  registry.post('/v1/quotes', createParams, createQuote);
  const filters = {
    ...PAGE,
    customer: p.str,
    customer_account: p.unserved,
    status: p.str,
    test_clock: p.str,
  };
  registry.get('/v1/quotes', filters, (ctx, params) =>
    listStored(ctx, 'quote', {
      url: '/v1/quotes',
      page: params,
      where: (quote) =>
        (params.customer === undefined || idOf(quote.customer) === params.customer) &&
        (params.status === undefined || quote.status === params.status),
    }),
  );
  registry.get('/v1/quotes/:id', {}, (ctx, _params, { id }) => ctx.store.need('quote', id));
  registry.post('/v1/quotes/:id', updateParams, (ctx, params, { id }) => {
    const quote = need(ctx, id, ['draft']);
    return ctx.update('quote', quote, { event: null, apply: () => fill(ctx, quote, params) });
  });
  registry.post('/v1/quotes/:id/finalize', { expires_at: p.timestamp }, (ctx, params, { id }) =>
    finalize(ctx, need(ctx, id, ['draft']), params.expires_at),
  );
  registry.post('/v1/quotes/:id/accept', {}, (ctx, _params, { id }) =>
    acceptQuote(ctx, need(ctx, id, ['open'])),
  );
  registry.post('/v1/quotes/:id/cancel', {}, (ctx, _params, { id }) => {
    const quote = need(ctx, id, ['draft', 'open']);
    quote.status = 'canceled';
    quote.status_transitions.canceled_at = ctx.nowFor(idOf(quote.customer));
    ctx.account.revision += 1;
    ctx.emit('quote.canceled', quote);
    return quote;
  });
  const shown = (ctx: Context, id: string) =>
    shownLines(ctx, pricedOf(ctx, ctx.store.need('quote', id)));
  registry.get('/v1/quotes/:id/line_items', PAGE, (ctx, page, { id }) =>
    pageOf(shown(ctx, id), { url: `/v1/quotes/${id}/line_items`, page }),
  );
  registry.get('/v1/quotes/:id/computed_upfront_line_items', PAGE, (ctx, page, { id }) =>
    pageOf(shown(ctx, id), { url: `/v1/quotes/${id}/computed_upfront_line_items`, page }),
  );
  registry.includable('quote', 'line_items', (ctx, id) =>
    nestedList(shown(ctx, id), `/v1/quotes/${id}/line_items`),
  );
}

function need(ctx: Context, id: string, statuses: readonly string[]): Quote {
  const quote = ctx.store.need('quote', id);
  if (statuses.includes(quote.status)) return quote;
  throw invalidRequest(
    `This quote is in the status '${quote.status}'; this can only be done while it is ${statuses.join(' or ')}.`,
    {
      code: 'invalid_quote_status',
    },
  );
}

function createQuote(ctx: Context, params: Values<typeof createParams>): Quote {
  if (params.customer !== undefined) ctx.store.need('customer', params.customer, 'customer');
  const now = ctx.nowFor(params.customer);
  const quote: Quote = {
    id: ctx.store.newId('quote'),
    object: 'quote',
    amount_subtotal: 0,
    amount_total: 0,
    application: null,
    application_fee_amount: null,
    application_fee_percent: null,
    automatic_tax: { enabled: false, liability: null, provider: null, status: null },
    collection_method: 'charge_automatically',
    computed: {
      recurring: null,
      upfront: {
        amount_subtotal: 0,
        amount_total: 0,
        total_details: { amount_discount: 0, amount_shipping: 0, amount_tax: 0 },
      },
    },
    created: now,
    currency: null,
    customer: params.customer ?? null,
    customer_account: null,
    default_tax_rates: [],
    description: null,
    discounts: [],
    expires_at: now + MONTH,
    footer: null,
    from_quote: null,
    header: null,
    invoice: null,
    invoice_settings: {
      custom_fields: null,
      days_until_due: null,
      description: null,
      footer: null,
      issuer: { type: 'self' },
    },
    livemode: false,
    metadata: {},
    number: null,
    on_behalf_of: null,
    status: 'draft',
    status_transitions: { accepted_at: null, canceled_at: null, finalized_at: null },
    subscription: null,
    subscription_data: {
      billing_mode: modeOf(params.subscription_data?.billing_mode ?? defaultMode(ctx)),
      description: null,
      effective_date: null,
      metadata: {},
      trial_period_days: null,
    },
    subscription_schedule: null,
    test_clock: params.test_clock ?? ctx.clockOf(params.customer),
    total_details: { amount_discount: 0, amount_shipping: 0, amount_tax: 0 },
    transfer_data: null,
  };
  fill(ctx, quote, params);
  ctx.add('quote', quote);
  ctx.emit('quote.created', quote);
  return quote;
}

function fill(ctx: Context, quote: Quote, params: Params): void {
  if (params.customer !== undefined)
    quote.customer = ctx.store.need('customer', params.customer, 'customer').id;
  quote.collection_method = params.collection_method ?? quote.collection_method;
  if (params.description !== undefined) quote.description = params.description;
  if (params.header !== undefined) quote.header = params.header;
  if (params.footer !== undefined) quote.footer = params.footer;
  quote.expires_at = params.expires_at ?? quote.expires_at;
  quote.metadata = mergeMetadata(quote.metadata, params.metadata);
  const { subscription_data: data, invoice_settings: settings } = params;
  if (settings !== undefined) {
    const { issuer: _issuer, ...given } = settings;
    Object.assign(quote.invoice_settings, definedOf(given));
  }
  if (params.default_tax_rates !== undefined)
    quote.default_tax_rates = (params.default_tax_rates ?? []).map(
      (id) => ctx.store.need('tax_rate', id, 'default_tax_rates').id,
    );
  if (params.automatic_tax !== undefined)
    quote.automatic_tax = sessionTax(params.automatic_tax.enabled, false);
  if (data !== undefined) {
    const { effective_date: date } = data;
    quote.subscription_data = {
      ...quote.subscription_data,
      description:
        data.description === undefined ? quote.subscription_data.description : data.description,
      effective_date: typeof date === 'number' ? date : quote.subscription_data.effective_date,
      metadata: mergeMetadata(quote.subscription_data.metadata ?? {}, data.metadata),
      billing_mode:
        data.billing_mode === undefined
          ? quote.subscription_data.billing_mode
          : modeOf(data.billing_mode),
      trial_period_days:
        data.trial_period_days === undefined
          ? quote.subscription_data.trial_period_days
          : data.trial_period_days,
    };
  }
  if (params.line_items !== undefined) keepLines(ctx, quote.id, linesFrom(ctx, params.line_items));
  if (params.discounts !== undefined) {
    quote.discounts = ctx.services.discounts.create(ctx, params.discounts ?? [], {
      customer: null,
      subscription: null,
      subscriptionItem: null,
      invoice: null,
      at: ctx.now(),
    });
  }
  compute(ctx, quote);
}

function modeOf(given: {
  type: 'classic' | 'flexible' | (string & {});
  flexible?: { proration_discounts?: string } | null;
}): Quote['subscription_data']['billing_mode'] {
  const discounts = given.flexible?.proration_discounts;
  return given.type === 'classic'
    ? { type: 'classic' }
    : {
        type: 'flexible',
        ...(discounts === undefined ? {} : { flexible: { proration_discounts: discounts } }),
      };
}

function pricedOf(ctx: Context, quote: Quote): PricedLine[] {
  const coupons = quote.discounts.flatMap((discount) => {
    const coupon = idOf(ctx.store.find('discount', idOf(discount))?.source.coupon);
    return coupon === null ? [] : [{ coupon }];
  });
  const rates = (quote.default_tax_rates ?? []).map((rate) => idOf(rate));
  const lines = keptLines(ctx, quote.id).map((line) => ({ taxRates: rates, ...line }));
  return priced(ctx, lines, coupons);
}

function compute(ctx: Context, quote: Quote): void {
  const lines = pricedOf(ctx, quote);
  const all = totalsOf(lines);
  const recurring = totalsOf(lines.filter(recurs));
  const every = intervalOf(lines);
  const trial = (quote.subscription_data.trial_period_days ?? 0) > 0;
  const upfront = trial ? totalsOf(lines.filter((line) => !recurs(line))) : all;
  const details = (totals: Totals) => ({
    amount_discount: totals.discount,
    amount_shipping: 0,
    amount_tax: totals.tax,
  });
  quote.currency = lines[0]?.price.currency ?? null;
  quote.amount_subtotal = all.subtotal;
  quote.amount_total = all.total;
  quote.total_details = details(all);
  quote.computed = {
    recurring:
      every === null
        ? null
        : {
            amount_subtotal: recurring.subtotal,
            amount_total: recurring.total,
            interval: every.interval,
            interval_count: every.interval_count,
            total_details: details(recurring),
          },
    upfront: {
      amount_subtotal: upfront.subtotal,
      amount_total: upfront.total,
      total_details: details(upfront),
    },
  };
}

function finalize(ctx: Context, quote: Quote, expiresAt: number | undefined): Quote {
  if (quote.customer === null)
    throw invalidRequest('A customer must be set before the quote can be finalized.', {
      param: 'customer',
    });
  if (keptLines(ctx, quote.id).length === 0) {
    throw invalidRequest('A quote must have at least one line item to be finalized.', {
      param: 'line_items',
    });
  }
  quote.status = 'open';
  quote.number = `QT-${randomText(8).toUpperCase()}-0001-1`;
  quote.status_transitions.finalized_at = ctx.nowFor(idOf(quote.customer));
  quote.expires_at = expiresAt ?? quote.expires_at;
  ctx.account.revision += 1;
  ctx.emit('quote.finalized', quote);
  return quote;
}
