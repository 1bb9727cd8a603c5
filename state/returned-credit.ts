/** Credit that a change or a pause made of paid time, where the payment came back afterwards. */

/** A paid invoice of a subscription; times in ms, amounts in minor units. */
export interface PaidInvoice {
  createdAt: number;
  /** Negative where it became credit. */
  total: number;
  /** The end of the last period that it pays for; null for none. */
  paidUntil: number | null;
  /** What of it was sent back, or is disputed. */
  returned: number;
}

/**
 * How much credit has nothing behind it any more: credit is never more than what was paid before it, for time that had not
 * passed then, and was kept. `invoices` of one subscription, in any order.
 */
export function uncoveredCredit(invoices: readonly PaidInvoice[]): number {
  const inOrder = invoices.toSorted((a, b) => a.createdAt - b.createdAt || b.total - a.total);
  const left = new Map(inOrder.map((each) => [each, each.total - returnedOf(each)]));
  let uncovered = 0;
  for (const credit of inOrder.filter(({ total }) => total < 0)) {
    const sources = inOrder.filter(
      ({ total, createdAt, paidUntil }) =>
        total > 0 && createdAt <= credit.createdAt && (paidUntil ?? 0) > credit.createdAt,
    );
    let missing = -credit.total;
    for (const source of sources) {
      const used = Math.min(missing, left.get(source) ?? 0);
      left.set(source, (left.get(source) ?? 0) - used);
      missing -= used;
    }
    // Never more than what came back: the rest was given by others.
    uncovered += Math.min(
      missing,
      sources.reduce((sum, each) => sum + returnedOf(each), 0),
    );
  }
  return uncovered;
}

const returnedOf = ({ total, returned }: PaidInvoice) =>
  Math.min(Math.max(0, total), Math.max(0, returned));
