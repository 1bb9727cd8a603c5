import { createHash } from 'node:crypto';
import type Stripe from 'stripe';
import { z } from 'zod';
import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import { findQuote, markQuoteUsed, saveQuote, type QuoteKey } from '../../../db/quotes.ts';
import type { SubscriptionRow } from '../../../db/subscriptions.ts';
import { isSameEvery } from '../../../state/intervals.ts';
import {
  lossesOfReplacedChange,
  lossesOfUncreditedChange,
  lossOfDraft,
  lossOfOnce,
  type Loss,
} from '../../../state/losses.ts';
import type { PeriodPayment } from '../../../state/period-payment.ts';
import { isAsStored } from '../../../state/plan-period.ts';
import { readSubscription } from '../../../state/subscription-facts.ts';
import { AppError } from '../../http/errors.ts';
import type { Services } from '../../lib/services.ts';
import { breakdown, lineView, netOf, previewFields } from '../price-lines.ts';
import { itemChanges, type PlanTarget, type WantedChange } from './plan-target.ts';
import { requireCreditable, requireQuotable, requireWorth } from '../period-payment.ts';
import { requireAllowanceUnused } from '../allowance.ts';
import { draftsWithUsage } from '../drafts-with-usage.ts';
import { lossViews } from '../losses.ts';
import { hasDraft } from '../open-invoices.ts';
import { settleUsage } from '../settle-usage.ts';

const HOUR_MS = 3_600_000;
/** A price holds for an hour of business time. */
const VALID_MS = HOUR_MS;
const KEEP_MS = 24 * HOUR_MS;

/** What a change costs. Amounts are minor units of `currency`. */
export const changeQuote = z.object({
  command: z.literal('change'),
  kind: z.enum(['upgrade', 'downgrade', 'switch']),
  effective: z.enum(['now', 'period_end']),
  ...previewFields,
  prorationDate: z.iso.datetime().nullable(),
});
type ChangeQuote = z.infer<typeof changeQuote>;

/** Asks Stripe what a change costs, and keeps the answer so that the change can be held to it. */
export async function makeQuote(
  services: Services,
  subscription: SubscriptionRow,
  target: PlanTarget,
): Promise<ChangeQuote> {
  const { kind, effective } = target;
  await settleUsage(services, subscription);
  const isCharged = effective === 'now' && target.prorate && !target.unchanged;
  const prorationAt = Math.floor(services.clock.now() / 1000) * 1000;
  const invoice = isCharged
    ? await previewNow(services, subscription, { target, prorationAt })
    : null;
  const next = await previewNext(services, subscription, { target, invoice });
  const losses = lossViews([
    ...lossesOfChange(services, subscription, target),
    ...(target.unchanged ? [] : lossesOfReplacedChange(subscription)),
    ...onceCoupons(invoice).map(({ name }) => lossOfOnce(name)),
    ...(invoice && kind === 'upgrade' ? await lossesOfDrafts(services, subscription) : []),
  ]);
  const command = 'change' as const;
  const base = {
    command,
    kind,
    effective,
    currency: next.currency,
    nextAmount: next.total,
    losses,
  };
  if (!invoice) return { ...base, ...FREE };
  await Promise.all([
    requireQuotable(services, subscription, kind),
    requireAllowanceUnused(services, subscription, target),
    requireWorth(services, subscription, invoice),
  ]);
  await saveQuote(
    services.database.knex,
    {
      ...keyOf(subscription, target, prorationAt),
      basis: basisOf(subscription),
      amountDue: invoice.amount_due,
    },
    prorationAt - KEEP_MS,
  );
  return {
    ...base,
    ...breakdown(invoice),
    prorationDate: new Date(prorationAt).toISOString(),
  };
}

/** A trial that was given on top of a paid time: a change now credits nothing, and takes what is left of it. */
export function lossesOfChange(
  { clock }: Services,
  { facts }: SubscriptionRow,
  { unchanged, kind, effective, prorate }: PlanTarget,
): Loss[] {
  if (unchanged || kind !== 'downgrade' || effective !== 'now' || prorate) return [];
  if (facts.trialStart === null || facts.trialStart <= facts.createdAt + HOUR_MS) return [];
  return lossesOfUncreditedChange(facts.currentPeriodEnd, clock.now());
}

