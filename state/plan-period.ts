/**
 * The period of a subscription is that of the item that carries the plan. Stripe's own words (`cancel_at_period_end`, the
 * end of a schedule's phase) mean the item that ends first, which may be a monthly add-on or meter of a yearly plan.
 */
import { planOfPrice, type Catalogue } from './catalogue.ts';
import { planItem } from './plan-change.ts';
import type { PlanInvoice, SubscriptionFacts } from './types.ts';

/** The same facts with the plan item's period in place of that of the item that ends first. */
export function withPlanPeriod(catalogue: Catalogue, facts: SubscriptionFacts): SubscriptionFacts {
  const item = planItem(catalogue, facts);
  if (!item || item.periodEnd === null) return facts;
  const { id: planItemId, periodStart: currentPeriodStart, periodEnd: currentPeriodEnd } = item;
  const isSo =
    facts.planItemId === planItemId &&
    facts.currentPeriodStart === currentPeriodStart &&
    facts.currentPeriodEnd === currentPeriodEnd;
  return isSo ? facts : { ...facts, planItemId, currentPeriodStart, currentPeriodEnd };
}

/** The end of the period that ends first; null when Stripe did not say. */
export function firstPeriodEnd(facts: Pick<SubscriptionFacts, 'items'>): number | null {
  const ends = facts.items.flatMap(({ periodEnd }) => (periodEnd === null ? [] : [periodEnd]));
  return ends.length > 0 ? Math.min(...ends) : null;
}

/** The plan item's end where another item ends before or after it; null where all end together. */
export function ownPlanEnd(catalogue: Catalogue, facts: SubscriptionFacts): number | null {
  const end = planItem(catalogue, facts)?.periodEnd ?? null;
  return facts.items.some(({ periodEnd }) => periodEnd !== end) ? end : null;
}

/**
 * The invoice that bills the plan's present period, as far as it is known: the latest one if it has a line of the plan
 * for a whole period, else the one that was known before. Invoices of usage, add-ons and seats are none.
 */
export function planInvoiceOf(
  catalogue: Catalogue,
  facts: SubscriptionFacts,
  known: PlanInvoice | null | undefined,
): PlanInvoice | null {
  const { latestInvoice, latestInvoiceId } = facts;
  if (!latestInvoice || latestInvoiceId === null) return known ?? null;
  const item = planItem(catalogue, facts);
  const present = item?.periodEnd ?? Infinity;
  const lines = (facts.latestInvoiceLines ?? []).filter(
    ({ priceId }) => priceId === item?.priceId || planOfPrice(catalogue, priceId) !== null,
  );
  // A change that waits for its payment bills a period that has not begun.
  const ends = lines.map(({ end }) => end).filter((end) => end <= present);
  if (ends.length === 0 && known?.id !== latestInvoiceId) return known ?? null;
  if (ends.length === 0 && lines.length > 0) return null;
  return {
    id: latestInvoiceId,
    status: latestInvoice.status,
    periodEnd: ends.length > 0 ? Math.max(...ends) : (known?.periodEnd ?? 0),
    createdAt: facts.latestInvoiceTimes?.createdAt ?? known?.createdAt ?? null,
    dueAt: facts.latestInvoiceTimes?.dueAt ?? known?.dueAt ?? null,
  };
}

/**
 * Whether the invoice of the plan's present period is to be looked for among all of the subscription: where items end on
 * different days, the latest one may be of another item alone, and what is known be of a period before, or be settled since.
 */
export function isPlanInvoiceHidden(
  catalogue: Catalogue,
  facts: SubscriptionFacts,
  known: PlanInvoice | null | undefined,
): boolean {
  const end = ownPlanEnd(catalogue, facts);
  if (end === null || facts.latestInvoiceId === null) return false;
  const found = planInvoiceOf(catalogue, facts, known);
  if (found?.id === facts.latestInvoiceId) return false;
  return found?.status !== 'paid' || found.periodEnd < end;
}

/** Whether an invoice bills the plan; unknown counts as yes, because most do. */
export function billsPlan(facts: SubscriptionFacts, invoiceId: string | null): boolean {
  const { planInvoice } = facts;
  return !planInvoice || planInvoice.id === invoiceId || !planPeriodIsPaid(facts);
}

/** Whether the invoice of the plan's present period is known to be paid. */
export function planPeriodIsPaid(facts: SubscriptionFacts): boolean {
  const { planInvoice, currentPeriodEnd } = facts;
  if (!planInvoice || currentPeriodEnd === null) return false;
  return planInvoice.status === 'paid' && planInvoice.periodEnd >= currentPeriodEnd;
}

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
