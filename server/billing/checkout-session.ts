import { createHash } from 'node:crypto';
import type Stripe from 'stripe';
import { isGatewayError } from '../../adapters/stripe-gateway.ts';
import { currenciesOf, pricesOf } from '../../state/catalogue.ts';
import { markedAccount } from '../../state/ownership.ts';
import { AppError } from '../http/errors.ts';
import type { Services } from '../lib/services.ts';
import { wishedPage, type WishedPage } from './checkout-page.ts';
import type { ChosenPrice } from './plan-choice.ts';

/** What the customer wants to buy; two checkouts of the same are one. */
export interface CheckoutWish {
  customerId: string;
  userId: string;
  priceId: string;
  /** Null for a price that is billed by usage alone. */
  quantity: number | null;
  /** Metered prices that come with the plan. */
  meterPrices: string[];
  addons: { price: string; quantity: number }[];
  /** Null where the price is sold in one currency, or it is not known. */
  currency: string | null;
  trialDays: number | null;
  promotionCodeId: string | null;
  /** What the caller says of the page; as usual without it. */
  page?: WishedPage;
}

/** What a chosen price is at Stripe, for one customer. */
export function wishFor(
  { plan, priceId, boughtQuantity: quantity, meterPrices, addons, currency: chosen }: ChosenPrice,
  buyer: Pick<CheckoutWish, 'customerId' | 'userId' | 'trialDays' | 'promotionCodeId' | 'page'>,
): CheckoutWish {
  const price = pricesOf(plan).find((each) => each.price.priceId === priceId)?.price;
  const currency = price && currenciesOf(price).length > 1 ? chosen : null;
  return { ...buyer, priceId, quantity, meterPrices, addons, currency };
}

export interface Opening {
  idempotencyKey: string;
  /** The customer was made just now, and has no open session. */
  isNew?: boolean;
  /** Asked before a session is made; throws where none may be. */
  beforeNew?: () => Promise<void>;
}

/** Checkouts of one customer are opened one after another in this process. */
const queues = new Map<string, Promise<unknown>>();

/**
 * One open Checkout session per customer, so that two tabs cannot buy two subscriptions: the same
 * wish gets the open session again, another wish replaces it. Another process may open one in
 * between, so after opening one everything else is expired; the newest session stays.
 */
export async function openCheckout(
  services: Services,
  wish: CheckoutWish,
  { idempotencyKey, isNew = false, beforeNew }: Opening,
): Promise<{ id: string; url: string }> {
  return inTurn(wish.customerId, async () => {
    const open = isNew ? [] : await services.stripe.openCheckouts(wish.customerId);
    const same = open.find(
      (session) => isOwn(services, session, wish.userId) && isSame(session, wish),
    );
    if (!same && !isNew) await beforeNew?.();
    const chosen = same ?? (await create(services, wish, idempotencyKey));
    const all = same ? open : await services.stripe.openCheckouts(wish.customerId);
    await expireOthers(services, all, chosen);
    if (!chosen.url) throw new Error(`Checkout session ${chosen.id} has no URL`);
    return { id: chosen.id, url: chosen.url };
  });
}

function create(
  services: Services,
  wish: CheckoutWish,
  idempotencyKey: string,
): Promise<Stripe.Checkout.Session> {
  const { automaticTax, trial } = services.config;
  const { page, ...bought } = wish;
  return services.stripe.createSubscriptionCheckout(
    {
      ...bought,
      page: (page ?? wishedPage(services.config, { metadata: {} })).page,
      wish: fingerprint(wish),
      trialEnd: trial.endWithoutMethod,
      automaticTax,
    },
    idempotencyKey,
  );
}

/** Closes every page on which this customer could still subscribe. Throws 409 when they did so just now. */
export function expireOpenCheckouts(services: Services, customerId: string): Promise<void> {
  return inTurn(customerId, async () => {
    const open = await services.stripe.openCheckouts(customerId);
    await expireOthers(services, open, null);
  });
}

async function expireOthers(
  services: Services,
  sessions: Stripe.Checkout.Session[],
  chosen: Stripe.Checkout.Session | null,
): Promise<void> {
  const others = sessions.filter(
    ({ id, mode, created, metadata }) =>
      mode === 'subscription' &&
      // Another program may sell something to the same customer.
      markedAccount(metadata ?? {}, services.config.ownership) !== null &&
      (!chosen || (id !== chosen.id && created <= chosen.created)),
  );
  for (const { id } of others) {
    try {
      await services.stripe.expireCheckout(id);
    } catch (error) {
      if (!isGatewayError(error, 'invalid')) throw error;
      // It is not open any more. Expired is what was wanted; paid means: they subscribed in the other tab.
      const session = await services.stripe.retrieveCheckout(id);
      if (session.status !== 'complete') continue;
      if (chosen) await services.stripe.expireCheckout(chosen.id);
      throw new AppError('already_subscribed', 'Another checkout was completed a moment ago.');
    }
  }
}

/** Whether we opened a page for this account: other programs and deployments may sell to the same customer. */
export function isOwn(
  { config }: Pick<Services, 'config'>,
  { metadata }: Stripe.Checkout.Session,
  accountId: string,
): boolean {
  return markedAccount(metadata ?? {}, config.ownership) === accountId;
}

function isSame(session: Stripe.Checkout.Session, wish: CheckoutWish): boolean {
  return session.metadata?.['wish'] === fingerprint(wish);
}

function fingerprint(wish: CheckoutWish): string {
  const { priceId, quantity, trialDays, promotionCodeId, meterPrices, addons, currency } = wish;
  const beside = [...meterPrices, ...addons.map((each) => `${each.price} × ${each.quantity}`)];
  const words = [priceId, quantity, trialDays, promotionCodeId, ...beside];
  const all = currency === null ? words : [...words, currency];
  return digested(all.join('|') + (wish.page?.words ?? ''));
}

/** Metadata hold 500 characters. */
export function digested(words: string): string {
  return words.length <= 500 ? words : createHash('sha256').update(words).digest('hex');
}

async function inTurn<T>(key: string, task: () => Promise<T>): Promise<T> {
  const before = queues.get(key) ?? Promise.resolve();
  const mine = before.then(task, task);
  const settled = mine.catch(() => undefined);
  queues.set(key, settled);
  try {
    return await mine;
  } finally {
    if (queues.get(key) === settled) queues.delete(key);
  }
}