/** What is collected before an upgrade, because its invoice is a draft. */
async function lossesOfDrafts(services: Services, subscription: SubscriptionRow): Promise<Loss[]> {
  if (!hasDraft(subscription)) return [];
  const drafts = await draftsWithUsage(services, subscription);
  return drafts.map(({ amount_remaining: amount, currency }) => lossOfDraft(amount, currency));
}

const FREE = {
  amountDue: 0,
  credit: 0,
  debit: 0,
  discount: 0,
  tax: 0,
  fromBalance: 0,
  lines: [],
  prorationDate: null,
};

/**
 * The quote that a change is charged by. Throws 409 `quote_expired` unless it was given less than an hour ago,
 * for this change and this state, and Stripe still says the same amount; 400 when there is none. Also says how the present
 * period was paid, which the change credits.
 */
export async function acceptQuote(
  services: Services,
  subscription: SubscriptionRow,
  { target, prorationDate, price }: WantedChange,
): Promise<{ key: QuoteKey; payment: PeriodPayment }> {
  if (prorationDate === undefined) {
    throw new AppError(
      'invalid_request',
      'This change costs something now: ask for a preview and send its prorationDate.',
      { fields: { issues: [{ path: 'prorationDate', message: 'needed for this change' }] } },
    );
  }
  const key = keyOf(subscription, target, Date.parse(prorationDate));
  const quote = await findQuote(services.database.knex, key);
  if (!quote) throw quoteExpired('There is no such quote for this change.');
  if (quote.usedAt !== null) throw quoteExpired('The quote was used already.');
  if (services.clock.now() - key.prorationAt > VALID_MS)
    throw quoteExpired('The quote is too old.');
  if (quote.basis !== basisOf(subscription)) {
    throw quoteExpired('The subscription has changed since the quote.');
  }
  const { prorationAt } = key;
  const [invoice, payment] = await Promise.all([
    price ?? previewNow(services, subscription, { target, prorationAt }),
    requireCreditable(services, subscription, target.kind),
    requireAllowanceUnused(services, subscription, target),
  ]);
  await requireWorth(services, subscription, invoice);
  if (invoice.amount_due !== quote.amountDue) throw quoteExpired('The amount has changed.');
  return { key, payment };
}

/** Whether this change was quoted for that moment. */
export async function hasQuote(
  services: Services,
  subscription: SubscriptionRow,
  { target, prorationDate }: { target: PlanTarget; prorationDate: string | undefined },
): Promise<boolean> {
  if (prorationDate === undefined) return false;
  const key = keyOf(subscription, target, Date.parse(prorationDate));
  return (await findQuote(services.database.knex, key)) !== null;
}

/** The quote has been charged; the same change again is the same click. */
export async function closeQuote(
  services: Services,
  subscription: SubscriptionRow,
  { target, prorationDate }: { target: PlanTarget; prorationDate: string | undefined },
): Promise<void> {
  if (prorationDate === undefined) return;
  const key = keyOf(subscription, target, Date.parse(prorationDate));
  await markQuoteUsed(services.database.knex, key, services.clock.now());
}

/** The next renewal with the change; nothing where none will come, because the subscription ends before. */
async function previewNext(
  services: Services,
  subscription: SubscriptionRow,
  { target, invoice }: { target: PlanTarget; invoice: Stripe.Invoice | null },
): Promise<{ currency: string; total: number }> {
  const chargedNow = target.effective === 'now' && target.prorate;
  try {
    const preview = await services.stripe.previewChange({
      subscriptionId: subscription.id,
      items: itemChanges(services.catalogue, subscription, target),
      prorationDate: null,
      restartPeriod: subscription.state !== 'trialing' && hasOtherInterval(target),
      discounts: invoice ? discountsAfter(invoice) : undefined,
    });
    return { currency: preview.currency, total: nextTotal(preview, chargedNow) };
  } catch (error) {
    if (!isGatewayError(error) || error.code !== 'invoice_upcoming_none') throw error;
    return { currency: subscription.facts.currency, total: 0 };
  }
}

/**
 * The total of the next invoice. Where periods of different length begin together it bills the shorter ones alone, and
 * what waits for it is billed by a change that is charged at once.
 */
function nextTotal({ lines: { data }, total }: Stripe.Invoice, chargedNow: boolean): number {
  const whole = data.filter(({ parent }) => parent?.subscription_item_details?.proration === false);
  const start = Math.min(...whole.map(({ period }) => period.start));
  const ahead = whole.filter((line) => line.period.start === start);
  const first = Math.min(...ahead.map(({ period }) => period.end));
  const later = ahead.filter(({ period }) => period.end > first + 2 * 86_400);
  const waiting = chargedNow ? data.filter((line) => lineView(line).proration) : [];
  return [...later, ...waiting].reduce((sum, line) => sum - netOf(line), total);
}

