import type { Stripe } from 'stripe';
import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import type { Plan } from '../../../state/catalogue.ts';
import type { Examination, Report } from './finding.ts';

interface Sold {
  /** As people say it: "Pro, monthly". */
  what: string;
  priceId: string;
  interval: 'month' | 'year' | null;
  /** The event name of the meter; null for what is not metered. */
  meter: string | null;
}

/** Every price that is sold: there, for sale, of the right interval, currency and meter. */
export async function checkCatalogue(exam: Examination, report: Report): Promise<void> {
  const sold = [...exam.catalogue.plans.flatMap(pricesOf), ...productPrices(exam)];
  reportUnsold(exam, report);
  reportTwice(sold, report);
  const meters = sold.some(({ meter }) => meter !== null) ? await exam.stripe.listMeters() : [];
  const currencies = new Map<string, string[]>();
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
    if (each.interval !== null) {
      currencies.set(price.currency, [...(currencies.get(price.currency) ?? []), each.what]);
    }
  }
  if (currencies.size > 1) {
    const words = [...currencies].map(([currency, names]) => `${currency} (${names.join('; ')})`);
    report.problem(
      'price_currency',
      `The plans are sold in more than one currency: ${words.join(' and ')}. Customers cannot change between them.`,
      'Make the prices in one currency.',
    );
  }
  report.ok(`${sold.length} prices looked at`);
}

function pricesOf(plan: Plan): Sold[] {
  const { monthly, yearly } = plan.prices;
  const of = (price: { priceId: string } | undefined, interval: 'month' | 'year', word: string) =>
    price ? [{ what: `${plan.name}, ${word}`, priceId: price.priceId, interval, meter: null }] : [];
  const meters = plan.meters ?? [];
  const base = [...of(monthly, 'month', 'monthly'), ...of(yearly, 'year', 'yearly')];
  return [
    // A plan that is billed by usage alone names its metered price in both places.
    ...base.filter(({ priceId }) => !meters.some((meter) => meter.priceId === priceId)),
    ...meters.map(({ meter, priceId, interval }) => ({
      what: `${plan.name}, ${meter}`,
      priceId,
      interval: interval === 'yearly' ? ('year' as const) : ('month' as const),
      meter,
    })),
  ];
}

function productPrices({ catalogue }: Examination): Sold[] {
  return catalogue.products.map(({ name, priceId }) => ({
    what: name,
    priceId,
    interval: null,
    meter: null,
  }));
}

/** A plan of the file whose price variable is not set cannot be bought. */
function reportUnsold({ catalogue, plans }: Examination, report: Report): void {
  for (const plan of plans.plans) {
    const loaded = catalogue.plans.find(({ id }) => id === plan.id);
    for (const interval of ['monthly', 'yearly'] as const) {
      const entry = plan.prices[interval];
      if (entry === undefined || loaded?.prices[interval]) continue;
      const name = typeof entry === 'string' ? entry : entry.price;
      report.warn(
        'price_not_set',
        `${plan.name}, ${interval}, cannot be bought: ${name.slice(1)} is not set.`,
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

function checkPrice({ what, interval }: Sold, price: Stripe.Price, report: Report): void {
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
  const has = price.recurring ? wordsOf(price.recurring) : 'a one-time price';
  if (interval === null && price.recurring) {
    report.problem(
      'price_recurring',
      `${what} is sold once, but ${price.id} is charged ${has}.`,
      'Set a one-time price.',
    );
  }
  const right = price.recurring?.interval === interval && price.recurring.interval_count === 1;
  if (interval !== null && !right) {
    report.problem(
      'price_interval',
      `${what}: ${price.id} is ${price.recurring ? `charged ${has}` : has}.`,
      `Set a price that is charged every ${interval}.`,
    );
  }
}

function wordsOf({ interval, interval_count: count }: Stripe.Price.Recurring): string {
  return count === 1 ? `every ${interval}` : `every ${count} ${interval}s`;
}

function checkMeter(
  { what, meter: name }: Sold & { meter: string },
  { price, meters }: { price: Stripe.Price; meters: Stripe.Billing.Meter[] },
  report: Report,
): void {
  const used = meters.find(({ id }) => id === price.recurring?.meter);
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
  } else if (used.default_aggregation.formula !== 'sum') {
    report.problem(
      'meter_formula',
      `${what}: the meter ${used.id} takes the ${used.default_aggregation.formula} of its events; usage arrives as sums.`,
      'Make a meter with the formula "sum" and a price for it.',
    );
  } else if (used.status !== 'active') {
    report.problem(
      'meter_inactive',
      `${what}: the meter ${used.id} is switched off, so usage is refused.`,
      'Run npm run setup:stripe.',
    );
  }
}
