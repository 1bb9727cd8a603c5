import type { SetupContext } from './setup-context.ts';

/** With ENTITLEMENTS=stripe it is Stripe that says who has which feature: each plan's product gets those of the plan. */
export async function setUpFeatures(ctx: SetupContext): Promise<void> {
  if (ctx.options.env['ENTITLEMENTS'] !== 'stripe') return;
  const { plans } = ctx.options.plans;
  const ids = new Map<string, string | null>();
  for (const key of new Set(plans.flatMap(({ features }) => features))) {
    ids.set(key, await setUpFeature(ctx, key));
  }
  for (const plan of plans) {
    const product = ctx.products.get(plan.id);
    if (product !== undefined) await setUpPlan(ctx, { ...plan, product }, ids);
  }
}

async function setUpFeature(ctx: SetupContext, key: string): Promise<string | null> {
  const found = await ctx.stripe.featureWithLookupKey(key);
  const made = found || ctx.dryRun ? null : await ctx.stripe.createFeature(key);
  const id = found?.id ?? made?.id ?? null;
  ctx.report({ kind: 'feature', what: key, did: found ? 'kept' : 'created', id, why: '' });
  return id;
}

async function setUpPlan(
  ctx: SetupContext,
  plan: { name: string; features: string[]; product: string },
  ids: ReadonlyMap<string, string | null>,
): Promise<void> {
  // In a dry run the product may not be there yet.
  const known = ctx.made.has(plan.product) ? [] : await ctx.stripe.productFeatures(plan.product);
  const has = new Map(known.map((each) => [each.entitlement_feature.lookup_key, each.id]));
  const missing = plan.features.filter((key) => !has.has(key));
  const surplus = [...has].filter(([key]) => !plan.features.includes(key));
  if (!ctx.dryRun) {
    for (const key of missing) {
      const id = ids.get(key);
      if (id) await ctx.stripe.attachFeature(plan.product, id);
    }
    for (const [, id] of surplus) await ctx.stripe.detachFeature(plan.product, id);
  }
  const changes = [
    ...missing.map((key) => `${key} given`),
    ...surplus.map(([key]) => `${key} taken away`),
  ];
  const did = changes.length > 0 ? 'updated' : 'kept';
  const what = `features of ${plan.name}`;
  ctx.report({ kind: 'feature', what, did, id: plan.product, why: changes.join(', ') });
}
