import type { Context } from '../kernel/context.ts';
import { errorReports } from '../v2/error-reports.ts';
import { publishReport } from '../v2/outbox.ts';
import type { UsageResult } from './record.ts';

/** Tells the account, by thin events, about accepted usage that counts for nothing. */
export function reportProblems(ctx: Context, results: readonly UsageResult[]): void {
  for (const event of errorReports(ctx, results)) publishReport(ctx, event);
}
