import type Stripe from 'stripe';
import type { Context } from '../../kernel/context.ts';
import { invalidRequest } from '../../kernel/errors.ts';
import { hasCurrency, isOnSale } from '../../billing/prices.ts';
import { defaultMode } from '../../billing/subscription-object.ts';
import { refuseCode, refuseCurrency, refuseInvalid } from '../../discounts/restrictions.ts';
import { idOf, newId, randomText } from '../../kernel/ids.ts';
import { createInlinePrice } from '../../resources/inline-prices.ts';
import { productFor } from '../../resources/prices.ts';
import type { CreateValues, LineValues } from '../../resources/checkout-params.ts';
import { newSetupIntent } from '../intent-objects.ts';
import { metadataOf, requireNoTypes, shippingOf } from '../params.ts';
import { pricedLines, totalsOf } from './amounts.ts';
import { EXPIRE_SESSION } from './expire-session.ts';
import { keepPlan, type CheckoutPlan, type PlanLine, type PlannedSubscription } from './plan.ts';
import { shippingOptions } from './shipping.ts';
import { newSession } from './session-object.ts';

const DAY = 86_400;

const missing = (param: string) =>
  invalidRequest(`Missing required param: ${param}.`, { code: 'parameter_missing', param });

const exclusive = (a: string, b: string) =>
  invalidRequest(`You may only specify one of these parameters: ${a}, ${b}.`, { param: a });

/** The price of a line, or one made for it. Errors: 400 for an unknown or inactive price. */
export function priceOf(
  ctx: Context,
  line: Pick<LineValues, 'price' | 'price_data'>,
  at: string,
): Stripe.Price {
  if (line.price !== undefined) {
    const price = ctx.store.need('price', line.price, `${at}[price]`);
    if (!isOnSale(ctx, price))
      throw invalidRequest(
        'The price specified is inactive. This field only accepts active prices.',
        { param: `${at}[price]` },
      );
    return price;
  }
  const data = line.price_data;
  if (data === undefined)
    throw invalidRequest(`You must specify either \`price\` or \`price_data\` in \`${at}\`.`, {
      code: 'parameter_missing',
      param: `${at}[price]`,
    });
  const { product, product_data: described, ...amounts } = data;
  if (product === undefined && described === undefined) throw missing(`${at}[price_data][product]`);
  const owner =
    product === undefined
      ? productFor(ctx, { name: '', ...described })
      : ctx.store.need('product', product, `${at}[price_data][product]`).id;
  return createInlinePrice(ctx, { ...amounts, product: owner });
}

function planLine(ctx: Context, line: LineValues, at: string): PlanLine {
  const price = priceOf(ctx, line, at);
  const metered = price.recurring?.usage_type === 'metered';
  if (metered && line.quantity !== undefined) {
    throw invalidRequest(
      `Quantity should not be specified where usage_type is \`metered\`. Remove \`quantity\` from \`${at}\``,
      { param: `${at}[quantity]` },
    );
  }
  if (!metered && line.quantity === undefined) {
    throw invalidRequest(`Quantity is required. Add \`quantity\` to \`${at}\``, {
      code: 'parameter_missing',
      param: `${at}[quantity]`,
    });
  }
  const adjustable = line.adjustable_quantity;
  return {
    id: newId('li'),
    price: price.id,
    quantity: metered ? null : (line.quantity ?? 1),
    adjustable:
      adjustable?.enabled === true
        ? { enabled: true, maximum: adjustable.maximum ?? 99, minimum: adjustable.minimum ?? 0 }
        : null,
    metadata: metadataOf(line.metadata),
    ...(line.tax_rates === undefined ? {} : { taxRates: line.tax_rates }),
  };
}

function linesOf(ctx: Context, params: CreateValues): PlanLine[] {
  if (params.mode === 'setup') return [];
  if (params.line_items === undefined || params.line_items.length === 0)
    throw missing('line_items');
  const lines = params.line_items.map((line, index) => planLine(ctx, line, `line_items[${index}]`));
  const prices = lines.map((line) => ctx.store.need('price', line.price));
  const recurring = prices.findIndex((price) => price.type === 'recurring');
  if (params.mode === 'payment' && recurring !== -1) {
    throw invalidRequest(
      'You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only one-time prices.',
      { param: `line_items[${recurring}][price]` },
    );
  }
  if (params.mode === 'subscription' && recurring === -1) {
    throw invalidRequest(
      'You must provide at least one recurring price in `subscription` mode when using prices.',
      { param: 'line_items' },
    );
  }
  const currency = currencyOf(ctx, params, prices);
  const other = prices.findIndex((price) => !hasCurrency(ctx, price, currency));
  if (other === -1) return lines;
  throw invalidRequest(
    `The price specified only supports \`${prices[other]?.currency ?? ''}\`. This doesn't match the expected currency: \`${currency}\`.`,
    { param: `line_items[${other}][price]` },
  );
}

