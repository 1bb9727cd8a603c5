/**
 * Credit is given only for time that was paid with money that was kept: the one rule that a change, its quote, a pause and
 * a migration ask.
 */
import type { ChangeKind } from './plan-change.ts';

/** An invoice that bills the plan for the present period. Minor units. */
export interface PeriodInvoice {
  status: string | null;
  total: number;
  /** Refunds, credit notes and lost disputes. */
  returned: number;
  /** The bank asks for the money back. */
  disputed: boolean;
}

export type PeriodPayment =
  /** Paid with money or credit, and kept. */
  | 'paid'
  /** Nothing was due. */
  | 'free'
  /** Made and not yet collected. */
  | 'draft'
  /** Due, on its way, void or given up. */
  | 'unpaid'
  /** Paid, and sent back in part or altogether, or disputed. */
  | 'returned'
  /** No invoice is known. */
  | 'unknown';

/** How the present period was paid; of several invoices, the worst answer. */
export function periodPayment(invoices: readonly PeriodInvoice[]): PeriodPayment {
  if (invoices.length === 0) return 'unknown';
  const all = invoices.map(oneOf);
  const worst = (['returned', 'unpaid', 'draft', 'paid'] as const).find((each) =>
    all.includes(each),
  );
  return worst ?? 'free';
}

function oneOf({ status, total, returned, disputed }: PeriodInvoice): PeriodPayment {
  if (returned > 0 || disputed) return 'returned';
  if (status === 'draft') return 'draft';
  if (status !== 'paid') return 'unpaid';
  return total > 0 ? 'paid' : 'free';
}

/**
 * Whether the unused rest of the period may become credit. Flexible billing credits what was really debited, so what was
 * free gives nothing; classic billing credits the price.
 * An upgrade in the hour of a draft collects it first.
 */
export function mayCredit(
  payment: PeriodPayment,
  change: { kind: ChangeKind | 'pause'; billingMode: 'classic' | 'flexible' | null },
): boolean {
  switch (payment) {
    case 'paid':
    case 'unknown':
      return true;
    case 'free':
      return change.billingMode === 'flexible';
    case 'draft':
      return change.kind === 'upgrade';
    case 'unpaid':
    case 'returned':
      return false;
  }
  return false;
}
