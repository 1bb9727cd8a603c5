import { addGrant, revokeGrant, unrevokeGrant } from '../../../db/grants.ts';
import { addressed, enqueueEffects } from '../../../db/outbox.ts';
import { returnsOfCharge } from '../../../db/payment-returns.ts';
import {
  addPurchase,
  findPurchase,
  purchaseOfCharge,
  setPurchaseStatus,
} from '../../../db/purchases.ts';
import type { Db } from '../../../db/database.ts';
import type Stripe from 'stripe';
import { markedAccount } from '../../../state/ownership.ts';
import {
  creditEffect,
  creditOfPurchase,
  grantOfPurchase,
  hostMetadata,
  purchaseEffect,
  statusAfter,
  type Purchase,
} from '../../../state/purchases.ts';
import type { CoreServices } from '../../lib/services.ts';
import { isDelayedMethod } from '../saved-card.ts';

type Parts = Pick<CoreServices, 'access' | 'catalogue' | 'config' | 'database'>;

/**
 * Stores what a paid Checkout session bought, gives what its product grants, and tells the team's system: once,
 * however often it is called. null while it is not paid, or when it is of no product of this deployment.
 */
export async function recordPurchase(
  parts: Parts,
  session: Stripe.Checkout.Session,
  { causeId, now }: { causeId: string; now: number },
): Promise<Purchase | null> {
  const purchase = purchaseOf(parts, session, now);
  if (!purchase) return null;
  const product = parts.catalogue.products.find(({ id }) => id === purchase.product);
  const customerId = idOf(session.customer);
  const stored = await parts.database.knex.transaction(async (trx) => {
    if (await addPurchase(trx, purchase)) {
      const grant = grantOfPurchase(purchase, product);
      if (grant) await addGrant(trx, grant);
      const effects = [
        purchaseEffect(purchase, customerId),
        creditEffect(purchase, { customerId, causeId }) ?? [],
      ].flat();
      const caused = effects.map((effect) => ({ ...effect, causeId }));
      await enqueueEffects(trx, addressed(parts.config.receivers, caused), Date.now());
    }
    await applyReturns(trx, purchase.chargeId, {
      customerId,
      causeId: `${causeId}:returns`,
    });
    return findPurchase(trx, purchase.id);
  });
  parts.access.invalidate(purchase.accountId);
  return stored;
}

/** Takes back what a purchase gave when its money has come back, and gives it again when a dispute is won. */
export async function applyReturns(
  db: Db,
  chargeId: string | null,
  told: { customerId: string | null; causeId: string },
): Promise<Purchase | null> {
  const purchase = chargeId === null ? null : await purchaseOfCharge(db, chargeId);
  if (!purchase || chargeId === null) return null;
  const status = statusAfter(purchase, await returnsOfCharge(db, chargeId));
  if (status === purchase.status) return purchase;
  await setPurchaseStatus(db, purchase.id, status);
  const grant = `grant_${purchase.id}`;
  if (status === 'returned') await revokeGrant(db, grant, Date.now());
  else await unrevokeGrant(db, grant);
  const credit = creditEffect(purchase, told);
  if (credit) await enqueueEffects(db, [{ ...credit, causeId: told.causeId }], Date.now());
  return { ...purchase, status };
}

function purchaseOf(
  { config, catalogue }: Parts,
  session: Stripe.Checkout.Session,
  now: number,
): Purchase | null {
  const metadata = session.metadata ?? {};
  const accountId = markedAccount(metadata, config.ownership);
  const { product, quantity } = metadata;
  const isPaid = session.payment_status !== 'unpaid' && session.status === 'complete';
  if (accountId === null || product === undefined || !isPaid || session.mode !== 'payment') {
    return null;
  }
  const intent = session.payment_intent;
  const charge = typeof intent === 'string' ? null : (intent?.latest_charge ?? null);
  const bought = { product, quantity: Number(quantity ?? 1), paidAt: paidAt(charge, now) };
  return {
    ...bought,
    id: session.id,
    accountId,
    amount: session.amount_total ?? 0,
    currency: session.currency ?? '',
    chargeId: idOf(charge),
    metadata: hostMetadata(metadata, config.ownership.metadataKeys),
    status: 'paid',
    credit: creditOfPurchase(catalogue, bought),
  };
}

/** When it was paid, in ms. Of what comes days later, and of what costs nothing, Stripe keeps no time: it is when it is seen. */
function paidAt(charge: string | Stripe.Charge | null, now: number): number {
  if (charge === null || typeof charge === 'string') return now;
  const type = charge.payment_method_details?.type ?? '';
  return isDelayedMethod(type) ? now : charge.created * 1000;
}

function idOf(value: string | { id: string } | null | undefined): string | null {
  return typeof value === 'string' ? value : (value?.id ?? null);
}
