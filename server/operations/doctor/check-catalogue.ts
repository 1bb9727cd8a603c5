import type { Stripe } from 'stripe';
import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import { formulaOf, type Aggregation } from '../../../state/aggregation.ts';
import { pricesOf, type Addon, type Plan } from '../../../state/catalogue.ts';
import { everyOf, intervalWords, isSameEvery, type Every } from '../../../state/intervals.ts';
import type { BillingInterval } from '../../../state/types.ts';
import { entriesOf, referenceOf } from '../../catalogue/price-entry.ts';
import type { Examination, Report } from './finding.ts';

interface Sold {
  /** As people say it: "Pro, monthly". */
  what: string;
  priceId: string;
  every: Every | null;
  /** What is chosen between: "Pro, monthly"; null for what is not chosen by itself. */
  choice: string | null;
  /** The event name of the meter; null for what is not metered. */
  meter: string | null;
  aggregation?: Aggregation | undefined;
}

/** Every price that is sold: there, for sale, of the right interval, currency and meter. */
export async function checkCatalogue(exam: Examination, report: Report): Promise<void> {
  const { plans, addons = [] } = exam.catalogue;
  const sold = [
    ...plans.flatMap(pricesOfPlan),
    ...addons.flatMap(ownPrices),
    ...productPrices(exam),
  ];
  reportUnsold(exam, report);
  reportTwice(sold, report);
  const meters = sold.some(({ meter }) => meter !== null) ? await exam.stripe.listMeters() : [];
  const currencies = new Map<string, Set<string>>();
  for (const each of sold) {
    const price = await readPrice(exam, each);
    if (!price) {
      report.problem(
        'price_missing',
        `${each.what}: there is no price ${each.priceId} in this account.`,
        'Is it a price of the other mode (test, live) or account? Set the right id, or run npm run setup:stripe.',
      );
      continue;
    }
    checkPrice(each, price, report);
    if (each.meter !== null) checkMeter({ ...each, meter: each.meter }, { price, meters }, report);
    if (each.choice !== null) {
      const known = currencies.get(each.choice) ?? new Set();
      const more = Object.keys(price.currency_options ?? {});
      currencies.set(each.choice, new Set([...known, price.currency, ...more]));
    }
  }
  reportCurrencies(currencies, report);
  report.ok(`${sold.length} prices looked at`);
}

/** A subscription keeps its currency, so what is not sold in it cannot be changed to. */
function reportCurrencies(
  currencies: ReadonlyMap<string, ReadonlySet<string>>,
  report: Report,
): void {
  const all = [...new Set([...currencies.values()].flatMap((each) => [...each]))];
  const without = all
    .map((currency) => ({
      currency,
      names: [...currencies].filter(([, set]) => !set.has(currency)).map(([name]) => name),
    }))
    .filter(({ names }) => names.length > 0);
  if (without.length === 0) return;
  if (without.length < all.length) {
    const words = without.map(({ currency, names }) => `${names.join('; ')}: not in ${currency}`);
    report.warn(
      'price_currency',
      `Some of what is sold is not sold in every currency: ${words.join('. ')}.`,
      'Who pays in another currency cannot change to it; add the currency to its price (`currencies` in the plans file).',
    );
    return;
  }
  const words = all.map((currency) => {
    const names = [...currencies].filter(([, set]) => set.has(currency)).map(([name]) => name);
    return `${currency} (${names.join('; ')})`;
  });
  report.problem(
    'price_currency',
    `The plans are sold in more than one currency: ${words.join(' and ')}. Customers cannot change between them.`,
    'Sell each in the same currencies (`currencies` in the plans file), or all in one.',
  );
}

/** The prices of a plan or an add-on, without those of usage. */
function ownPrices(seller: Plan | Addon): Sold[] {
  return pricesOf(seller).map(({ interval, price: { priceId } }) => {
    const what = `${seller.name}, ${interval}`;
    return { what, priceId, every: everyOf(interval), meter: null, choice: what };
  });
}

function pricesOfPlan(plan: Plan): Sold[] {
  const meters = plan.meters ?? [];
  return [
    // A plan that is billed by usage alone names its metered price in both places.
    ...ownPrices(plan).filter(({ priceId }) => !meters.some((meter) => meter.priceId === priceId)),
    ...meters.map(({ meter, priceId, interval, aggregation }) => ({
      what: `${plan.name}, ${meter}`,
      priceId,
      every: everyOf(interval ?? 'monthly'),
      meter,
      aggregation,
      choice: null,
    })),
  ];
}

