import type Stripe from 'stripe';
import { z } from 'zod';
import type { ItemChange, PhaseItem } from '../../../adapters/stripe-gateway.ts';
import type { SubscriptionRow } from '../../../db/subscriptions.ts';
import {
  addonOf,
  currenciesOf,
  itemCharge,
  meterPricesOf,
  planOfItem,
  planOfPrice,
  type Catalogue,
  type Plan,
  type PlanInterval,
} from '../../../state/catalogue.ts';
import { intervalName, intervalOf, isSameEvery, type Every } from '../../../state/intervals.ts';
import { chargeFor } from '../../../state/price-costs.ts';
import {
  planChange,
  planItem,
  positionOfFacts,
  positionOfPlan,
  type ChangeTime,
  type PlanChange,
  type PlanPosition,
} from '../../../state/plan-change.ts';
import type { ItemFacts, ItemsThen } from '../../../state/types.ts';
import { AppError } from '../../http/errors.ts';
import { wantedAddons, type WantedAddon } from '../addon-choice.ts';
import { planChoice, priceChosen, requireSeats, type PlanChoice } from '../plan-choice.ts';

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
  every: Every;
  /** Nothing differs from what the subscription is now. */
  unchanged: boolean;
  /** Changing now begins a new period: the interval is another one. */
  restartPeriod: boolean;
  /** Metered prices that belong to the wanted plan. */
  meterPrices: string[];
  /** All that there are or shall be. */
  addons: WantedAddon[];
}

/** A change that is wanted, and the moment of the quote that it was shown with. */
export interface WantedChange {
  target: PlanTarget;
  prorationDate: string | undefined;
  /** What Stripe asks for it now, where that is known already. */
  price?: Stripe.Invoice | null;
}

/** Reads a wish; throws 400 for a plan, price, add-on or number of seats that is not sold. */
export function planTarget(
  catalogue: Catalogue,
  subscription: SubscriptionRow,
  choice: ChangeChoice,
): PlanTarget {
  const { facts, state } = subscription;
  const { currency } = facts;
  const item = planItem(catalogue, facts);
  const current = positionOfFacts(catalogue, facts);
  if (!item || !current) throw new Error(`Subscription ${subscription.id} has no items`);
  requireCurrency(choice.currency, currency);
  const wanted = wantedPlan(catalogue, { item, currency }, choice);
  requireCurrencyOf(catalogue, wanted.priceId, currency);
  const position = positionWanted(catalogue, { item, current, currency }, wanted);
  const every = { interval: position.interval, count: position.intervalCount };
  const before = { interval: item.interval, count: item.intervalCount };
  const interval = intervalName(every);
  const addons = wantedAddons(
    catalogue,
    { plan: wanted.plan, interval, currency, before: intervalName(before), items: facts.items },
    choice.addons,
  );
  const metered =
    planOfPrice(catalogue, wanted.priceId)?.price.metered ??
    (item.metered && wanted.priceId === item.priceId);
  const quantity = metered ? null : wanted.quantity;
  const samePlan = wanted.priceId === item.priceId && (quantity ?? item.quantity) === item.quantity;
  const { when } = choice;
  const change = samePlan
    ? addonChange(catalogue, { state, currency, addons, when })
    : planChange({ current: { ...current, state }, target: position, when });
  return {
    ...change,
    item,
    priceId: wanted.priceId,
    quantity,
    seatsKept: choice.quantity === undefined,
    every,
    unchanged: samePlan && addons.every(isAsItIs),
    restartPeriod: change.effective === 'now' && change.prorate && !isSameEvery(every, before),
    meterPrices: wanted.plan ? meterPricesOf(wanted.plan, interval, currency) : [],
    addons,
  };
}

const isAsItIs = ({ item, priceId, quantity }: WantedAddon) =>
  item !== null && item.priceId === priceId && (item.quantity ?? 1) === quantity;

/** More of what is bought beside the plan is charged at once, less of it ends with the period. */
function addonChange(
  catalogue: Catalogue,
  wanted: {
    state: SubscriptionRow['state'];
    currency: string;
    addons: readonly WantedAddon[];
    when: ChangeTime | undefined;
  },
): PlanChange {
  const { state, currency, addons, when } = wanted;
  const none = { rank: null, interval: 'month', intervalCount: 1, quantity: 1 } as const;
  const position = (amounts: (number | null)[]): PlanPosition => ({
    ...none,
    amount: amounts.reduce<number>((sum, amount) => sum + (amount ?? 0), 0),
  });
  const before = addons.map(({ item }) => (item ? itemCharge(catalogue, item, currency) : 0));
  const after = addons.map(({ priceId, quantity }) => {
    const costs = catalogue.costs?.get(priceId);
    return costs && quantity > 0 ? chargeFor(costs, { quantity, currency }) : 0;
  });
  return planChange({ current: { ...position(before), state }, target: position(after), when });
}

/** What the subscription shall hold of what we sell with a quantity: the plan, and the add-ons. */
export function wantedEntries(target: PlanTarget): ItemsThen['items'] {
  const bought = target.addons.filter(({ quantity }) => quantity > 0);
  return [
    { priceId: target.priceId, quantity: target.quantity },
    ...bought.map(({ priceId, quantity }) => ({ priceId, quantity })),
  ];
}

