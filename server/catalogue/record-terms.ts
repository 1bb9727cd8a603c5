import type { Db } from '../../db/database.ts';
import { allPlanTerms, savePlanTerms } from '../../db/plan-terms.ts';
import type { Catalogue, PlanTerms } from '../../state/catalogue.ts';
import { nextTerms, withTerms } from '../../state/terms.ts';

/** Processes that start together add the same versions; each sees what the others added. */
const MAX_ROUNDS = 5;

/**
 * Keeps what each plan gives now as a version of its terms, if that is new, and tells the catalogue what was sold before. Once at
 * the start, before anything is bought.
 */
export async function recordTerms(db: Db, catalogue: Catalogue): Promise<void> {
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const known = await allPlanTerms(db);
    const changed = catalogue.plans.flatMap((plan) => {
      const before = latestOf(known, plan.id);
      const next = nextTerms(plan, before);
      return next === null ? [] : [{ next, isNew: next.version !== before?.version }];
    });
    if (changed.length === 0) {
      withTerms(catalogue, known);
      return;
    }
    for (const { next, isNew } of changed) await savePlanTerms(db, next, isNew ? 'new' : 'again');
  }
  withTerms(catalogue, await allPlanTerms(db));
}

/** What was sold before, for a command that sells nothing; nothing before the database is migrated. */
export async function readTerms(db: Db, catalogue: Catalogue): Promise<void> {
  if (!(await db.schema.hasTable('plan_terms'))) return;
  withTerms(catalogue, await allPlanTerms(db));
}

const latestOf = (terms: readonly PlanTerms[], plan: string) =>
  terms.findLast((each) => each.plan === plan) ?? null;
