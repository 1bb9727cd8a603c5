import type { Db } from './database.ts';

/** What identifies a quote: whose, of which moment (ms, whole seconds), and for what. */
export interface QuoteKey {
  subscriptionId: string;
  prorationAt: number;
  /** The wanted price, quantity and time, in one string. */
  target: string;
}

export interface Quote extends QuoteKey {
  /** Fingerprint of the subscription's state that the amount holds for. */
  basis: string;
  /** Minor units. */
  amountDue: number;
  /** When the change was made; null while it was not. */
  usedAt: number | null;
}

interface Row {
  subscription_id: string;
  proration_at: number;
  target: string;
  basis: string;
  amount_due: number;
  used_at: number | null;
}

/** Keeps a quote, in place of one of the same second, and forgets those of this subscription before `forgetBefore`. */
export async function saveQuote(
  db: Db,
  quote: Omit<Quote, 'usedAt'>,
  forgetBefore: number,
): Promise<void> {
  await db('quotes')
    .where({ subscription_id: quote.subscriptionId })
    .where('proration_at', '<', forgetBefore)
    .delete();
  await db('quotes')
    .insert({ ...where(quote), basis: quote.basis, amount_due: quote.amountDue, used_at: null })
    .onConflict(['subscription_id', 'proration_at', 'target'])
    .merge(['basis', 'amount_due', 'used_at']);
}

/** The quote, or null. */
export async function findQuote(db: Db, key: QuoteKey): Promise<Quote | null> {
  const row: Row | undefined = await db('quotes').where(where(key)).first();
  if (!row) return null;
  return { ...key, basis: row.basis, amountDue: row.amount_due, usedAt: row.used_at };
}

/** Notes that the quoted change was made. */
export async function markQuoteUsed(db: Db, key: QuoteKey, at: number): Promise<void> {
  await db('quotes').where(where(key)).update({ used_at: at });
}

function where(key: QuoteKey) {
  return {
    subscription_id: key.subscriptionId,
    proration_at: key.prorationAt,
    target: key.target,
  };
}

/** The quotes of a subscription whose change was made, as far as they are kept. */
export async function usedQuotesOf(
  db: Db,
  subscriptionId: string,
): Promise<Pick<Quote, 'prorationAt' | 'amountDue'>[]> {
  const rows: Row[] = await db('quotes')
    .where({ subscription_id: subscriptionId })
    .whereNotNull('used_at');
  return rows.map(({ proration_at: prorationAt, amount_due: amountDue }) => ({
    prorationAt,
    amountDue,
  }));
}
