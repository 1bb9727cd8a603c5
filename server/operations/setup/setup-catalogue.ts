import type { Stripe } from 'stripe';
import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import { everyOf, intervalOf, type Every } from '../../../state/intervals.ts';
import { formulaOf, type Aggregation } from '../../../state/aggregation.ts';
import type { PlanFile } from '../../catalogue/plan-file.ts';
import { entriesOf, referenceOf, type PriceEntry } from '../../catalogue/price-entry.ts';
import { priceDifferences, priceParams } from './compare-price.ts';
import type { SetupContext } from './setup-context.ts';

type Plan = PlanFile['plans'][number];
type Addon = PlanFile['addons'][number];

interface Sold {
  /** Whose product the price belongs to. */
  owner: { key: string; name: string; description: string | undefined };
  entry: PriceEntry;
  every: Every | null;
  meter: string | null;
  lookupKey: string;
}

/** Products, meters and prices of the plans file. */
export async function setUpCatalogue(ctx: SetupContext): Promise<void> {
  const { plans, addons, products } = ctx.options.plans;
  const sold = [
    ...plans.flatMap(pricesOfPlan),
    ...addons.flatMap(pricesOfSeller),
    ...products.map(priceOfProduct),
  ];
  const counted = plans.flatMap(({ meters = [] }) =>
    meters.map(({ meter, aggregation = 'sum' }) => [meter, aggregation] as const),
  );
  const meters = await setUpMeters(ctx, new Map(counted));
  for (const each of sold) {
    await setUpPrice(ctx, each, each.meter === null ? null : (meters.get(each.meter) ?? null));
  }
}

function pricesOfPlan(plan: Plan): Sold[] {
  const owner = { key: plan.id, name: plan.name, description: plan.description };
  const meters = plan.meters ?? [];
  const counted = new Set(meters.map(({ priceId }) => referenceOf(priceId)));
  return [
    // A plan that is billed by usage alone names its metered price in both places.
    ...pricesOfSeller(plan).filter(({ entry }) => !counted.has(referenceOf(entry))),
    ...meters.map(({ meter, priceId, interval: named }, index) => {
      const interval = (named === undefined ? null : intervalOf(named)) ?? 'monthly';
      const isAgain = meters.slice(0, index).some((other) => {
        return other.meter === meter && (other.interval ?? 'monthly') === interval;
      });
      const suffix = isAgain && typeof priceId === 'object' ? `_${priceId.currency}` : '';
      const every = interval === 'monthly' ? '' : `_${interval}`;
      const lookupKey = `${plan.id}_${meter}${every}${suffix}`;
      return { owner, entry: priceId, every: everyOf(interval), meter, lookupKey };
    }),
  ];
}

/** The prices of a plan or an add-on: `pro_monthly`, and `pro_monthly_eur` for one beside it in another currency. */
function pricesOfSeller({ id, name, description, prices }: Plan | Addon): Sold[] {
  const owner = { key: id, name, description };
  return entriesOf(prices).map(({ interval, entry, isMain }) => {
    const suffix = isMain || typeof entry === 'string' ? '' : `_${entry.currency}`;
    const lookupKey = `${id}_${interval}${suffix}`;
    return { owner, entry, every: everyOf(interval), meter: null, lookupKey };
  });
}

function priceOfProduct(product: PlanFile['products'][number]): Sold {
  return {
    owner: { key: product.id, name: product.name, description: product.description },
    entry: product.priceId,
    every: null,
    meter: null,
    lookupKey: product.id,
  };
}

async function setUpMeters(
  ctx: SetupContext,
  wanted: ReadonlyMap<string, Aggregation>,
): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  if (wanted.size === 0) return ids;
  const known = await ctx.stripe.listMeters();
  for (const [name, aggregation] of wanted) {
    const formula = formulaOf(aggregation);
    const same = known.filter(({ event_name }) => event_name === name);
    const meter =
      same.find(({ status }) => status === 'active') ??
      same.find(({ default_aggregation: { formula: has } }) => has === formula);
    const report = (did: 'created' | 'updated' | 'kept' | 'refused', id: string | null, why = '') =>
      ctx.report({ kind: 'meter', what: name, did, id, why });
    if (!meter) {
      const made = ctx.dryRun
        ? null
        : await ctx.stripe.createMeter({
            display_name: name,
            event_name: name,
            default_aggregation: { formula },
          });
      report('created', made?.id ?? null);
      ids.set(name, made?.id ?? 'mtr_not_made_yet');
      continue;
    }
    ids.set(name, meter.id);
    const { formula: has } = meter.default_aggregation;
    if (has !== formula) {
      const why = `its formula is ${has}, which cannot be changed; "${aggregation}" needs ${formula}: archive it, and another one is made`;
      report('refused', meter.id, why);
    } else if (meter.status === 'active') report('kept', meter.id);
    else {
      if (!ctx.dryRun) await ctx.stripe.reactivateMeter(meter.id);
      report('updated', meter.id, 'it was switched off');
    }
  }
  return ids;
}

