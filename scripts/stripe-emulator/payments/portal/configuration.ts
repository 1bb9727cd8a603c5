import type Stripe from 'stripe';
import type { Context } from '../../kernel/context.ts';
import { invalidRequest } from '../../kernel/errors.ts';
import { mergeMetadata } from '../../kernel/metadata.ts';
import { p, type Values } from '../../kernel/params.ts';
import { metadataOf } from '../params.ts';

type Configuration = Stripe.BillingPortal.Configuration;
type Features = Configuration['features'];

const text = p.clearable(p.str);
const prorations = p.oneOf(['always_invoice', 'create_prorations', 'none']);
const REASONS = [
  'customer_service',
  'low_quality',
  'missing_features',
  'other',
  'switched_service',
  'too_complex',
  'too_expensive',
  'unused',
] as const;

const product = p.obj({
  adjustable_quantity: p.obj({ enabled: p.required(p.bool), maximum: p.int, minimum: p.int }),
  prices: p.required(p.arr(p.str)),
  product: p.required(p.str),
});

const FEATURES = {
  customer_update: p.obj({
    allowed_updates: p.clearable(
      p.arr(p.oneOf(['address', 'email', 'name', 'phone', 'shipping', 'tax_id'])),
    ),
    enabled: p.bool,
  }),
  invoice_history: p.obj({ enabled: p.required(p.bool) }),
  payment_method_update: p.obj({ enabled: p.required(p.bool), payment_method_configuration: text }),
  subscription_cancel: p.obj({
    cancellation_reason: p.obj({
      enabled: p.required(p.bool),
      feedback_options: p.harmless,
      options: p.clearable(p.arr(p.oneOf(REASONS))),
    }),
    enabled: p.bool,
    mode: p.oneOf(['at_period_end', 'immediately']),
    proration_behavior: prorations,
  }),
  subscription_pause: p.obj({ duration: p.harmless, enabled: p.bool }),
  subscription_update: p.obj({
    billing_cycle_anchor: p.oneOf(['now', 'unchanged']),
    default_allowed_updates: p.clearable(p.arr(p.oneOf(['price', 'promotion_code', 'quantity']))),
    enabled: p.bool,
    products: p.clearable(p.arr(product)),
    proration_behavior: prorations,
    schedule_at_period_end: p.obj({
      conditions: p.arr(
        p.obj({ type: p.required(p.oneOf(['decreasing_item_amount', 'shortening_interval'])) }),
      ),
    }),
    trial_update_behavior: p.oneOf(['continue_trial', 'end_trial']),
  }),
};
const features = p.obj(FEATURES);
type FeatureValues = Values<typeof FEATURES>;

/** The parameters that creating and updating a configuration share. */
export const CONFIGURATION = {
  business_profile: p.obj({ headline: text, privacy_policy_url: text, terms_of_service_url: text }),
  default_return_url: text,
  features,
  login_page: p.obj({ enabled: p.required(p.bool) }),
  metadata: p.metadata,
  name: text,
};
export type ConfigurationValues = Values<typeof CONFIGURATION>;

const nothingEnabled = (): Features => ({
  customer_update: { allowed_updates: [], enabled: false },
  invoice_history: { enabled: false },
  payment_method_update: { enabled: false, payment_method_configuration: null },
  subscription_cancel: {
    cancellation_reason: {
      enabled: false,
      feedback_options: null,
      options: ['too_expensive', 'missing_features', 'switched_service', 'unused', 'other'],
    },
    enabled: false,
    mode: 'at_period_end',
    proration_behavior: 'none',
  },
  subscription_pause: { duration: { interval_options: [], type: 'indefinite' }, enabled: false },
  subscription_update: {
    billing_cycle_anchor: null,
    default_allowed_updates: [],
    enabled: false,
    proration_behavior: 'none',
    schedule_at_period_end: { conditions: [] },
    trial_update_behavior: 'end_trial',
  },
});

