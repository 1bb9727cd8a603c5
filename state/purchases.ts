/** Something that was bought once: what it gives, and what becomes of that when its money comes back. */
import { pricesOfMeter, type Catalogue, type OneTimeProduct } from './catalogue.ts';
import { webhookEffect, type Effect } from './effect-kinds.ts';
import type { EventFacts } from './event-facts.ts';
import type { Grant } from './grants.ts';
import { markedAccount, type OwnershipRules } from './ownership.ts';
import { amountReturned, type MoneyReturn } from './returns.ts';

export interface Purchase {
  /** The Checkout session that paid for it. */
  id: string;
  accountId: string;
  /** Product id of the catalogue. */
  product: string;
  quantity: number;
  /** Minor units, as paid: after discounts, with tax. */
  amount: number;
  currency: string;
  /** null where nothing was due. */
  chargeId: string | null;
  /** Of the Checkout session, without what we write ourselves. */
  metadata: Record<string, string>;
  /** ms since the epoch. */
  paidAt: number;
  /** `returned` while all of its money has come back, or is disputed. */
  status: 'paid' | 'returned';
  credit: PrepaidCredit | null;
}

/** Credit for usage, as it was sold. */
export interface PrepaidCredit {
  name: string;
  /** Minor units of the currency that was paid in. */
  amount: number;
  /** The metered prices that it pays for; null for every one. */
  priceIds: string[] | null;
  /** ms since the epoch; null for never. */
  expiresAt: number | null;
}

const DAY = 86_400_000;
const OWN_METADATA = /^(tenure_|wish$|product$|quantity$)/;

/** Whether an event tells that something of ours was bought once. */
export function tellsPurchase(
  { type, checkout }: Pick<EventFacts, 'type' | 'checkout'>,
  rules: OwnershipRules,
): boolean {
  const isPaid =
    type === 'checkout.session.completed' || type === 'checkout.session.async_payment_succeeded';
  if (!isPaid || checkout?.mode !== 'payment') return false;
  return (
    checkout.metadata['product'] !== undefined && markedAccount(checkout.metadata, rules) !== null
  );
}

/** The metadata that the host gave. */
export function hostMetadata(
  metadata: Record<string, string>,
  ownKeys: readonly string[],
): Record<string, string> {
  const kept = Object.entries(metadata).filter(
    ([key]) => !OWN_METADATA.test(key) && !ownKeys.includes(key),
  );
  return Object.fromEntries(kept);
}

/** What a purchase gives its account; null when the product gives nothing here. Added limits count once for each. */
export function grantOfPurchase(
  purchase: Purchase,
  product: OneTimeProduct | undefined,
): Omit<Grant, 'revokedAt'> | null {
  if (!product?.grants) return null;
  const { plan = null, features = [], limits = {}, combine = 'best', days } = product.grants;
  const times = combine === 'add' ? purchase.quantity : 1;
  const total = Object.entries(limits).map(([name, limit]): [string, number | null] => [
    name,
    limit === null ? null : limit * times,
  ]);
  return {
    id: `grant_${purchase.id}`,
    accountId: purchase.accountId,
    plan,
    features,
    limits: Object.fromEntries(total),
    combine,
    source: 'purchase',
    reason: product.name,
    grantedBy: purchase.id,
    createdAt: purchase.paidAt,
    endsAt: days === undefined ? null : purchase.paidAt + days * DAY,
  };
}

/** The prepaid credit that a purchase of the product brings; null for none. */
export function creditOfPurchase(
  catalogue: Catalogue,
  { product: id, quantity, paidAt }: Pick<Purchase, 'product' | 'quantity' | 'paidAt'>,
): PrepaidCredit | null {
  const product = catalogue.products.find((each) => each.id === id);
  if (!product?.credit) return null;
  const { amount, meter, days } = product.credit;
  return {
    name: product.name,
    amount: amount * quantity,
    priceIds: meter === undefined ? null : pricesOfMeter(catalogue, meter),
    expiresAt: days === undefined ? null : paidAt + days * DAY,
  };
}

/** Gives or takes back the prepaid credit of a purchase; null where it brought none. */
export function creditEffect(
  { id, credit }: Pick<Purchase, 'id' | 'credit'>,
  { customerId, causeId }: { customerId: string | null; causeId: string },
): Effect | null {
  if (credit === null || customerId === null) return null;
  const payload = { purchaseId: id, customerId };
  return { objectId: `${id}:${causeId}`, kind: 'credit.settle', payload };
}

/** What the returns of its charge make of a purchase. A part that was refunded changes nothing. */
export function statusAfter(
  { amount }: Pick<Purchase, 'amount'>,
  returns: readonly MoneyReturn[],
): Purchase['status'] {
  return amount > 0 && amountReturned(returns) >= amount ? 'returned' : 'paid';
}

/** What the team's own system is told of a purchase. */
export function purchaseEffect(purchase: Purchase, customerId: string | null): Effect {
  const { id, accountId, product, quantity, amount, currency, metadata, paidAt } = purchase;
  const data = { id, userId: accountId, customerId, product, quantity, amount, currency, metadata };
  return webhookEffect('purchase.completed', id, { at: paidAt, data });
}
