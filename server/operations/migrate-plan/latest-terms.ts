import { moveToTerms, termsInUse } from '../../../db/plan-terms.ts';
import { findPlan } from '../../../state/catalogue.ts';
import { statesWhere } from '../../../state/states.ts';
import { lossOf } from '../../../state/terms.ts';
import { lossWords } from '../../catalogue/loss-words.ts';
import type { CoreServices } from '../../lib/services.ts';

const ENDED = statesWhere('open', false);

/** Payers of one plan who bought the same version of its terms. */
export interface TermsGroup {
  plan: string;
  /** Null for who bought before versions were kept. */
  version: number | null;
  latest: number;
  payers: number;
  /** What they would lose with the latest version, in words; they have all that it adds already. */
  lose: string[];
}

type Parts = Pick<CoreServices, 'database' | 'catalogue'>;

/** Who has terms of a plan that are not sold any more, and what of it would be lost; of one plan, or of all. */
export async function olderTerms(
  { database, catalogue }: Parts,
  only: string | null = null,
): Promise<TermsGroup[]> {
  const used = await termsInUse(database.knex, ENDED);
  return used.flatMap(({ plan: id, version, payers }) => {
    const plan = findPlan(catalogue, id);
    const latest = catalogue.terms?.get(id)?.at(-1)?.version;
    if (!plan || latest === undefined || (only !== null && only !== id)) return [];
    const lose = lossWords(lossOf(catalogue, plan, version));
    const isOlder = (version ?? 1) < latest || lose.length > 0;
    return isOlder ? [{ plan: id, version, latest, payers, lose }] : [];
  });
}

/** Gives these payers the latest terms of their plan; returns how many were moved. */
export async function moveToLatest(
  { database, catalogue }: Parts,
  groups: readonly TermsGroup[],
): Promise<number> {
  let moved = 0;
  for (const plan of new Set(groups.map((group) => group.plan))) {
    const version = catalogue.terms?.get(plan)?.at(-1)?.version;
    if (version !== undefined) {
      moved += await moveToTerms(database.knex, { plan, version }, ENDED);
    }
  }
  return moved;
}
