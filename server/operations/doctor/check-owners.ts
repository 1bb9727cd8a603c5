import { ownerlessSubscriptions } from '../../../db/accounts.ts';
import { listConflicts } from '../../../db/owner-conflicts.ts';
import { otherStripe } from '../stripe-account.ts';
import type { Examination, Report } from './finding.ts';

const SAMPLE = 100;

/** The database is of the Stripe account and mode of the key. */
export async function checkStripe(exam: Examination, report: Report): Promise<void> {
  const words = await otherStripe(exam);
  if (words === null) return report.ok('the database is of the Stripe account of the key');
  report.problem(
    'other_stripe_account',
    words,
    'Set the key, the database, or ACCEPT_STRIPE_ACCOUNT.',
  );
}

/** Whose the subscriptions are: none on our prices without an account, no customer that two accounts claim. */
export async function checkOwners(exam: Examination, report: Report): Promise<void> {
  const db = exam.database.knex;
  const { count, customerIds } = await ownerlessSubscriptions(db);
  if (count > 0) {
    report.problem(
      'subscriptions_without_account',
      `${count} live subscriptions are on prices of the catalogue and belong to no account, so they give no access (${customerIds.join(', ')}).`,
      'Link each with npm run link -- ACCOUNT CUSTOMER, or all with npm run import; see docs/existing-account.md.',
    );
  }
  const conflicts = await listConflicts(db, SAMPLE);
  if (conflicts.length > 0) {
    const some = conflicts
      .slice(0, 5)
      .map(({ customerId, accountId, source }) => `${customerId} for ${accountId} (${source})`);
    report.problem(
      'owner_conflicts',
      `${conflicts.length === SAMPLE ? `${SAMPLE} or more` : conflicts.length} claims contradict a link: ${some.join(', ')}.`,
      'Decide each with npm run link -- ACCOUNT CUSTOMER; nothing is merged by itself.',
    );
  }
  if (count === 0 && conflicts.length === 0)
    report.ok('every subscription of ours has its account');
}
