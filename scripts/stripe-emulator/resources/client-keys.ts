import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { newId, randomText } from '../kernel/ids.ts';
import { p, paramsOf, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';

const HOUR = 3600;
const on = { enabled: p.required(p.bool) };
const able = p.oneOf(['disabled', 'enabled']);
const redisplay = p.oneOf(['always', 'limited', 'unspecified']);
const filters = { payment_method_allow_redisplay_filters: p.arr(redisplay) };

const keyParams = paramsOf<Stripe.EphemeralKeyCreateParams>()({
  customer: p.str,
  issuing_card: p.unserved,
  nonce: p.unserved,
  verification_session: p.unserved,
});
const components = p.obj({
  active_entitlements: p.obj(on),
  buy_button: p.obj(on),
  customer_portal: p.obj(on),
  customer_sheet: p.obj({ ...on, features: p.obj({ ...filters, payment_method_remove: able }) }),
  mobile_payment_element: p.obj({
    ...on,
    features: p.obj({
      ...filters,
      payment_method_redisplay: able,
      payment_method_remove: able,
      payment_method_save: able,
      payment_method_save_allow_redisplay_override: redisplay,
    }),
  }),
  payment_element: p.obj({
    ...on,
    features: p.obj({
      ...filters,
      payment_method_redisplay: able,
      payment_method_redisplay_limit: p.int,
      payment_method_remove: able,
      payment_method_save: able,
      payment_method_save_usage: p.oneOf(['off_session', 'on_session']),
    }),
  }),
  pricing_table: p.obj(on),
});
const sessionParams = paramsOf<Stripe.CustomerSessionCreateParams>()({
  components: p.required(components),
  customer: p.str,
  customer_account: p.unserved,
});
type Components = Values<typeof sessionParams>['components'];

/** What a server hands to its own pages and apps: `/v1/ephemeral_keys` and `/v1/customer_sessions`. */
export function registerClientKeys(registry: Registry): void {
  registry.post('/v1/ephemeral_keys', keyParams, createKey);
  registry.delete('/v1/ephemeral_keys/:id', {}, (ctx, _params, { id }) => {
    const { secret: _secret, ...key } = ctx.store.need('ephemeral_key', id);
    ctx.store.remove('ephemeral_key', id);
    return key;
  });
  registry.post('/v1/customer_sessions', sessionParams, createCustomerSession);
}

/** Required here, where Stripe would also take an account in its place. */
function customerOf(ctx: Context, params: { customer?: string }) {
  if (params.customer !== undefined) return ctx.store.need('customer', params.customer, 'customer');
  throw invalidRequest('Missing required param: customer.', {
    param: 'customer',
    code: 'parameter_missing',
  });
}

function createKey(ctx: Context, params: Values<typeof keyParams>): Stripe.EphemeralKey {
  customerOf(ctx, params);
  return ctx.add('ephemeral_key', {
    id: ctx.store.newId('ephemeral_key'),
    object: 'ephemeral_key',
    created: ctx.now(),
    expires: ctx.now() + HOUR,
    livemode: false,
    secret: `ek_test_${randomText(60)}`,
  });
}

function createCustomerSession(
  ctx: Context,
  params: Values<typeof sessionParams>,
): Stripe.CustomerSession {
  const customer = customerOf(ctx, params);
  return {
    object: 'customer_session',
    client_secret: newId('cuss_secret'),
    components: shownComponents(params.components),
    created: ctx.now(),
    customer: customer.id,
    customer_account: null,
    expires_at: ctx.now() + HOUR / 2,
    livemode: false,
  };
}

function shownComponents(given: Components): Stripe.CustomerSession.Components {
  const plain = (part: { enabled: boolean } | undefined) => ({ enabled: part?.enabled ?? false });
  return {
    active_entitlements: plain(given.active_entitlements),
    buy_button: plain(given.buy_button),
    customer_portal: plain(given.customer_portal),
    customer_sheet: sheet(given.customer_sheet),
    mobile_payment_element: mobile(given.mobile_payment_element),
    payment_element: element(given.payment_element),
    pricing_table: plain(given.pricing_table),
  };
}

const OFF = { enabled: false, features: null } as const;

type Features = NonNullable<NonNullable<Components['payment_element']>['features']>;

/** What every component that shows saved methods answers of them. */
function saved(
  features: Pick<Features, 'payment_method_allow_redisplay_filters' | 'payment_method_remove'>,
) {
  return {
    payment_method_allow_redisplay_filters: features.payment_method_allow_redisplay_filters ?? [
      'always' as const,
    ],
    payment_method_remove: features.payment_method_remove ?? ('disabled' as const),
  };
}

/** What those answer that can also save one. */
function saving(features: Pick<Features, 'payment_method_redisplay' | 'payment_method_save'>) {
  return {
    payment_method_redisplay: features.payment_method_redisplay ?? ('disabled' as const),
    payment_method_save: features.payment_method_save ?? ('disabled' as const),
  };
}

function sheet(
  given: Components['customer_sheet'],
): Stripe.CustomerSession.Components['customer_sheet'] {
  if (given?.enabled !== true) return OFF;
  return { enabled: true, features: saved(given.features ?? {}) };
}

function mobile(
  given: Components['mobile_payment_element'],
): Stripe.CustomerSession.Components['mobile_payment_element'] {
  if (given?.enabled !== true) return OFF;
  const features = given.features ?? {};
  return {
    enabled: true,
    features: {
      ...saved(features),
      ...saving(features),
      payment_method_save_allow_redisplay_override:
        features.payment_method_save_allow_redisplay_override ?? null,
    },
  };
}

function element(
  given: Components['payment_element'],
): Stripe.CustomerSession.Components['payment_element'] {
  if (given?.enabled !== true) return OFF;
  const features = given.features ?? {};
  return {
    enabled: true,
    features: {
      ...saved(features),
      ...saving(features),
      payment_method_redisplay_limit: features.payment_method_redisplay_limit ?? 3,
      payment_method_save_usage: features.payment_method_save_usage ?? null,
    },
  };
}