interface Dated {
  target: PlanTarget;
  prorationAt: number;
}

/** The discounts that are left after an invoice; undefined where it uses none up. */
function discountsAfter(invoice: Stripe.Invoice): string[] | undefined {
  const { discounts } = invoice;
  const left = discounts.flatMap((discount) => {
    if (typeof discount === 'string') return [discount];
    return onceCoupon(discount) === null ? [discount.id] : [];
  });
  return left.length < discounts.length ? left : undefined;
}

/** The coupons that count for one invoice and make this one smaller. */
function onceCoupons(invoice: Stripe.Invoice | null): Stripe.Coupon[] {
  return (invoice?.discounts ?? []).flatMap((discount) => onceCoupon(discount) ?? []);
}

function onceCoupon(discount: Stripe.Invoice['discounts'][number]): Stripe.Coupon | null {
  const coupon = typeof discount !== 'string' && 'source' in discount && discount.source.coupon;
  return typeof coupon === 'object' && coupon?.duration === 'once' ? coupon : null;
}

function previewNow(
  services: Services,
  subscription: SubscriptionRow,
  dated: Dated,
): Promise<Stripe.Invoice> {
  return services.stripe.previewChange(requestOf(services, subscription, dated));
}

/**
 * What a change costs now, asked for the subscription as it is stored: the answer brings the subscription along. Null where
 * that is another by now, or did not come; then it has to be read first.
 */
export async function priceOfStored(
  services: Services,
  stored: SubscriptionRow,
  { target, prorationDate }: { target: PlanTarget; prorationDate: string },
): Promise<Stripe.Invoice | null> {
  await settleUsage(services, stored);
  const dated = { target, prorationAt: Date.parse(prorationDate) };
  try {
    const { invoice, subscription } = await services.stripe.previewChangeOf(
      requestOf(services, stored, dated),
    );
    const isSame =
      subscription !== null &&
      isAsStored(services.catalogue, stored.facts, readSubscription(subscription));
    return isSame ? invoice : null;
  } catch (error) {
    // What it asks for does not fit any more.
    if (isGatewayError(error, 'invalid', 'not_found')) return null;
    throw error;
  }
}

function requestOf(
  { catalogue }: Services,
  subscription: SubscriptionRow,
  { target, prorationAt }: Dated,
) {
  return {
    subscriptionId: subscription.id,
    items: itemChanges(catalogue, subscription, target),
    prorationDate: prorationAt / 1000,
    restartPeriod: target.restartPeriod,
  };
}

function keyOf(subscription: SubscriptionRow, target: PlanTarget, prorationAt: number): QuoteKey {
  return {
    subscriptionId: subscription.id,
    prorationAt,
    // Seats that were only kept are another wish: another tab may have changed their number since.
    target: targetKey(target),
  };
}

function targetKey({ priceId, quantity, seatsKept, addons }: PlanTarget): string {
  const plan = `${priceId} × ${quantity ?? 'metered'}${seatsKept ? ' kept' : ''}`;
  if (addons.length === 0) return plan;
  const words = addons.map((addon) => `${addon.addon.id} ${addon.priceId} × ${addon.quantity}`);
  // The column holds 255 characters.
  const digest = createHash('sha256').update(words.join()).digest('hex').slice(0, 32);
  return `${plan} + ${digest}`;
}

function hasOtherInterval({ every, item }: PlanTarget): boolean {
  return !isSameEvery(every, { interval: item.interval, count: item.intervalCount });
}

/** A fingerprint of all that a price depends on and that is stored. */
function basisOf({ facts }: SubscriptionRow): string {
  const basis = [
    facts.stripeStatus,
    facts.items.map((item) => [item.id, item.priceId, item.quantity, item.periodEnd]),
    [facts.nextPhase, facts.cancelAt, facts.trialEnd, facts.pauseCollection],
  ];
  return createHash('sha256').update(JSON.stringify(basis)).digest('hex').slice(0, 32);
}

/** The refusal of a change whose price is not known to hold. */
export function quoteExpired(why: string): AppError {
  return new AppError('quote_expired', `${why} Ask for a new preview.`);
}
