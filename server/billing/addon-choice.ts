import { z } from 'zod';
import {
  addonOf,
  priceIn,
  type Addon,
  type Catalogue,
  type Plan,
  type PlanInterval,
} from '../../state/catalogue.ts';
import type { ItemFacts } from '../../state/types.ts';
import { AppError } from '../http/errors.ts';

/** How many of which add-on, by id; 0 takes one off. */
export const addonChoice = z
  .record(z.string().min(1).max(64), z.int().min(0).max(1_000_000))
  .refine((addons) => Object.keys(addons).length <= 15, 'can name 15 add-ons')
  .describe('How many of each add-on there shall be; 0 takes it off, what is not named stays');
type AddonChoice = z.infer<typeof addonChoice>;

/** An add-on as it shall be on a subscription. */
export interface WantedAddon {
  addon: Addon;
  /** The item that it is now; null for one that is added. */
  item: ItemFacts | null;
  priceId: string;
  /** 0 takes it off. */
  quantity: number;
}

interface Sale {
  plan: Plan | null;
  interval: PlanInterval;
  currency: string | null;
}

/** The add-ons of a new subscription; throws 400 for what is not sold with the plan. */
export function chosenAddons(
  catalogue: Catalogue,
  sale: Sale,
  wanted: AddonChoice = {},
): WantedAddon[] {
  return wantedAddons(catalogue, { ...sale, before: sale.interval, items: [] }, wanted);
}

/**
 * Every add-on that there is or shall be. What stays keeps its price, unless the plan goes over to another interval: then it
 * goes along. Throws 400 for what is not sold with the plan.
 */
export function wantedAddons(
  catalogue: Catalogue,
  sale: Sale & { before: PlanInterval; items: readonly ItemFacts[] },
  wanted: AddonChoice = {},
): WantedAddon[] {
  for (const id of Object.keys(wanted)) {
    if (catalogue.addons?.some((addon) => addon.id === id)) continue;
    throw new AppError('unknown_addon', `There is no add-on "${id}".`);
  }
  return (catalogue.addons ?? []).flatMap((addon): WantedAddon[] => {
    const item = sale.items.find((each) => addonOf(catalogue, each)?.id === addon.id) ?? null;
    const quantity = wanted[addon.id] ?? item?.quantity ?? (item ? 1 : 0);
    if (quantity === 0) {
      return item ? [{ addon, item, priceId: item.priceId, quantity }] : [];
    }
    requireSold(addon, { plan: sale.plan, quantity, isNamed: wanted[addon.id] !== undefined });
    const stays = item !== null && sale.before === sale.interval;
    return [{ addon, item, priceId: stays ? item.priceId : priceFor(addon, sale), quantity }];
  });
}

function requireSold(
  addon: Addon,
  { plan, quantity, isNamed }: { plan: Plan | null; quantity: number; isNamed: boolean },
): void {
  if (plan && addon.plans && !addon.plans.includes(plan.id)) {
    throw refused(addon, `does not go with plan "${plan.id}"`);
  }
  const { max = 1 } = addon;
  // Who has more keeps them.
  if (isNamed && quantity > max) throw refused(addon, `is sold ${max} times at most`, false);
}

function priceFor(addon: Addon, { interval, currency }: Sale): string {
  const main = addon.prices[interval];
  if (!main) throw refused(addon, `is not sold ${interval}`);
  const price = priceIn(main, currency);
  if (!price) throw refused(addon, `is not sold in ${(currency ?? '').toUpperCase()}`);
  if (price.archived === true) throw refused(addon, 'is not sold any more', false);
  return price.priceId;
}

function refused({ id }: Addon, why: string, canGo = true): AppError {
  const way = canGo ? `; take it off with "addons": {"${id}": 0}` : '';
  return new AppError('invalid_request', `Add-on "${id}" ${why}${way}.`, {
    fields: { issues: [{ path: `addons.${id}`, message: why }] },
  });
}
