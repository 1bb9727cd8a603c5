import type { PrepaidCredit, Purchase } from '../state/purchases.ts';
import type { Db } from './database.ts';

interface Row {
  id: string;
  account_id: string;
  product: string;
  quantity: number;
  amount: number;
  currency: string;
  charge_id: string | null;
  metadata: string;
  paid_at: number;
  status: Purchase['status'];
  credit: string | null;
}

const fromRow = (row: Row): Purchase => ({
  id: row.id,
  accountId: row.account_id,
  product: row.product,
  quantity: row.quantity,
  amount: row.amount,
  currency: row.currency,
  chargeId: row.charge_id,
  metadata: JSON.parse(row.metadata) as Record<string, string>,
  paidAt: row.paid_at,
  status: row.status,
  credit: row.credit === null ? null : (JSON.parse(row.credit) as PrepaidCredit),
});

/** Stores a purchase once. Returns whether it is new. */
export async function addPurchase(db: Db, purchase: Purchase): Promise<boolean> {
  const rows: unknown[] = await db('purchases')
    .insert({
      id: purchase.id,
      account_id: purchase.accountId,
      product: purchase.product,
      quantity: purchase.quantity,
      amount: purchase.amount,
      currency: purchase.currency,
      charge_id: purchase.chargeId,
      metadata: JSON.stringify(purchase.metadata),
      paid_at: purchase.paidAt,
      status: purchase.status,
      credit: purchase.credit && JSON.stringify(purchase.credit),
    })
    .onConflict('id')
    .ignore()
    .returning('id');
  return rows.length > 0;
}

export async function findPurchase(db: Db, id: string): Promise<Purchase | null> {
  const row: Row | undefined = await db('purchases').where({ id }).first();
  return row ? fromRow(row) : null;
}

/** The purchase that a charge paid for; null for none. */
export async function purchaseOfCharge(db: Db, chargeId: string): Promise<Purchase | null> {
  const row: Row | undefined = await db('purchases').where({ charge_id: chargeId }).first();
  return row ? fromRow(row) : null;
}

/** What an account bought, newest first. */
export async function purchasesOf(
  db: Db,
  accountId: string,
  { limit, before }: { limit: number; before?: Pick<Purchase, 'id' | 'paidAt'> },
): Promise<Purchase[]> {
  const query = db('purchases')
    .where({ account_id: accountId })
    .orderBy([
      { column: 'paid_at', order: 'desc' },
      { column: 'id', order: 'desc' },
    ])
    .limit(limit);
  if (before) {
    const { paidAt, id } = before;
    void query.where((q) => {
      void q.where('paid_at', '<', paidAt);
      void q.orWhere((same) => void same.where('paid_at', paidAt).where('id', '<', id));
    });
  }
  const rows: Row[] = await query;
  return rows.map(fromRow);
}

/** Whether an account has bought a product that was not returned. */
export async function hasPurchase(db: Db, accountId: string, product: string): Promise<boolean> {
  const row: unknown = await db('purchases')
    .where({ account_id: accountId, product, status: 'paid' })
    .first('id');
  return row !== undefined;
}

export async function setPurchaseStatus(
  db: Db,
  id: string,
  status: Purchase['status'],
): Promise<void> {
  await db('purchases').where({ id }).update({ status });
}
