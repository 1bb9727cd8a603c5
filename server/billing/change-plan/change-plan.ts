import type { QuoteKey } from '../../../db/quotes.ts';
import type { SubscriptionRow } from '../../../db/subscriptions.ts';
import { ownPlanEnd } from '../../../state/plan-period.ts';
import type { SubscriptionFacts } from '../../../state/types.ts';
import {
  confirmIfAnswerLost,
  freshKey,
  readNow,
  type Answer,
  type CommandContext,
} from '../command.ts';
import {
  holdsWanted,
  itemChanges,
  nextPhaseItems,
  type PlanTarget,
  type WantedChange,
} from './plan-target.ts';
import { acceptQuote, hasQuote, quoteExpired } from './quote.ts';
import { collectKeptDrafts } from '../open-invoices.ts';
import { dropSchedule, putNextPhase, withoutSchedule } from '../schedule.ts';
import { settleUsage } from '../settle-usage.ts';

/** Carries a change out at Stripe: at once, with the next period, or by taking a waiting one back. */
export async function changePlan(
  context: CommandContext,
  subscription: SubscriptionRow,
  wanted: WantedChange,
): Promise<Answer> {
  const { target, prorationDate } = wanted;
  if (
    (target.unchanged || isUnderWay(context, subscription.facts, target)) &&
    prorationDate !== undefined
  ) {
    // A second click on the same quote; it must not take back what was asked for after the first.
    if (await hasQuote(context.services, subscription, wanted)) return null;
    throw quoteExpired('There is no such quote for this change.');
  }
  if (prorationDate !== undefined && !(target.effective === 'now' && target.prorate)) {
    throw quoteExpired(
      'This change now takes effect at the end of the period, so the quote does not apply.',
    );
  }
  if (target.unchanged) return keepPlan(context, subscription);
  if (isUnderWay(context, subscription.facts, target)) return null;
  if (target.effective === 'now') return changeNow(context, subscription, wanted);
  return changeLater(context, subscription, target);
}

/** The present plan is wanted: what waits to replace it is taken back. */
async function keepPlan(context: CommandContext, subscription: SubscriptionRow): Promise<null> {
  await dropUnpaidChange(context, subscription);
  await dropSchedule(context, subscription);
  return null;
}

/** The same change waits already, for its payment or for the end of the period. */
function isUnderWay(
  { services: { catalogue } }: CommandContext,
  facts: SubscriptionFacts,
  target: PlanTarget,
): boolean {
  const waiting = target.effective === 'now' ? facts.pendingUpdate : facts.nextPhase;
  if (!waiting || waiting.priceId === null) return false;
  const { priceId, quantity } = waiting;
  return holdsWanted(catalogue, waiting.items ?? [{ priceId, quantity }], target);
}

async function changeNow(
  context: CommandContext,
  subscription: SubscriptionRow,
  wanted: WantedChange,
): Promise<Answer> {
  const { services } = context;
  const { target } = wanted;
  // Before the quote is looked at: if Stripe bills what was used since, the amount is another, and it does not hold.
  if (!wanted.price) await settleUsage(services, subscription);
  const quote = target.prorate ? await acceptPaid(context, subscription, wanted) : null;
  await dropUnpaidChange(context, subscription);
  const request = {
    subscriptionId: subscription.id,
    items: itemChanges(services.catalogue, subscription, target),
    prorationDate: quote ? quote.prorationAt / 1000 : null,
    restartPeriod: target.restartPeriod,
  };
  return withoutSchedule(context, subscription, () =>
    confirmIfAnswerLost(
      () => services.stripe.changeSubscription(request, freshKey('change', context)),
      async () => hasHappened(context, await readNow(services, subscription.id), target),
    ),
  );
}

/** The quote of a change. What it credits is paid first, where the renewal's invoice is still a draft. */
async function acceptPaid(
  context: CommandContext,
  subscription: SubscriptionRow,
  wanted: WantedChange,
): Promise<QuoteKey> {
  const { services } = context;
  const { key, payment } = await acceptQuote(services, subscription, wanted);
  if (payment !== 'draft') return key;
  await collectKeptDrafts(context, subscription.id);
  return (await acceptQuote(services, subscription, { ...wanted, price: null })).key;
}

function hasHappened(
  context: CommandContext,
  facts: SubscriptionFacts,
  target: PlanTarget,
): boolean {
  const { catalogue } = context.services;
  return isUnderWay(context, facts, target) || holdsWanted(catalogue, facts.items, target);
}

async function changeLater(
  context: CommandContext,
  subscription: SubscriptionRow,
  target: PlanTarget,
): Promise<Answer> {
  const { id, facts } = subscription;
  await dropUnpaidChange(context, subscription);
  const { catalogue } = context.services;
  const end = ownPlanEnd(catalogue, facts);
  const next = {
    items: nextPhaseItems(catalogue, subscription, target),
    interval: target.every.interval,
    intervalCount: target.every.count,
    startsAt: end === null ? undefined : end / 1000,
  };
  return putNextPhase(context, { id, scheduleId: facts.scheduleId }, next);
}

/** A change that waits for its payment is given up by voiding its invoice. */
async function dropUnpaidChange(
  context: CommandContext,
  { id, facts }: SubscriptionRow,
): Promise<void> {
  const { stripe } = context.services;
  if (!facts.pendingUpdate) return;
  // Not simply the latest one: that may be a renewal by now.
  const invoices = await stripe.invoicesOf(id, 20);
  const unpaid = invoices.find(
    ({ status, billing_reason }) => status === 'open' && billing_reason === 'subscription_update',
  );
  if (!unpaid) return;
  await confirmIfAnswerLost(
    () => stripe.voidInvoice(unpaid.id, freshKey('void', context)),
    async () => (await stripe.retrieveInvoice(unpaid.id)).status === 'void',
  );
}
