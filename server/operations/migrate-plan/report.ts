import type { MigrationItem } from '../../../db/plan-migrations.ts';

const COLUMNS = [
  'subscription',
  'customer',
  'result',
  'reason',
  'quantity_before',
  'quantity_after',
  'effective',
  'credit',
  'debit',
  'charged',
  'next_invoice',
  'currency',
  'invoice',
] as const;

/** The first line of the report. Amounts are minor units of the currency. */
export const CSV_HEADER = `${COLUMNS.join(',')}\n`;

/** One line of the report (RFC 4180). */
export function csvLine(item: MigrationItem, dryRun: boolean): string {
  const { before, result } = item;
  const at = result?.['effectiveAt'];
  const values: unknown[] = [
    item.subscriptionId,
    item.customerId,
    dryRun && item.status === 'pending' ? 'would change' : item.status,
    item.reason,
    before?.['quantity'],
    result?.['quantity'],
    typeof at === 'number' ? new Date(at).toISOString() : null,
    result?.['credit'],
    result?.['debit'],
    result?.['charged'],
    result?.['next'],
    result?.['currency'],
    result?.['invoice'],
  ];
  return `${values.map(cell).join(',')}\n`;
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  // A cell that begins like a formula is run by spreadsheets.
  const safe = /^[=+@\t]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
