import {
  returnsOfCustomer,
  returnsOfSubscription,
  saveRestriction,
} from '../../../db/payment-returns.ts';
import type { Db } from '../../../db/database.ts';
import { currentSubscriptionOfUser, type SubscriptionRow } from '../../../db/subscriptions.ts';
import { endsSubscription, isAdverse, type MoneyReturn } from '../../../state/returns.ts';
import type { Restriction } from '../../../state/types.ts';
import type { EngineContext } from '../../sync/context.ts';
import type { CustomerRunner } from '../../sync/customer-runner.ts';
import { endDisputed, suspendCollection } from './suspend.ts';

interface Spent {
  /** The subscription whose payment is disputed. */
  row: SubscriptionRow;
  all: readonly MoneyReturn[];
  /** Credit of that payment that is not there any more, in minor units. */
  spent: number;
  eventId: string;
}

/**
 * Credit of a disputed payment that was spent already: what it bought is a later subscription of the customer, which the
 * dispute suspends or ends as well, where the credit paid for most of its present period.
 */
export async function suspendSpender(
  ctx: EngineContext,
  runner: CustomerRunner,
  { row, all, spent, eventId }: Spent,
): Promise<void> {
  const { core, changes } = ctx;
  const { knex } = core.database;
  const policy = core.config.returns;
  if (row.userId === null || !all.some(({ kind }) => kind === 'dispute')) return;
  const later = await currentSubscriptionOfUser(knex, row.userId, core.catalogue);
  const isLater =
    later !== null &&
    later.id !== row.id &&
    later.customerId === row.customerId &&
    later.state !== 'canceled';
  if (!isLater) return;
  const own = await returnsOfSubscription(knex, later.id);
  if (own.some(isAdverse)) return;
  const adverse = policy.onDispute === 'keep' ? [] : all.filter(isAdverse);
  const isSpender = spent > 0 && adverse.length > 0 && (await livesOnCredit(ctx, later));
  if (!isSpender && later.restriction?.reason !== 'disputed') return;
  const since = Math.min(...adverse.map(({ createdAt }) => createdAt));
  const restriction: Restriction | null = isSpender
    ? { reason: 'disputed', since, until: null, collectionPaused: true }
    : await inheritedRestriction(knex, later);
  await saveRestriction(knex, later.id, restriction);
  changes.announce([{ subscriptionId: later.id, userId: later.userId }]);
  if (isSpender && endsSubscription(all, policy)) await endDisputed(ctx, later);
  else await suspendCollection(ctx, later, restriction !== null);
  const { id: subscriptionId, customerId } = later;
  const cause = { type: 'event', id: eventId, actor: 'stripe', at: ctx.clock.now() } as const;
  await runner.sync({ subscriptionId, customerId, cause });
}

/** What a subscription has from a dispute of another one of its customer, while that goes on; its own returns do not end it. */
export async function inheritedRestriction(
  db: Db,
  { id, customerId, restriction }: SubscriptionRow,
): Promise<Restriction | null> {
  if (restriction?.reason !== 'disputed') return null;
  const all = await returnsOfCustomer(db, customerId, 100);
  const isOthers = all.some((each) => each.subscriptionId !== id && isAdverse(each));
  return isOthers ? restriction : null;
}

/** Whether most of the present period was paid with credit. */
async function livesOnCredit(
  { core: { stripe } }: EngineContext,
  { facts: { planInvoice } }: SubscriptionRow,
): Promise<boolean> {
  if (!planInvoice) return false;
  const {
    total,
    amount_paid: paid,
    starting_balance: before,
  } = await stripe.retrieveInvoice(planInvoice.id);
  return before < 0 && paid * 2 < total;
}