function updatesOf(
  current: Features['subscription_update'],
  given: FeatureValues['subscription_update'],
): Features['subscription_update'] {
  if (given === undefined) return current;
  return {
    billing_cycle_anchor: given.billing_cycle_anchor ?? current.billing_cycle_anchor,
    default_allowed_updates: given.default_allowed_updates ?? current.default_allowed_updates,
    enabled: given.enabled ?? true,
    proration_behavior: given.proration_behavior ?? current.proration_behavior,
    schedule_at_period_end: {
      conditions:
        given.schedule_at_period_end?.conditions ?? current.schedule_at_period_end.conditions,
    },
    trial_update_behavior: given.trial_update_behavior ?? current.trial_update_behavior,
  };
}

function cancelOf(
  current: Features['subscription_cancel'],
  given: FeatureValues['subscription_cancel'],
): Features['subscription_cancel'] {
  if (given === undefined) return current;
  const reason = given.cancellation_reason;
  return {
    cancellation_reason: {
      enabled: reason?.enabled ?? current.cancellation_reason.enabled,
      feedback_options: current.cancellation_reason.feedback_options,
      options: reason?.options ?? current.cancellation_reason.options,
    },
    enabled: given.enabled ?? true,
    mode: given.mode ?? current.mode,
    proration_behavior: given.proration_behavior ?? current.proration_behavior,
  };
}

function featuresOf(current: Features, given: FeatureValues | undefined): Features {
  const customer = given?.customer_update;
  const method = given?.payment_method_update;
  return {
    customer_update:
      customer === undefined
        ? current.customer_update
        : {
            allowed_updates: customer.allowed_updates ?? current.customer_update.allowed_updates,
            enabled: customer.enabled ?? true,
          },
    invoice_history: given?.invoice_history ?? current.invoice_history,
    payment_method_update:
      method === undefined
        ? current.payment_method_update
        : {
            enabled: method.enabled,
            payment_method_configuration: method.payment_method_configuration ?? null,
          },
    subscription_cancel: cancelOf(current.subscription_cancel, given?.subscription_cancel),
    subscription_pause: {
      ...current.subscription_pause,
      enabled: given?.subscription_pause?.enabled ?? current.subscription_pause.enabled,
    },
    subscription_update: updatesOf(current.subscription_update, given?.subscription_update),
  };
}

function requireKnown(ctx: Context, given: FeatureValues | undefined): void {
  const update = given?.subscription_update;
  if (
    update?.enabled === true &&
    update.products === undefined &&
    update.default_allowed_updates === undefined
  ) {
    throw invalidRequest(
      'Missing required param: features[subscription_update][default_allowed_updates].',
      {
        code: 'parameter_missing',
        param: 'features[subscription_update][default_allowed_updates]',
      },
    );
  }
  for (const [index, each] of (update?.products ?? []).entries()) {
    const at = `features[subscription_update][products][${index}]`;
    ctx.store.need('product', each.product, `${at}[product]`);
    for (const price of each.prices) ctx.store.need('price', price, `${at}[prices]`);
  }
}

function newConfiguration(
  ctx: Context,
  given: ConfigurationValues,
  isDefault: boolean,
): Configuration {
  const now = ctx.now();
  return {
    id: ctx.store.newId('billing_portal.configuration'),
    object: 'billing_portal.configuration',
    active: true,
    application: null,
    business_profile: {
      headline: given.business_profile?.headline ?? null,
      privacy_policy_url: given.business_profile?.privacy_policy_url ?? null,
      terms_of_service_url: given.business_profile?.terms_of_service_url ?? null,
    },
    created: now,
    default_return_url: given.default_return_url ?? null,
    features: featuresOf(nothingEnabled(), given.features),
    is_default: isDefault,
    livemode: false,
    login_page: { enabled: given.login_page?.enabled ?? false, url: null },
    metadata: metadataOf(given.metadata),
    name: given.name ?? null,
    updated: now,
  };
}

