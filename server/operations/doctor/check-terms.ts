import { readTerms } from '../../catalogue/record-terms.ts';
import { olderTerms } from '../migrate-plan/latest-terms.ts';
import type { Examination, Report } from './finding.ts';

/** Who has more of a plan than is sold now: that is as it should be, and worth knowing. */
export async function checkTerms(exam: Examination, report: Report): Promise<void> {
  await readTerms(exam.database.knex, exam.catalogue);
  const kept = (await olderTerms(exam)).filter(({ lose }) => lose.length > 0);
  for (const { plan, payers, lose } of kept) {
    report.ok(
      `${payers} payers of ${plan} keep what it gave when they bought it: ${lose.join(', ')} (npm run migrate-plan -- --to-latest --plan ${plan} --dry-run)`,
    );
  }
  if (kept.length === 0) report.ok('every payer has what the plans file says');
}