/** What was asked for, else what the customer pays in already, else that of the prices. */
function currencyOf(ctx: Context, params: CreateValues, prices: readonly Stripe.Price[]): string {
  const own = ctx.store.find('customer', params.customer)?.currency ?? null;
  const fits = own !== null && prices.every((price) => hasCurrency(ctx, price, own));
  return params.currency ?? (fits ? own : (prices[0]?.currency ?? ''));
}

function subscriptionOf(ctx: Context, params: CreateValues): PlannedSubscription | null {
  if (params.mode !== 'subscription') {
    if (params.subscription_data === undefined) return null;
    throw invalidRequest(`You can not pass \`subscription_data\` in \`${params.mode}\` mode.`, {
      param: 'subscription_data',
    });
  }
  const data = params.subscription_data ?? {};
  if (data.trial_end !== undefined && data.trial_period_days !== undefined)
    throw exclusive('subscription_data[trial_end]', 'subscription_data[trial_period_days]');
  if (data.trial_period_days !== undefined && data.trial_period_days < 1) {
    throw invalidRequest('The minimum number of trial period days is 1.', {
      param: 'subscription_data[trial_period_days]',
    });
  }
  if (data.trial_end !== undefined && data.trial_end < ctx.nowFor(params.customer) + 2 * DAY) {
    throw invalidRequest('The `trial_end` date has to be at least 2 days in the future.', {
      param: 'subscription_data[trial_end]',
    });
  }
  const ending = data.trial_settings?.end_behavior.missing_payment_method;
  return {
    trialEnd: data.trial_end ?? null,
    trialPeriodDays: data.trial_period_days ?? null,
    metadata: metadataOf(data.metadata),
    description: data.description ?? null,
    trialSettings:
      ending === undefined
        ? null
        : {
            end_behavior: {
              billing_cycle_anchor: data.trial_settings?.end_behavior.billing_cycle_anchor ?? null,
              missing_payment_method: ending,
            },
          },
    billingMode: data.billing_mode === undefined ? defaultMode(ctx) : chosenMode(data.billing_mode),
    billingCycleAnchor: data.billing_cycle_anchor ?? null,
    prorationBehavior: data.proration_behavior ?? 'create_prorations',
    automaticTax: params.automatic_tax?.enabled ?? false,
    defaultTaxRates: data.default_tax_rates ?? [],
  };
}

type GivenMode = NonNullable<NonNullable<CreateValues['subscription_data']>['billing_mode']>;

function chosenMode({ type, flexible }: GivenMode): Stripe.Subscription.BillingMode {
  return type === 'classic'
    ? { type, flexible: null }
    : { type, flexible: { proration_discounts: flexible?.proration_discounts ?? 'included' } };
}