/** Whether what a subscription holds, or will hold, is what is wanted. */
export function holdsWanted(
  catalogue: Catalogue,
  entries: ItemsThen['items'],
  target: PlanTarget,
): boolean {
  const wanted = wantedEntries(target);
  const addons = entries.filter(
    ({ priceId }) => addonOf(catalogue, { priceId, productId: null }) !== null,
  );
  return (
    addons.length === wanted.length - 1 &&
    wanted.every(({ priceId, quantity }) =>
      entries.some(
        (entry) =>
          entry.priceId === priceId && (quantity === null || (entry.quantity ?? 1) === quantity),
      ),
    )
  );
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
    ...target.addons.flatMap(addonItemChange),
  ];
}

function addonItemChange(wanted: WantedAddon): ItemChange[] {
  const { item, priceId: price, quantity } = wanted;
  if (isAsItIs(wanted)) return [];
  if (!item) return [{ price, quantity }];
  return [quantity === 0 ? { id: item.id, deleted: true } : { id: item.id, price, quantity }];
}

/** The items of the next period, for a schedule: what is not named there ends. */
export function nextPhaseItems(
  catalogue: Catalogue,
  subscription: SubscriptionRow,
  target: PlanTarget,
): PhaseItem[] {
  const addons = new Set(target.addons.map(({ item }) => item?.id));
  const kept = subscription.facts.items.filter(
    ({ id, priceId }) =>
      id !== target.item.id &&
      !addons.has(id) &&
      !isMeterPrice(catalogue, priceId) &&
      !target.meterPrices.includes(priceId),
  );
  const [plan, ...bought] = wantedEntries(target);
  return [
    { price: target.priceId, quantity: plan?.quantity ?? undefined },
    ...[...bought, ...kept].map(({ priceId, quantity }) => ({
      price: priceId,
      quantity: quantity ?? undefined,
    })),
    ...target.meterPrices.map((price) => ({ price })),
  ];
}

/** Stripe bills a subscription in the currency that it began with. */
function requireCurrency(asked: string | undefined, currency: string): void {
  if (asked === undefined || asked === currency) return;
  throw otherCurrency(
    `The subscription is billed in ${currency.toUpperCase()} and keeps its currency; ${asked.toUpperCase()} is only possible with a new subscription, after the end of this one.`,
  );
}

function requireCurrencyOf(catalogue: Catalogue, priceId: string, currency: string): void {
  const price = planOfPrice(catalogue, priceId)?.price;
  const sold = price ? currenciesOf(price) : [];
  if (sold.length === 0 || sold.includes(currency)) return;
  const words = sold.map((each) => each.toUpperCase()).join(', ');
  throw otherCurrency(
    `The subscription is billed in ${currency.toUpperCase()}; this price is in ${words}.`,
  );
}

function otherCurrency(words: string): AppError {
  return new AppError('invalid_request', words, {
    fields: { issues: [{ path: 'plan', message: 'sold in another currency' }] },
  });
}

interface Wanted {
  priceId: string;
  quantity: number;
  plan: Plan | null;
}

interface Present {
  item: ItemFacts;
  currency: string;
}

function wantedPlan(
  catalogue: Catalogue,
  { item, currency }: Present,
  choice: ChangeChoice,
): Wanted {
  const { plan, interval, priceId } = choice;
  const known = planOfItem(catalogue, item);
  const seats = item.quantity ?? 1;
  if (plan === undefined && interval === undefined && priceId === undefined) {
    if (choice.quantity === undefined && choice.addons === undefined) {
      throw new AppError(
        'invalid_request',
        'Give plan and interval, priceId, quantity, or addons.',
      );
    }
    if (known && choice.quantity !== undefined) requireSeats(known.plan, choice.quantity);
    const quantity = choice.quantity ?? seats;
    return { priceId: item.priceId, quantity, plan: known?.plan ?? null };
  }
  const wanted = ownPrice(known, item, choice) ?? soldPrice(catalogue, choice, currency);
  const quantity = choice.quantity ?? seatsKept(wanted.plan, item) ?? wanted.plan.seats?.min ?? 1;
  requireSeats(wanted.plan, quantity);
  return { priceId: wanted.priceId, quantity, plan: wanted.plan };
}

function soldPrice(catalogue: Catalogue, choice: ChangeChoice, currency: string) {
  const { plan, price } = priceChosen(catalogue, choice, currency);
  return { plan, priceId: price.priceId };
}

/** Who has a plan at a price of their own, or one from before, keeps it with the plan and its interval. */
function ownPrice(
  known: { plan: Plan; interval: PlanInterval } | null,
  { priceId }: ItemFacts,
  { plan, interval }: ChangeChoice,
): { plan: Plan; priceId: string } | null {
  if (!known || plan !== known.plan.id || interval === undefined) return null;
  return intervalOf(interval) === known.interval ? { plan: known.plan, priceId } : null;
}

/** Seats stay as they are where the wanted plan is sold by the seat, within its limits. */
function seatsKept({ seats }: Plan, { quantity }: ItemFacts): number | undefined {
  if (!seats || quantity === null) return undefined;
  return Math.min(Math.max(quantity, seats.min ?? 1), seats.max ?? Infinity);
}

function positionWanted(
  catalogue: Catalogue,
  { item, current, currency }: Present & { current: PlanPosition },
  { priceId, quantity }: Wanted,
): PlanPosition {
  if (priceId === item.priceId) return { ...current, quantity };
  const found = planOfPrice(catalogue, priceId);
  const wanted = found && { plan: found.plan.id, interval: found.interval, quantity, currency };
  return (wanted && positionOfPlan(catalogue, wanted)) ?? { ...current, quantity };
}

function isMeterPrice(catalogue: Catalogue, priceId: string): boolean {
  return catalogue.plans.some((plan) => plan.meters?.some((meter) => meter.priceId === priceId));
}
