import { createHash } from 'node:crypto';
import type { Stripe } from 'stripe';
import { entriesOf } from '../../catalogue/price-entry.ts';
import type { SetupContext } from './setup-context.ts';

type Configuration = Stripe.BillingPortal.Configuration;
type Features = Stripe.BillingPortal.ConfigurationCreateParams.Features;

/** Stripe lists at most so many products in a portal. */
const MAX_PRODUCTS = 10;
/** Marks our configuration among those of the account. */
const MARK = 'tenure';

/** The billing portal: cards, invoices, cancelling at the period's end, and the plans to switch to. */
export async function setUpPortal(ctx: SetupContext): Promise<void> {
  const products = productsToSwitch(ctx);
  const features = portalFeatures(products);
  const fingerprint = createHash('sha256').update(JSON.stringify(products)).digest('hex');
  const params = {
    features,
    default_return_url: ctx.options.appUrl === null ? undefined : `${ctx.options.appUrl}/billing`,
    metadata: { [MARK]: ctx.options.portalName, tenure_products: fingerprint.slice(0, 32) },
  };
  const known = await findOurs(ctx);
  const report = (did: 'created' | 'updated' | 'kept', id: string | null, why = '') =>
    ctx.report({ kind: 'portal', what: 'billing portal', did, id, why });
  if (!known) {
    const made = ctx.dryRun ? null : await ctx.stripe.createPortalConfiguration(params);
    if (made) ctx.env['STRIPE_PORTAL_CONFIGURATION'] = made.id;
    return report('created', made?.id ?? null);
  }
  ctx.env['STRIPE_PORTAL_CONFIGURATION'] = known.id;
  const changes = changesOf(known, params);
  if (changes.length === 0) return report('kept', known.id);
  if (!ctx.dryRun) {
    await ctx.stripe.updatePortalConfiguration(known.id, { ...params, active: true });
  }
  return report('updated', known.id, changes.join(', '));
}

async function findOurs(ctx: SetupContext): Promise<Configuration | null> {
  const all = await ctx.stripe.listPortalConfigurations();
  const named = ctx.options.env['STRIPE_PORTAL_CONFIGURATION'];
  return (
    all.find(({ id }) => id === named) ??
    all.find(({ metadata }) => metadata?.[MARK] === ctx.options.portalName) ??
    null
  );
}

function changesOf(
  known: Configuration,
  wanted: { features: Features; default_return_url?: string; metadata: Record<string, string> },
): string[] {
  const { subscription_update: update, ...others } = wanted.features;
  // Stripe does not show the products, so their fingerprint is compared.
  const { products: _products, ...visible } = update ?? { enabled: false };
  const shown = { ...others, subscription_update: visible };
  return [
    ...Object.entries(shown)
      .filter(([name, value]) => !holds(known.features[name as keyof typeof shown], value))
      .map(([name]) => name),
    ...(known.metadata?.['tenure_products'] === wanted.metadata['tenure_products'] &&
    known.metadata?.[MARK] === wanted.metadata[MARK]
      ? []
      : ['products']),
    ...(wanted.default_return_url === undefined ||
    known.default_return_url === wanted.default_return_url
      ? []
      : ['default_return_url']),
    ...(known.active ? [] : ['it was switched off']),
  ];
}

/** Whether `value` has everything that `wanted` names; lists in any order. */
function holds(value: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    const given: unknown[] = Array.isArray(value) ? value : [];
    return (
      given.length === wanted.length &&
      wanted.every((each) => given.some((other) => holds(other, each)))
    );
  }
  if (typeof wanted === 'object' && wanted !== null) {
    if (typeof value !== 'object' || value === null) return false;
    const fields = value as Record<string, unknown>;
    return Object.entries(wanted).every(([name, each]) => holds(fields[name], each));
  }
  return value === wanted;
}

interface SwitchableProduct {
  product: string;
  prices: string[];
  adjustable_quantity?: { enabled: boolean; minimum: number; maximum?: number };
}

function productsToSwitch({ options, prices }: SetupContext): SwitchableProduct[] {
  const byProduct = options.plans.plans.flatMap((plan): SwitchableProduct[] => {
    // The portal takes one price of a product for an interval: other currencies come with `currency_options`.
    const main = entriesOf(plan.prices).filter(({ isMain }) => isMain);
    const sold = main.flatMap(({ entry, interval }) => {
      const name = `${plan.id}_${interval}`;
      const key = typeof entry === 'object' ? (entry.lookupKey ?? name) : name;
      return prices.get(key) ?? [];
    });
    const [first] = sold;
    if (!first) return [];
    const seats = plan.seats && {
      adjustable_quantity: {
        enabled: true,
        minimum: plan.seats.min ?? 1,
        ...(plan.seats.max === undefined ? {} : { maximum: plan.seats.max }),
      },
    };
    return [{ product: first.product, prices: sold.map(({ id }) => id), ...seats }];
  });
  return byProduct.slice(0, MAX_PRODUCTS);
}

function portalFeatures(products: SwitchableProduct[]): Features {
  return {
    customer_update: {
      enabled: true,
      allowed_updates: ['address', 'email', 'name', 'phone', 'tax_id'],
    },
    invoice_history: { enabled: true },
    payment_method_update: { enabled: true },
    subscription_cancel: {
      enabled: true,
      mode: 'at_period_end',
      proration_behavior: 'none',
      cancellation_reason: {
        enabled: true,
        options: ['too_expensive', 'missing_features', 'switched_service', 'unused', 'other'],
      },
    },
    // A smaller plan waits for the period's end, as it does in the API of this server.
    subscription_update:
      products.length === 0
        ? { enabled: false }
        : {
            enabled: true,
            default_allowed_updates: ['price', 'quantity'],
            proration_behavior: 'always_invoice',
            products,
            schedule_at_period_end: {
              conditions: [{ type: 'decreasing_item_amount' }, { type: 'shortening_interval' }],
            },
          },
  };
}