function productPrices({ catalogue }: Examination): Sold[] {
  return catalogue.products.map(({ name, priceId }) => ({
    what: name,
    priceId,
    every: null,
    meter: null,
    choice: null,
  }));
}

/** A plan of the file whose price variable is not set cannot be bought. */
function reportUnsold({ catalogue, plans }: Examination, report: Report): void {
  for (const plan of plans.plans) {
    const loaded = catalogue.plans.find(({ id }) => id === plan.id);
    for (const { interval, entry } of entriesOf(plan.prices)) {
      if (loaded?.prices[interval]) continue;
      report.warn(
        'price_not_set',
        `${plan.name}, ${interval}, cannot be bought: ${referenceOf(entry).slice(1)} is not set.`,
        'Set it, or run npm run setup:stripe.',
      );
    }
  }
}

function reportTwice(sold: Sold[], report: Report): void {
  const names = new Map<string, string[]>();
  for (const { priceId, what } of sold) names.set(priceId, [...(names.get(priceId) ?? []), what]);
  for (const [priceId, whats] of names) {
    if (whats.length < 2) continue;
    report.problem(
      'price_twice',
      `${priceId} stands for ${whats.join(' and for ')}: it is ambiguous what was bought.`,
      'Give each plan and interval its own price.',
    );
  }
}

async function readPrice(exam: Examination, { priceId }: Sold): Promise<Stripe.Price | null> {
  try {
    return await exam.stripe.retrieveFullPrice(priceId);
  } catch (error) {
    if (isGatewayError(error, 'not_found')) return null;
    throw error;
  }
}

function checkPrice({ what, every }: Sold, price: Stripe.Price, report: Report): void {
  if (!price.active) {
    report.problem(
      'price_archived',
      `${what}: ${price.id} is archived, so a checkout with it fails.`,
      'Activate it in the Dashboard, or run npm run setup:stripe.',
    );
  }
  const { product } = price;
  if (typeof product === 'object' && (product.deleted || !product.active)) {
    report.problem(
      'product_archived',
      `${what}: its product ${product.id} is archived, so a checkout with it fails.`,
      'Activate the product in the Dashboard, or run npm run setup:stripe.',
    );
  }
  const recurring = price.recurring && everyAt(price.recurring);
  const has = recurring ? `charged every ${intervalWords(recurring)}` : 'a one-time price';
  if (every === null && recurring) {
    report.problem(
      'price_recurring',
      `${what} is sold once, but ${price.id} is ${has}.`,
      'Set a one-time price.',
    );
  }
  if (every !== null && !(recurring && isSameEvery(recurring, every))) {
    report.problem(
      'price_interval',
      `${what}: ${price.id} is ${has}.`,
      `Set a price that is charged every ${intervalWords(every)}.`,
    );
  }
}

function everyAt({ interval, interval_count: count }: Stripe.Price.Recurring): Every {
  return { interval: interval as BillingInterval, count };
}

function checkMeter(
  { what, meter: name, aggregation = 'sum' }: Sold & { meter: string },
  { price, meters }: { price: Stripe.Price; meters: Stripe.Billing.Meter[] },
  report: Report,
): void {
  const used = meters.find(({ id }) => id === price.recurring?.meter);
  const formula = formulaOf(aggregation);
  if (!used) {
    report.problem(
      'price_not_metered',
      `${what}: ${price.id} counts no usage.`,
      `Set a metered price of the meter "${name}", or run npm run setup:stripe.`,
    );
  } else if (used.event_name !== name) {
    report.problem(
      'price_other_meter',
      `${what}: ${price.id} counts "${used.event_name}", and usage is reported as "${name}".`,
      'Set the price of the right meter.',
    );
  } else if (used.default_aggregation.formula !== formula) {
    report.problem(
      'meter_formula',
      `${what}: the meter ${used.id} takes the ${used.default_aggregation.formula} of its events; usage arrives for the formula "${formula}".`,
      `Make a meter with the formula "${formula}" and a price for it.`,
    );
  } else if (used.status !== 'active') {
    report.problem(
      'meter_inactive',
      `${what}: the meter ${used.id} is switched off, so usage is refused.`,
      'Run npm run setup:stripe.',
    );
  }
}