async function setUpPrice(ctx: SetupContext, sold: Sold, meterId: string | null): Promise<void> {
  const reference = referenceOf(sold.entry);
  const spec = typeof sold.entry === 'string' ? null : sold.entry;
  const lookupKey = spec?.lookupKey ?? sold.lookupKey;
  const { price: found, key } = await findPrice(ctx, {
    reference,
    keys: spec?.lookupKey === undefined ? [lookupKey, `tenure_${lookupKey}`] : [lookupKey],
    isOurs: (price) => spec?.lookupKey !== undefined || isMadeHere(price.product, sold.owner.key),
  });
  const product = await setUpProduct(ctx, sold, found);
  const wanted = spec && { spec, every: sold.every, meterId };
  const differences = found && wanted ? priceDifferences(found, wanted) : [];
  const report = (did: 'created' | 'updated' | 'replaced' | 'kept' | 'refused', why = '') =>
    ctx.report({ kind: 'price', what: lookupKey, did, id: found?.id ?? null, why });
  const keep = (id: string) => {
    ctx.prices.set(lookupKey, { id, product });
    if (reference.startsWith('$')) ctx.env[reference.slice(1)] = id;
  };
  const make = async (): Promise<string | null> => {
    if (ctx.dryRun || !wanted) return null;
    const made = await ctx.stripe.createCataloguePrice(
      priceParams(wanted, { product, lookupKey: key }),
    );
    keep(made.id);
    return made.id;
  };
  if (found && differences.length === 0) {
    keep(found.id);
    if (found.active) return report('kept');
    if (!ctx.dryRun) await ctx.stripe.setPriceActive(found.id, true);
    return report('updated', 'it was archived');
  }
  if (!wanted) {
    return report(
      'refused',
      `${reference} is not in this account, and the plans file does not say what it costs`,
    );
  }
  if (!reference.startsWith('$')) {
    const why = found ? differences.join(', ') : 'it is not in this account';
    return report('refused', `${reference}: ${why}. Name a variable ($NAME) to have a price made.`);
  }
  const id = await make();
  if (!found) return ctx.report({ kind: 'price', what: lookupKey, did: 'created', id, why: '' });
  // A price cannot be changed at Stripe; who has the old one keeps it until moved.
  const move = `npm run migrate-plan -- --from ${found.id} --to ${id ?? 'NEW'}`;
  const why = `${differences.join(', ')}; to move who has ${found.id}: ${move}`;
  ctx.report({ kind: 'price', what: lookupKey, did: 'replaced', id, why });
}

/** By the id that is named, else by lookup key; with the first key that no other program holds. */
async function findPrice(
  ctx: SetupContext,
  { reference, ...held }: Keys & { reference: string },
): Promise<{ price: Stripe.Price | null; key: string }> {
  const byKey = await priceByKey(ctx, held);
  const id = reference.startsWith('$') ? ctx.options.env[reference.slice(1)] : reference;
  if (id === undefined) return byKey;
  try {
    return { ...byKey, price: await ctx.stripe.retrieveFullPrice(id) };
  } catch (error) {
    if (!isGatewayError(error, 'not_found')) throw error;
    return reference.startsWith('$') ? byKey : { ...byKey, price: null };
  }
}

interface Keys {
  keys: string[];
  isOurs: (price: Stripe.Price) => boolean;
}

async function priceByKey(
  { stripe }: SetupContext,
  { keys, isOurs }: Keys,
): Promise<{ price: Stripe.Price | null; key: string }> {
  for (const key of keys) {
    const price = await stripe.priceWithLookupKey(key);
    if (price === null || isOurs(price)) return { price, key };
  }
  return { price: null, key: keys.at(-1) ?? '' };
}

/** Whether setup made a product for a plan, here or for another deployment; what others made keeps its name. */
function isMadeHere(product: Stripe.Price['product'], key: string): boolean {
  if (typeof product === 'string') return product === `tenure_${key}`;
  if (product.deleted) return false;
  return product.id === `tenure_${key}` || product.metadata['tenure'] === key;
}

/** The product of a plan has an id of its own (`tenure_pro`), so that it is found again; one that is there already is kept. */
async function setUpProduct(
  ctx: SetupContext,
  { owner }: Sold,
  price: Stripe.Price | null,
): Promise<string> {
  const done = ctx.products.get(owner.key);
  if (done !== undefined) return done;
  const product = await findProduct(ctx, owner.key, price);
  const wanted = { name: owner.name, description: owner.description };
  const id = product?.id ?? `tenure_${owner.key}`;
  const report = (did: 'created' | 'updated' | 'kept', why = '') =>
    ctx.report({ kind: 'product', what: owner.name, did, id, why });
  ctx.products.set(owner.key, id);
  if (!product) {
    if (!ctx.dryRun) {
      await ctx.stripe.createProductWithId({ id, ...wanted, metadata: { tenure: owner.key } });
    }
    ctx.made.add(id);
    report('created');
    return id;
  }
  const isOurs = isMadeHere(product, owner.key);
  const changes = [
    ...(!isOurs || product.name === wanted.name ? [] : [`name ${product.name} → ${wanted.name}`]),
    ...(!isOurs || wanted.description === undefined || product.description === wanted.description
      ? []
      : ['description']),
    ...(product.active ? [] : ['it was archived']),
  ];
  if (changes.length > 0 && !ctx.dryRun) {
    await ctx.stripe.updateProduct(id, { ...(isOurs && wanted), active: true });
  }
  report(changes.length > 0 ? 'updated' : 'kept', changes.join(', '));
  return id;
}

async function findProduct(
  ctx: SetupContext,
  key: string,
  price: Stripe.Price | null,
): Promise<Stripe.Product | null> {
  const ofPrice = price?.product;
  if (typeof ofPrice === 'object' && !ofPrice.deleted) return ofPrice;
  try {
    return await ctx.stripe.retrieveProduct(`tenure_${key}`);
  } catch (error) {
    if (isGatewayError(error, 'not_found')) return null;
    throw error;
  }
}