type Product = Features['subscription_update'] extends { products?: (infer P)[] | null }
  ? P
  : never;

/** The products to switch between: Stripe shows them only when they are expanded, so they are kept beside. */
export function productsOf(ctx: Context, configuration: string): Product[] | null {
  const kept = ctx.note('portal', configuration)['products'];
  const products: Product[] | null = typeof kept === 'string' ? JSON.parse(kept) : null;
  return products;
}

function keepProducts(
  ctx: Context,
  configuration: string,
  given: NonNullable<FeatureValues['subscription_update']>['products'],
): void {
  if (given === undefined) return;
  const products = given?.map((each) => ({
    adjustable_quantity: {
      enabled: each.adjustable_quantity?.enabled ?? false,
      maximum: each.adjustable_quantity?.maximum ?? null,
      minimum: each.adjustable_quantity?.minimum ?? 1,
    },
    prices: each.prices,
    product: each.product,
  }));
  ctx.note('portal', configuration)['products'] =
    products === undefined ? null : JSON.stringify(products);
}

/** `POST /v1/billing_portal/configurations`. Emits `billing_portal.configuration.created`. */
export function createConfiguration(ctx: Context, given: ConfigurationValues): Configuration {
  requireKnown(ctx, given.features);
  const configuration = ctx.add(
    'billing_portal.configuration',
    newConfiguration(ctx, given, false),
  );
  keepProducts(ctx, configuration.id, given.features?.subscription_update?.products);
  ctx.emit('billing_portal.configuration.created', configuration);
  return configuration;
}

/** Changes a configuration. Emits `billing_portal.configuration.updated`. */
export function updateConfiguration(
  ctx: Context,
  configuration: Configuration,
  given: ConfigurationValues & { active?: boolean },
): Configuration {
  requireKnown(ctx, given.features);
  keepProducts(ctx, configuration.id, given.features?.subscription_update?.products);
  const profile = given.business_profile;
  const apply = () => {
    configuration.active = given.active ?? configuration.active;
    configuration.features = featuresOf(configuration.features, given.features);
    configuration.metadata = mergeMetadata(configuration.metadata ?? {}, given.metadata);
    configuration.updated = ctx.now();
    if (given.default_return_url !== undefined)
      configuration.default_return_url = given.default_return_url;
    if (given.name !== undefined) configuration.name = given.name;
    if (given.login_page !== undefined)
      configuration.login_page = { enabled: given.login_page.enabled, url: null };
    if (profile?.headline !== undefined) configuration.business_profile.headline = profile.headline;
    if (profile?.privacy_policy_url !== undefined)
      configuration.business_profile.privacy_policy_url = profile.privacy_policy_url;
    if (profile?.terms_of_service_url !== undefined)
      configuration.business_profile.terms_of_service_url = profile.terms_of_service_url;
  };
  return ctx.update('billing_portal.configuration', configuration, {
    event: 'billing_portal.configuration.updated',
    apply,
  });
}

/** What the Dashboard gives an account that saved its portal settings once. */
const DEFAULT_FEATURES: FeatureValues = {
  customer_update: { allowed_updates: ['email', 'address', 'phone', 'tax_id'], enabled: true },
  invoice_history: { enabled: true },
  payment_method_update: { enabled: true },
  subscription_cancel: {
    enabled: true,
    mode: 'at_period_end',
    cancellation_reason: { enabled: true, options: null },
  },
};

/** The default configuration, made when it is first asked for; null where the account's settings say there is none. */
export function defaultConfiguration(ctx: Context): Configuration | null {
  if (!ctx.settings.defaultPortalConfiguration) return null;
  for (const each of ctx.store.of('billing_portal.configuration').values())
    if (each.is_default) return each;
  return ctx.add(
    'billing_portal.configuration',
    newConfiguration(ctx, { features: DEFAULT_FEATURES }, true),
  );
}
