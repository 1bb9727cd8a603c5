import type { PlanTerms } from '../state/catalogue.ts';
import { databaseNow, type Db } from './database.ts';
import { versionIn } from './subscriptions.ts';

interface Row {
  plan: string;
  version: number;
  terms: string;
}

/** What every plan gave, by plan and version, oldest first. */
export async function allPlanTerms(db: Db): Promise<PlanTerms[]> {
  const rows: Row[] = await db('plan_terms').orderBy(['plan', 'version']);
  return rows.map(({ plan, version, terms }) => ({
    ...(JSON.parse(terms) as Omit<PlanTerms, 'plan' | 'version'>),
    plan,
    version,
  }));
}

/** Adds a version, or writes it again; false when another process has added it meanwhile. */
export async function savePlanTerms(
  db: Db,
  { plan, version, ...terms }: PlanTerms,
  how: 'new' | 'again',
): Promise<boolean> {
  const text = JSON.stringify(terms);
  if (how === 'again') {
    await db('plan_terms').where({ plan, version }).update({ terms: text });
    return true;
  }
  const added: unknown[] = await db('plan_terms')
    .insert({ plan, version, terms: text, created_at: databaseNow(db) })
    .onConflict(['plan', 'version'])
    .ignore()
    .returning('plan');
  return added.length > 0;
}

/** How many open subscriptions have which terms of their plan; `version` is null for those from before versions were kept. */
export async function termsInUse(
  db: Db,
  ended: readonly string[],
): Promise<{ plan: string; version: number | null; payers: number }[]> {
  const rows: { plan: string; terms: string | null; payers: number }[] = await db('subscriptions')
    .where({ is_foreign: false })
    .whereNotNull('plan')
    .whereNotIn('state', [...ended])
    .groupBy('plan', 'terms')
    .orderBy(['plan', 'terms'])
    .select('plan', 'terms', db.raw('CAST(count(*) AS integer) AS payers'));
  return rows.map(({ plan, terms, payers }) => ({ plan, version: versionIn(terms, plan), payers }));
}

/** Moves the open subscriptions of a plan to a version of its terms; returns how many had another. */
export async function moveToTerms(
  db: Db,
  { plan, version }: Pick<PlanTerms, 'plan' | 'version'>,
  ended: readonly string[],
): Promise<number> {
  const pin = `${plan}@${version}`;
  return db('subscriptions')
    .where({ plan, is_foreign: false })
    .whereNotIn('state', [...ended])
    .where((q) => void q.whereNull('terms').orWhereNot({ terms: pin }))
    .update({ terms: pin });
}
