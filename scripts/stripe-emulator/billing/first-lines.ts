import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { endOfPeriod, partOfPeriod, periodLines } from './cut-periods.ts';
import { itemLines, trialLine, type LineDraft } from './line-drafts.ts';
import { shifted } from './periods.ts';
import { countedName, everyOf, isMetered } from './prices.ts';
import { isFlexible } from './subscription-object.ts';

/** How the first invoice treats time that is no whole period. */
export interface FirstBilling {
  prorates: boolean;
  /** Where the time that is billed begins, if that lies in the past. */
  backdate: number | null;
}

/** A `cancel_at` inside the first periods ends them, where prorations are made. */
export function cutPeriods(subscription: Stripe.Subscription, behavior: string): void {
  if (behavior === 'none') return;
  for (const item of subscription.items.data)
    item.current_period_end = endOfPeriod(subscription, item);
}

/** The lines of a subscription's first invoice. */
export function firstLines(
  ctx: Context,
  subscription: Stripe.Subscription,
  how: FirstBilling,
): LineDraft[] {
  return subscription.items.data.flatMap((item) => {
    const { current_period_start: start } = item;
    const before = elapsedLines(ctx, subscription, { item, how });
    if (subscription.trial_end !== null) {
      const name = countedName(ctx, item.price, item.quantity ?? 1);
      return [...before, trialLine(subscription, item, name)];
    }
    if (isMetered(item.price))
      return isFlexible(subscription)
        ? []
        : itemLines(ctx, subscription, { item, start, end: start });
    if (before.length > 0 && leadsToAnchor(subscription, item)) return before;
    if (!how.prorates && partOfPeriod(subscription, item) < 1) return [];
    return [...before, ...periodLines(ctx, subscription, item)];
  });
}

/** True for a first period that only leads to a later anchor. */
function leadsToAnchor(subscription: Stripe.Subscription, item: Stripe.SubscriptionItem): boolean {
  return subscription.billing_cycle_anchor > item.current_period_start;
}

/**
 * The time between a start in the past and now (or the anchor ahead), in periods that begin at that start: a line for
 * each, in classic mode one for all.
 */
function elapsedLines(
  ctx: Context,
  subscription: Stripe.Subscription,
  of: { item: Stripe.SubscriptionItem; how: FirstBilling },
): LineDraft[] {
  const { item, how } = of;
  if (how.backdate === null || !how.prorates || isMetered(item.price)) return [];
  const trialing = subscription.trial_end !== null;
  const until =
    !trialing && leadsToAnchor(subscription, item)
      ? item.current_period_end
      : item.current_period_start;
  const lines: LineDraft[] = [];
  const every = everyOf(item.price);
  for (let n = 0; ; n += 1) {
    const start = shifted(how.backdate, every, n);
    if (start >= until) break;
    const whole = shifted(how.backdate, every, n + 1);
    const end = Math.min(whole, until);
    const share = (end - start) / (whole - start);
    lines.push(...itemLines(ctx, subscription, { item, start, end, share }));
  }
  return isFlexible(subscription) ? lines : merged(lines);
}

function merged(lines: readonly LineDraft[]): LineDraft[] {
  const [first] = lines;
  const last = lines.at(-1);
  if (first === undefined || last === undefined) return [];
  const amount = lines.reduce((total, line) => total + line.amount, 0);
  const period = { start: first.period.start, end: last.period.end };
  const basis = first.basis === null ? null : { ...first.basis, ...period, amount };
  return [{ ...first, amount, period, basis }];
}
