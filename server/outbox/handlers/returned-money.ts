import { findCustomerByStripeId } from '../../../db/customers.ts';
import { addressed, enqueueEffects } from '../../../db/outbox.ts';
import {
  returnsOfSubscription,
  saveRestriction,
  saveReturns,
} from '../../../db/payment-returns.ts';
import { findSubscription, type SubscriptionRow } from '../../../db/subscriptions.ts';
import type { EffectPayloads } from '../../../state/effect-kinds.ts';
import { markedAccount } from '../../../state/ownership.ts';
import {
  effectsOfReturn,
  endsSubscription,
  restrictionOf,
  type MoneyReturn,
  type PresentPeriod,
} from '../../../state/returns.ts';
import type { Cause } from '../../../state/types.ts';
import type { EngineContext } from '../../sync/context.ts';
import type { CustomerRunner } from '../../sync/customer-runner.ts';
import { presentPeriod } from '../../billing/present-period.ts';
import { applyReturns } from '../../billing/payments/record-purchase.ts';
import { settleReturnedCredit } from './returned-credit.ts';
import { inheritedRestriction, suspendSpender } from './spent-credit.ts';
import { endDisputed, suspendCollection } from './suspend.ts';
import { noteIfNotOurs } from './still-ours.ts';
import { readReturns, type ReadReturns } from '../../sync/read-returns.ts';

/**
 * An event told of a refund, a dispute, a fraud warning or a credit note: what came back of that payment is read again
 * from Stripe, so order, loss and repetition of the events do not matter. Returns a note when there was nothing to do.
 */
export async function recordReturns(
  ctx: EngineContext,
  runner: CustomerRunner,
  payload: EffectPayloads['returns.read'],
): Promise<string | null> {
  const read = await readReturns(ctx.reader, payload);
  const [first] = read.returns;
  if (!first) return 'Stripe has nothing of it any more';
  await learnSubscription(ctx, runner, { ...first, eventId: payload.eventId });
  const { subscriptionId } = first;
  const left = subscriptionId && (await noteIfNotOurs(ctx, runner, subscriptionId));
  if (left) return left;
  const stored = await storeReturns(ctx, read, payload.eventId);
  if (stored === null) return 'the payment is of no account of ours';
  const { row, all } = stored;
  if (row === null) {
    // What a one-time purchase gave may be gone.
    ctx.changes.announce([{ subscriptionId: '', userId: stored.userId }]);
    return null;
  }
  ctx.changes.announce([{ subscriptionId: row.id, userId: row.userId }]);
  const policy = ctx.core.config.returns;
  if (endsSubscription(all, policy) && row.state !== 'canceled') await endDisputed(ctx, row);
  else await suspendCollection(ctx, row, stored.disputed);
  const spent = await settleReturnedCredit(ctx, row, all);
  await suspendSpender(ctx, runner, { row, all, spent, eventId: payload.eventId });
  const cause: Cause = {
    type: 'event',
    id: payload.eventId,
    actor: 'stripe',
    at: ctx.clock.now(),
  };
  await runner.sync({ subscriptionId: row.id, customerId: row.customerId, cause });
  return null;
}

/** One of which no event was heard yet: whether it is ours is seen when it is read. */
async function learnSubscription(
  ctx: EngineContext,
  runner: CustomerRunner,
  { subscriptionId, customerId, eventId }: MoneyReturn & { eventId: string },
): Promise<void> {
  if (subscriptionId === null || customerId === null) return;
  if (await findSubscription(ctx.core.database.knex, subscriptionId)) return;
  const cause: Cause = { type: 'event', id: eventId, actor: 'stripe', at: ctx.clock.now() };
  await runner.sync({ subscriptionId, customerId, cause });
}

interface StoredReturns {
  /** The subscription that was paid for; null for a payment without one. */
  row: SubscriptionRow | null;
  userId: string | null;
  all: MoneyReturn[];
  disputed: boolean;
}

/**
 * null when the subscription is foreign; without one, when the customer belongs to no account, or the payment does not bear our
 * mark: our payer buys from other programs too.
 */
async function storeReturns(
  ctx: EngineContext,
  { returns, metadata }: ReadReturns,
  eventId: string,
): Promise<StoredReturns | null> {
  const { ownership } = ctx.core.config;
  const isMarked = metadata.some((each) => markedAccount(each, ownership) !== null);
  const { subscriptionId, customerId } = returns[0]!;
  const present = await presentOf(ctx, returns[0]!);
  return ctx.core.database.knex.transaction(async (trx) => {
    const row = subscriptionId === null ? null : await findSubscription(trx, subscriptionId);
    const customer = customerId === null ? null : await findCustomerByStripeId(trx, customerId);
    const userId = row === null ? (customer?.userId ?? null) : row.userId;
    // Whose it is may be learned later; what holds for the subscription is known now.
    const isKnown = userId !== null || row !== null;
    if (!isKnown || row?.foreign || (subscriptionId === null && !isMarked)) return null;
    const moved = await saveReturns(trx, returns);
    const effects = moved.flatMap((each) =>
      effectsOfReturn(each, { userId, plan: row?.plan ?? null }),
    );
    await enqueueEffects(
      trx,
      addressed(ctx.core.config.receivers, effects).map((effect) => ({
        ...effect,
        causeId: eventId,
      })),
      Date.now(),
    );
    if (row === null) {
      await applyReturns(trx, returns[0]!.chargeId, {
        customerId,
        causeId: eventId,
      });
      return { row, userId, all: returns, disputed: false };
    }
    const all = await returnsOfSubscription(trx, row.id);
    const restriction = restrictionOf(all, ctx.core.config.returns, {
      now: ctx.clock.now(),
      present,
    });
    const inherited = restriction ?? (await inheritedRestriction(trx, row));
    const disputed = inherited?.reason === 'disputed';
    const collectionPaused = row.restriction?.collectionPaused === true || disputed;
    await saveRestriction(trx, row.id, inherited && { ...inherited, collectionPaused });
    return { row, userId, all, disputed };
  });
}

/** How the present period of the subscription was billed; null without one. */
async function presentOf(
  ctx: EngineContext,
  { subscriptionId, invoiceId }: MoneyReturn,
): Promise<PresentPeriod | null> {
  const { knex } = ctx.core.database;
  const row = subscriptionId === null ? null : await findSubscription(knex, subscriptionId);
  if (row === null || row.state === 'canceled') return null;
  return presentPeriod(ctx.core, row, invoiceId);
}
