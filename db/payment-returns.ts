import type { MoneyReturn, ReturnKind } from '../state/returns.ts';
import type { Restriction } from '../state/types.ts';
import type { Db } from './database.ts';

interface Row {
  id: string;
  kind: ReturnKind;
  charge_id: string | null;
  invoice_id: string | null;
  subscription_id: string | null;
  customer_id: string | null;
  amount: number;
  currency: string;
  status: string;
  reason: string | null;
  created_at: number;
  paid_amount: number;
  period_start: number | null;
  period_end: number | null;
}

const fromRow = (row: Row): MoneyReturn => ({
  id: row.id,
  kind: row.kind,
  chargeId: row.charge_id,
  invoiceId: row.invoice_id,
  subscriptionId: row.subscription_id,
  customerId: row.customer_id,
  amount: row.amount,
  currency: row.currency,
  status: row.status,
  reason: row.reason,
  createdAt: row.created_at,
  paid: { amount: row.paid_amount, periodStart: row.period_start, periodEnd: row.period_end },
});

const toRow = (each: MoneyReturn): Row => ({
  id: each.id,
  kind: each.kind,
  charge_id: each.chargeId,
  invoice_id: each.invoiceId,
  subscription_id: each.subscriptionId,
  customer_id: each.customerId,
  amount: each.amount,
  currency: each.currency,
  status: each.status,
  reason: each.reason,
  created_at: each.createdAt,
  paid_amount: each.paid.amount,
  period_start: each.paid.periodStart,
  period_end: each.paid.periodEnd,
});

/** Writes returns as Stripe says they are now. Answers those that are new or whose status moved. */
export async function saveReturns(db: Db, returns: readonly MoneyReturn[]): Promise<MoneyReturn[]> {
  if (returns.length === 0) return [];
  const rows: Row[] = await db('payment_returns').whereIn(
    'id',
    returns.map(({ id }) => id),
  );
  const known = new Map(rows.map(({ id, status }) => [id, status]));
  await db('payment_returns').insert(returns.map(toRow)).onConflict('id').merge();
  return returns.filter(({ id, status }) => known.get(id) !== status);
}

/** The returns of one subscription, oldest first. */
export async function returnsOfSubscription(db: Db, id: string): Promise<MoneyReturn[]> {
  const rows: Row[] = await db('payment_returns')
    .where({ subscription_id: id })
    .orderBy(['created_at', 'id']);
  return rows.map(fromRow);
}

/** The returns of a customer, newest first. */
export async function returnsOfCustomer(
  db: Db,
  customerId: string,
  limit: number,
): Promise<MoneyReturn[]> {
  const rows: Row[] = await db('payment_returns')
    .where({ customer_id: customerId })
    .orderBy('created_at', 'desc')
    .limit(limit);
  return rows.map(fromRow);
}

/** The returns of one charge. */
export async function returnsOfCharge(db: Db, chargeId: string): Promise<MoneyReturn[]> {
  const rows: Row[] = await db('payment_returns').where({ charge_id: chargeId });
  return rows.map(fromRow);
}

/** Sets or takes off what returns do to a subscription's access. */
export async function saveRestriction(
  db: Db,
  subscriptionId: string,
  restriction: Restriction | null,
): Promise<void> {
  await db('subscriptions')
    .where({ id: subscriptionId })
    .update({ restriction: restriction && JSON.stringify(restriction) });
}
