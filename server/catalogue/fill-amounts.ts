import type { Stripe } from 'stripe';
import type { StripeGateway } from '../../adapters/stripe-gateway.ts';
import { pricesOf, type Catalogue, type PlanPrice } from '../../state/catalogue.ts';
import { costsOf, unitAmountIn, type PriceCosts } from '../../state/price-costs.ts';
import type { Logger } from '../lib/log.ts';

/**
 * Reads what every price costs from Stripe into the catalogue. A price that cannot be read keeps `amount: null` and is
 * logged; selling goes on, Checkout shows the amount.
 */
export async function fillAmounts(
  catalogue: Catalogue,
  parts: { stripe: StripeGateway; log: Logger },
): Promise<void> {
  const { plans, addons = [], products } = catalogue;
  const costs = (catalogue.costs ??= new Map<string, PriceCosts>());
  const sold = [...plans, ...addons].flatMap((each) => pricesOf(each).map(({ price }) => price));
  const meters = plans.flatMap((plan) => plan.meters ?? []);
  const productOf = new Map<string, string>();
  const read = async (priceId: string, use: (price: Stripe.Price, known: PriceCosts) => void) => {
    try {
      const found = await parts.stripe.retrieveFullPrice(priceId);
      const known = costsOf(found);
      costs.set(priceId, known);
      use(found, known);
    } catch (error) {
      parts.log.warn({ err: error, priceId }, 'price could not be read');
    }
  };
  await Promise.all([
    ...[...sold, ...products].map((price) =>
      read(price.priceId, (found, known) => {
        setAmounts(price, found, known);
        const { product } = found;
        productOf.set(price.priceId, typeof product === 'string' ? product : product.id);
      }),
    ),
    ...meters.map((meter) =>
      read(meter.priceId, (_, known) => {
        meter.currencies = Object.keys(known.costs);
      }),
    ),
  ]);
  setProducts([...plans, ...addons], productOf);
}

function setAmounts(price: PlanPrice, found: Stripe.Price, costs: PriceCosts): void {
  price.amount = found.billing_scheme === 'tiered' ? null : found.unit_amount;
  price.currency = found.currency;
  const others = Object.keys(costs.costs).filter((currency) => currency !== found.currency);
  if (others.length > 0) {
    const amounts = others.map((currency) => [currency, unitAmountIn(costs, currency)] as const);
    price.currencies = Object.fromEntries(amounts);
  }
  if (!found.active) price.archived = true;
  if (found.recurring?.usage_type === 'metered') price.metered = true;
}

/** A product that two plans or add-ons share tells nothing of a price: it is neither's. */
function setProducts(
  sellers: (Parameters<typeof pricesOf>[0] & { productIds?: string[] })[],
  productOf: ReadonlyMap<string, string>,
): void {
  const products = sellers.map((seller) => [
    ...new Set(pricesOf(seller).flatMap(({ price }) => productOf.get(price.priceId) ?? [])),
  ]);
  for (const [i, seller] of sellers.entries()) {
    const others = new Set(products.filter((_, other) => other !== i).flat());
    seller.productIds = products[i]?.filter((id) => !others.has(id));
  }
}
