/** What is bought beside a plan adds to what the plan gives. */
import { addonOf, type Catalogue } from './catalogue.ts';
import type { KeptTerms } from './terms.ts';
import type { ItemFacts } from './types.ts';

/** The plan's terms with the features and limits of the add-ons among the items. */
export function withAddons(
  catalogue: Catalogue,
  plan: KeptTerms,
  items: readonly Pick<ItemFacts, 'priceId' | 'productId' | 'quantity'>[],
): KeptTerms {
  const bought = items.flatMap((item) => {
    const addon = addonOf(catalogue, item);
    const quantity = item.quantity ?? 1;
    return addon && quantity > 0 ? [{ addon, quantity }] : [];
  });
  if (bought.length === 0) return plan;
  const limits = { ...plan.limits };
  for (const { addon, quantity } of bought) {
    for (const [name, more] of Object.entries(addon.limits)) {
      // A feature of the plan without a limit is unlimited already.
      if (!Object.hasOwn(limits, name) && plan.features.includes(name)) continue;
      const has = Object.hasOwn(limits, name) ? (limits[name] ?? null) : 0;
      limits[name] = more === null || has === null ? null : has + more * quantity;
    }
  }
  const features = bought.flatMap(({ addon }) => addon.features);
  return { ...plan, features: [...new Set([...plan.features, ...features])], limits };
}
