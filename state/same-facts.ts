import type { Catalogue } from './catalogue.ts';
import { withPlanPeriod } from './plan-period.ts';
import type { SubscriptionFacts } from './types.ts';

/** Whether what Stripe says now is what is stored; the invoice of the plan is remembered here, and the lines of the latest one are not. */
export function isAsStored(
  catalogue: Catalogue,
  stored: SubscriptionFacts,
  read: SubscriptionFacts,
): boolean {
  const { planInvoice: _, ...kept } = stored;
  const {
    latestInvoiceLines: _lines,
    latestInvoiceTimes: _times,
    ...lasting
  } = withPlanPeriod(catalogue, read);
  return textOf(kept) === textOf(lasting);
}

/** One text for equal facts, in whichever order they were written. */
function textOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(textOf).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  const named = entries.map(([key, each]) => `${JSON.stringify(key)}:${textOf(each)}`);
  return `{${named.toSorted().join()}}`;
}
