import { z } from 'zod';
import {
  findPlan,
  meterPricesOf,
  planOfPrice,
  priceOf,
  type Catalogue,
  type Plan,
} from '../../state/catalogue.ts';
import { AppError } from '../http/errors.ts';

/** `{plan, interval}` or `{priceId}`, as every command that chooses a plan takes it. */
export const planChoice = z.strictObject({
  plan: z.string().min(1).max(64).optional(),
  interval: z.enum(['monthly', 'yearly']).optional(),
  priceId: z.string().min(1).max(255).optional(),
  quantity: z.int().min(1).max(1_000_000).optional(),
});
export type PlanChoice = z.infer<typeof planChoice>;

export interface ChosenPrice {
  plan: Plan;
  interval: 'monthly' | 'yearly';
  priceId: string;
  quantity: number;
  /** The quantity that Stripe is told: null for a price that is billed by usage alone. */
  boughtQuantity: number | null;
  /** Metered prices that come with the plan. */
  meterPrices: string[];
  /** Null until Stripe was asked for it. */
  currency: string | null;
}

/** The catalogue's price for a choice; throws 400 `unknown_plan`, `unknown_price` or `invalid_request`. */
export function chosenPrice(catalogue: Catalogue, choice: PlanChoice): ChosenPrice {
  const found =
    choice.priceId === undefined ? byPlan(catalogue, choice) : byPrice(catalogue, choice);
  const quantity = choice.quantity ?? found.plan.seats?.min ?? 1;
  requireSeats(found.plan, quantity);
  const price = found.plan.prices[found.interval];
  const metered = price?.metered === true;
  return {
    ...found,
    quantity,
    boughtQuantity: metered ? null : quantity,
    meterPrices: meterPricesOf(found.plan, found.interval),
    currency: price?.currency ?? null,
  };
}

type FoundPrice = Pick<ChosenPrice, 'plan' | 'interval' | 'priceId'>;

function byPrice(catalogue: Catalogue, choice: PlanChoice): FoundPrice {
  if (choice.plan !== undefined || choice.interval !== undefined) {
    throw new AppError('invalid_request', 'Give either priceId, or plan and interval.');
  }
  const found = planOfPrice(catalogue, choice.priceId ?? '');
  if (!found) throw new AppError('unknown_price', 'No plan has this price.');
  return { plan: found.plan, interval: found.interval, priceId: found.price.priceId };
}

function byPlan(catalogue: Catalogue, choice: PlanChoice): FoundPrice {
  const { plan: planId, interval } = choice;
  if (planId === undefined || interval === undefined) {
    throw new AppError('invalid_request', 'Give plan and interval, or priceId.');
  }
  const plan = findPlan(catalogue, planId);
  if (!plan) throw new AppError('unknown_plan', `There is no plan "${planId}".`);
  const price = priceOf(catalogue, planId, interval);
  if (!price) throw new AppError('unknown_price', `Plan "${planId}" has no ${interval} price.`);
  return { plan, interval, priceId: price.priceId };
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
