import { planOfFacts, type Catalogue } from '../../state/catalogue.ts';
import { lifecycleOf, statusOf } from '../../state/lifecycle.ts';
import { isOurs } from '../../state/ownership.ts';
import { mrrOf } from '../../state/plan-change.ts';
import { withPlanPeriod } from '../../state/plan-period.ts';
import type { StoredSubscription, SubscriptionFacts } from '../../state/types.ts';

/** One field in which the database and Stripe do not agree. */
export interface FieldDifference {
  field: string;
  here: unknown;
  atStripe: unknown;
}

/** Fields that depend on how an object was read, not on what it says. */
const OF_THE_READ = new Set([
  'scheduleExpanded',
  'latestInvoiceLines',
  'latestInvoiceTimes',
  'planItemId',
  'planInvoice',
]);

/** The fields in which what is stored differs from what Stripe says; empty when they agree. */
export function compareFacts(
  here: SubscriptionFacts,
  atStripe: SubscriptionFacts,
): FieldDifference[] {
  const left = here as unknown as Record<string, unknown>;
  const right = atStripe as unknown as Record<string, unknown>;
  const fields = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...fields]
    .filter((field) => !OF_THE_READ.has(field))
    .filter((field) => !isSame(left[field], right[field]))
    .map((field) => ({ field, here: left[field] ?? null, atStripe: right[field] ?? null }));
}

/** The same for a whole row: also what is derived from the facts, which is what access and figures go by. */
export function compareRow(
  here: StoredSubscription,
  read: SubscriptionFacts,
  catalogue: Catalogue,
): FieldDifference[] {
  const atStripe = withPlanPeriod(catalogue, read);
  const { state } = lifecycleOf(atStripe, { catalogue, previous: here.state });
  const plan = planOfFacts(catalogue, atStripe)?.plan.id ?? null;
  const foreign = !isOurs({ userId: here.userId, plan });
  const derived = {
    state,
    status: statusOf(state),
    plan,
    mrr: foreign ? 0 : mrrOf(catalogue, atStripe),
    customerId: atStripe.customerId,
    foreign,
  };
  const fields = compareFacts(here.facts, atStripe);
  for (const [field, right] of Object.entries(derived)) {
    const left = here[field as keyof typeof derived] ?? null;
    const isTold = fields.some((difference) => difference.field === field);
    if (left !== right && !isTold) fields.push({ field, here: left, atStripe: right });
  }
  return fields;
}

/** Nearly all are the very same, or the same text; sorting their keys costs ten times as much. */
function isSame(left: unknown, right: unknown): boolean {
  if (left === right || JSON.stringify(left) === JSON.stringify(right)) return true;
  return canonical(left) === canonical(right);
}

/** JSON with sorted keys, so that neither their order nor `undefined` counts as a difference. */
function canonical(value: unknown): string {
  return JSON.stringify(value ?? null, (_, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
