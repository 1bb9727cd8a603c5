import type Stripe from 'stripe';
import { z } from 'zod';
import type { ItemChange, PhaseItem } from '../../../adapters/stripe-gateway.ts';
import type { SubscriptionRow } from '../../../db/subscriptions.ts';
import { meterPricesOf, planOfPrice, type Catalogue, type Plan } from '../../../state/catalogue.ts';
import {
  planChange,
  planItem,
  positionOfFacts,
  positionOfPlan,
  type ChangeTime,
  type PlanChange,
  type PlanPosition,
} from '../../../state/plan-change.ts';
import type { ItemFacts } from '../../../state/types.ts';
import { AppError } from '../../http/errors.ts';
import { chosenPrice, planChoice, requireSeats, type PlanChoice } from '../plan-choice.ts';

/** What preview and change take: a plan, a price or a number of seats, and when. */
export const changeChoice = planChoice.extend({ when: z.enum(['now', 'period_end']).optional() });
export type ChangeChoice = PlanChoice & { when?: ChangeTime | undefined };

/** A wish for a subscription, weighed against what it is now. */
export interface PlanTarget extends PlanChange {
  /** The item that carries the plan. */
  item: ItemFacts;
  priceId: string;
  /** Null for a metered price. */
  quantity: number | null;
  /** The wish names no number of seats; those that are there stay. */
  seatsKept: boolean;
  interval: 'month' | 'year';
  /** Nothing differs from what the subscription is now. */
  unchanged: boolean;
  /** Changing now begins a new period: the interval is another one. */
  restartPeriod: boolean;
  /** Metered prices that belong to the wanted plan. */
  meterPrices: string[];
}

/** A change that is wanted, and the moment of the quote that it was shown with. */
export interface WantedChange {
  target: PlanTarget;
  prorationDate: string | undefined;
  /** What Stripe asks for it now, where that is known already. */
  price?: Stripe.Invoice | null;
}

/** Reads a wish; throws 400 for a plan, price or number of seats that is not sold. */
export function planTarget(
  catalogue: Catalogue,
  subscription: SubscriptionRow,
  choice: ChangeChoice,
): PlanTarget {
  const { facts, state } = subscription;
  const item = planItem(catalogue, facts);
  const current = positionOfFacts(catalogue, facts);
  if (!item || !current) throw new Error(`Subscription ${subscription.id} has no items`);
  const wanted = wantedPlan(catalogue, item, choice);
  requireCurrency(catalogue, wanted.priceId, facts.currency);
  const position = positionWanted(catalogue, current, wanted);
  const change = planChange({
    current: { ...current, state },
    target: position,
    when: choice.when,
  });
  const interval = position.interval === 'year' ? 'year' : 'month';
  const metered =
    planOfPrice(catalogue, wanted.priceId)?.price.metered ??
    (item.metered && wanted.priceId === item.priceId);
  const quantity = metered ? null : wanted.quantity;
  return {
    ...change,
    item,
    priceId: wanted.priceId,
    quantity,
    seatsKept: choice.quantity === undefined,
    interval,
    unchanged: wanted.priceId === item.priceId && (quantity ?? item.quantity) === item.quantity,
    restartPeriod:
      change.effective === 'now' && change.prorate && position.interval !== current.interval,
    meterPrices: wanted.plan
      ? meterPricesOf(wanted.plan, interval === 'year' ? 'yearly' : 'monthly')
      : [],
  };
}

/** What is asked of Stripe for a change now. Metered items go with their plan. */
export function itemChanges(
  catalogue: Catalogue,
  subscription: SubscriptionRow,
  target: PlanTarget,
): ItemChange[] {
  const plan: ItemChange = {
    id: target.item.id,
    price: target.priceId,
    ...(target.quantity === null ? {} : { quantity: target.quantity }),
  };
  const others = subscription.facts.items.filter(({ id }) => id !== target.item.id);
  const gone = others.filter(
    ({ priceId }) => isMeterPrice(catalogue, priceId) && !target.meterPrices.includes(priceId),
  );
  const added = target.meterPrices.filter(
    (price) => !others.some(({ priceId }) => priceId === price),
  );
  return [
    plan,
    ...gone.map(({ id }) => ({ id, deleted: true })),
    ...added.map((price) => ({ price })),
  ];
}

/** The items of the next period, for a schedule: what is not named there ends. */
export function nextPhaseItems(
  catalogue: Catalogue,
  subscription: SubscriptionRow,
  target: PlanTarget,
): PhaseItem[] {
  const kept = subscription.facts.items.filter(
    ({ id, priceId }) =>
      id !== target.item.id &&
      !isMeterPrice(catalogue, priceId) &&
      !target.meterPrices.includes(priceId),
  );
  return [
    { price: target.priceId, quantity: target.quantity ?? undefined },
    ...kept.map(({ priceId, quantity }) => ({ price: priceId, quantity: quantity ?? undefined })),
    ...target.meterPrices.map((price) => ({ price })),
  ];
}

/** Stripe bills a subscription in the currency that it began with. */
function requireCurrency(catalogue: Catalogue, priceId: string, currency: string): void {
  const wanted = planOfPrice(catalogue, priceId)?.price.currency;
  if (!wanted || wanted === currency) return;
  throw new AppError(
    'invalid_request',
    `The subscription is billed in ${currency.toUpperCase()}; this price is in ${wanted.toUpperCase()}.`,
    { fields: { issues: [{ path: 'plan', message: 'sold in another currency' }] } },
  );
}

interface Wanted {
  priceId: string;
  quantity: number;
  plan: Plan | null;
}

function wantedPlan(catalogue: Catalogue, item: ItemFacts, choice: ChangeChoice): Wanted {
  const { plan, interval, priceId } = choice;
  const known = planOfPrice(catalogue, item.priceId);
  if (plan === undefined && interval === undefined && priceId === undefined) {
    if (choice.quantity === undefined) {
      throw new AppError('invalid_request', 'Give plan and interval, priceId, or quantity.');
    }
    if (known) requireSeats(known.plan, choice.quantity);
    return { priceId: item.priceId, quantity: choice.quantity, plan: known?.plan ?? null };
  }
  const quantity = choice.quantity ?? seatsKept(catalogue, item, choice);
  const chosen = chosenPrice(catalogue, { plan, interval, priceId, quantity });
  return { priceId: chosen.priceId, quantity: chosen.quantity, plan: chosen.plan };
}

/** Seats stay as they are where the wanted plan is sold by the seat, within its limits. */
function seatsKept(
  catalogue: Catalogue,
  item: ItemFacts,
  choice: ChangeChoice,
): number | undefined {
  const { quantity: _quantity, when: _when, ...named } = choice;
  const { seats } = chosenPrice(catalogue, named).plan;
  if (!seats || item.quantity === null) return undefined;
  return Math.min(Math.max(item.quantity, seats.min ?? 1), seats.max ?? Infinity);
}

function positionWanted(
  catalogue: Catalogue,
  current: PlanPosition,
  { priceId, quantity }: Wanted,
): PlanPosition {
  const found = planOfPrice(catalogue, priceId);
  const position =
    found && positionOfPlan(catalogue, { plan: found.plan.id, interval: found.interval, quantity });
  return position ?? { ...current, quantity };
}

function isMeterPrice(catalogue: Catalogue, priceId: string): boolean {
  return catalogue.plans.some((plan) => plan.meters?.some((meter) => meter.priceId === priceId));
}
