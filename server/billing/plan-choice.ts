import { intervalOf } from '../../state/intervals.ts';
import { z } from 'zod';
import {
  currenciesOf,
  findPlan,
  meterPricesOf,
  planOfPrice,
  priceIn,
  pricesOf,
  type Catalogue,
  type Plan,
  type PlanInterval,
  type PlanPrice,
} from '../../state/catalogue.ts';
import { intervalChoice } from '../catalogue/interval-schema.ts';
import { AppError } from '../http/errors.ts';
import { addonChoice, chosenAddons } from './addon-choice.ts';

/** `{plan, interval}` or `{priceId}`, as every command that chooses a plan takes it. */
export const planChoice = z.strictObject({
  plan: z.string().min(1).max(64).optional(),
  interval: intervalChoice.optional(),
  priceId: z.string().min(1).max(255).optional(),
  quantity: z.int().min(1).max(1_000_000).optional(),
  currency: z
    .string()
    .regex(/^[a-z]{3}$/, 'must be a currency in lower case, such as usd')
    .optional(),
  addons: addonChoice.optional(),
});
export type PlanChoice = z.infer<typeof planChoice>;

export interface ChosenPrice {
  plan: Plan;
  interval: PlanInterval;
  priceId: string;
  quantity: number;
  /** The quantity that Stripe is told: null for a price that is billed by usage alone. */
  boughtQuantity: number | null;
  /** Metered prices that come with the plan. */
  meterPrices: string[];
  addons: { price: string; quantity: number }[];
  /** Null until Stripe was asked for it. */
  currency: string | null;
}

/**
 * The catalogue's price for a choice, in the currency that it names, else in `usual` where it is sold in that; throws 400
 * `unknown_plan`, `unknown_price`, `unknown_addon` or `invalid_request`.
 */
export function chosenPrice(
  catalogue: Catalogue,
  choice: PlanChoice,
  usual: string | null = null,
): ChosenPrice {
  const { plan, interval, price } = priceChosen(catalogue, choice, usual);
  const quantity = choice.quantity ?? plan.seats?.min ?? 1;
  requireSeats(plan, quantity);
  const wanted = choice.currency ?? usual;
  const currencies = currenciesOf(price);
  const currency =
    wanted !== null && currencies.includes(wanted) ? wanted : (currencies[0] ?? null);
  const addons = chosenAddons(catalogue, { plan, interval, currency }, choice.addons);
  return {
    plan,
    interval,
    priceId: price.priceId,
    quantity,
    boughtQuantity: price.metered === true ? null : quantity,
    meterPrices: meterPricesOf(plan, interval, currency),
    addons: addons.map(({ priceId, quantity: count }) => ({ price: priceId, quantity: count })),
    currency,
  };
}

interface FoundPrice {
  plan: Plan;
  interval: PlanInterval;
  price: PlanPrice;
}

/** The price alone; throws 400 where there is none. */
export function priceChosen(
  catalogue: Catalogue,
  choice: PlanChoice,
  usual: string | null,
): FoundPrice {
  return choice.priceId === undefined
    ? byPlan(catalogue, choice, usual)
    : byPrice(catalogue, choice);
}

function byPrice(catalogue: Catalogue, choice: PlanChoice): FoundPrice {
  if (choice.plan !== undefined || choice.interval !== undefined) {
    throw new AppError('invalid_request', 'Give either priceId, or plan and interval.');
  }
  const found = planOfPrice(catalogue, choice.priceId ?? '');
  if (!found) throw new AppError('unknown_price', 'No plan has this price.');
  const { currency } = choice;
  if (currency !== undefined && !priceIn({ ...found.price, others: [] }, currency)) {
    throw notSoldIn('This price', currenciesOf(found.price), currency);
  }
  return found;
}

function byPlan(catalogue: Catalogue, choice: PlanChoice, usual: string | null): FoundPrice {
  const { plan: planId, interval: named, currency } = choice;
  const interval = named === undefined ? null : intervalOf(named);
  if (planId === undefined || interval === null) {
    throw new AppError('invalid_request', 'Give plan and interval, or priceId.');
  }
  const plan = findPlan(catalogue, planId);
  if (!plan) throw new AppError('unknown_plan', `There is no plan "${planId}".`);
  const main = plan.prices[interval];
  if (!main) throw new AppError('unknown_price', `Plan "${planId}" has no ${interval} price.`);
  const price = priceIn(main, currency ?? usual) ?? (currency === undefined ? main : null);
  if (price) return { plan, interval, price };
  const own = pricesOf(plan).filter((each) => each.interval === interval);
  const currencies = own.flatMap((each) => currenciesOf(each.price));
  throw notSoldIn(`Plan "${planId}", ${interval},`, currencies, currency ?? '');
}

function notSoldIn(what: string, currencies: readonly string[], currency: string): AppError {
  const sold = currencies.map((each) => each.toUpperCase()).join(', ');
  const words = `${what} is not sold in ${currency.toUpperCase()}; it is in ${sold}.`;
  return new AppError('unknown_price', words, {
    fields: { issues: [{ path: 'currency', message: 'not sold in this currency' }] },
  });
}

/** Throws 400 `invalid_request` when the plan is not sold in this quantity. */
export function requireSeats(plan: Plan, quantity: number): void {
  const { min = 1, max = plan.seats ? Number.MAX_SAFE_INTEGER : 1 } = plan.seats ?? {};
  if (quantity >= min && quantity <= max) return;
  throw new AppError(
    'invalid_request',
    plan.seats
      ? `Plan "${plan.id}" is sold for ${min} to ${plan.seats.max ?? 'any number of'} seats.`
      : `Plan "${plan.id}" is not sold by the seat; leave quantity out.`,
    { fields: { issues: [{ path: 'quantity', message: 'not sold in this quantity' }] } },
  );
}