function requireConsistent(ctx: Context, params: CreateValues): void {
  requireNoTypes(ctx, params.payment_method_types);
  const hosted =
    params.ui_mode === undefined || params.ui_mode === 'hosted_page' || params.ui_mode === 'hosted';
  if (hosted && params.success_url === undefined) throw missing('success_url');
  for (const [name, url] of [
    ['success_url', params.success_url],
    ['cancel_url', params.cancel_url],
    ['return_url', params.return_url],
  ] as const) {
    if (url !== undefined && !/^[a-z][a-z0-9+.-]*:\/\//i.test(url))
      throw invalidRequest('Not a valid URL', { code: 'url_invalid', param: name });
  }
  if (params.customer !== undefined && params.customer_email !== undefined)
    throw exclusive('customer', 'customer_email');
  if (params.allow_promotion_codes === true && params.discounts !== undefined)
    throw exclusive('allow_promotion_codes', 'discounts');
  if (params.mode === 'subscription' && params.customer_creation !== undefined) {
    throw invalidRequest('`customer_creation` can only be used in `payment` mode.', {
      param: 'customer_creation',
    });
  }
  if (params.mode !== 'payment' && params.payment_intent_data !== undefined) {
    throw invalidRequest(`You can not pass \`payment_intent_data\` in \`${params.mode}\` mode.`, {
      param: 'payment_intent_data',
    });
  }
  if (
    params.mode === 'setup' &&
    params.customer === undefined &&
    params.currency === undefined &&
    params.payment_method_types === undefined
  )
    throw missing('currency');
  const left = params.expires_at === undefined ? DAY : params.expires_at - ctx.now();
  if (left < 1_790)
    throw invalidRequest(
      'The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.',
      { param: 'expires_at' },
    );
  if (left > DAY + 10)
    throw invalidRequest(
      'The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.',
      { param: 'expires_at' },
    );
  for (const [index, given] of (params.discounts ?? []).entries()) {
    if (given.coupon !== undefined)
      ctx.store.need('coupon', given.coupon, `discounts[${index}][coupon]`);
    if (given.promotion_code !== undefined)
      ctx.store.need('promotion_code', given.promotion_code, `discounts[${index}][promotion_code]`);
  }
}

function planFor(ctx: Context, params: CreateValues): CheckoutPlan {
  const payment = params.payment_intent_data ?? {};
  const lines = linesOf(ctx, params);
  const prices = lines.map((line) => ctx.store.need('price', line.price));
  return {
    ...(lines.length > 0 ? { currency: currencyOf(ctx, params, prices) } : {}),
    lines,
    discounts: params.discounts ?? [],
    subscription: subscriptionOf(ctx, params),
    payment: {
      captureMethod: payment.capture_method ?? 'automatic_async',
      description: payment.description ?? null,
      metadata: metadataOf(payment.metadata),
      receiptEmail: payment.receipt_email ?? null,
      setupFutureUsage: payment.setup_future_usage ?? null,
      shipping: payment.shipping === undefined ? null : shippingOf(payment.shipping),
    },
    customer: params.customer ?? null,
    intent: null,
    method: null,
  };
}

/** `POST /v1/checkout/sessions`, also for payment links. Errors: 400 in Stripe's words. */
export function createSession(ctx: Context, params: CreateValues): Stripe.Checkout.Session {
  requireConsistent(ctx, params);
  const customer =
    params.customer === undefined ? null : ctx.store.need('customer', params.customer, 'customer');
  const plan = planFor(ctx, params);
  const priced = pricedLines(ctx, plan);
  const currency = plan.currency ?? params.currency ?? null;
  refuseDiscounts(ctx, plan, { currency, amount: totalsOf(priced).subtotal });
  const { mode } = params;
  const shipping = shippingOptions(ctx, params.shipping_options, { mode, currency });
  const id = `cs_test_${randomText(58)}`;
  const session = newSession(ctx, params, {
    id,
    customer,
    totals: totalsOf(priced, shipping),
    currency,
    shipping,
  });
  if (params.mode === 'setup') session.setup_intent = addSetupIntent(ctx, params, { plan, id });
  ctx.add('checkout.session', session);
  keepPlan(ctx, id, plan);
  // Sessions live in real time, also those of customers on a test clock.
  ctx.schedule(session.expires_at, null, { job: EXPIRE_SESSION, ref: id });
  return session;
}

/** Codes and coupons that this order may not use are refused before anyone pays. */
function refuseDiscounts(
  ctx: Context,
  plan: CheckoutPlan,
  of: { currency: string | null; amount: number },
): void {
  const order = { ...of, customer: plan.customer };
  // A trial costs nothing today; the code is for what follows.
  const amount = of.amount === 0 ? null : of.amount;
  for (const [index, given] of plan.discounts.entries()) {
    const code = ctx.store.find('promotion_code', given.promotion_code);
    const named = code === undefined ? 'coupon' : 'promotion_code';
    const param = `discounts[${index}][${named}]`;
    if (code !== undefined) refuseCode(ctx, code, { order: { ...order, amount }, param });
    const coupon = ctx.store.find('coupon', given.coupon ?? idOf(code?.promotion.coupon));
    if (coupon === undefined) continue;
    refuseInvalid(ctx, coupon, param);
    refuseCurrency(ctx, coupon, { order, param });
  }
}

function addSetupIntent(
  ctx: Context,
  params: CreateValues,
  session: { plan: CheckoutPlan; id: string },
): string {
  const { plan, id: sessionId } = session;
  const intent = newSetupIntent({
    id: ctx.store.newId('setup_intent'),
    created: ctx.nowFor(plan.customer),
    customer: plan.customer,
    description: params.setup_intent_data?.description ?? null,
    choice: { types: params.payment_method_types ?? ['card'], automatic: null },
    metadata: metadataOf(params.setup_intent_data?.metadata),
    usage: 'off_session',
  });
  plan.intent = intent.id;
  ctx.add('setup_intent', intent);
  ctx.note('setup_intent', intent.id)['checkoutSession'] = sessionId;
  ctx.emit('setup_intent.created', intent);
  return intent.id;
}
