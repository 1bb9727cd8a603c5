import { isGatewayError, type NextPhase } from '../../adapters/stripe-gateway.ts';
import type { SubscriptionRow } from '../../db/subscriptions.ts';
import { freshKey, type CommandContext } from './command.ts';
import { itemChanges, nextPhaseItems, type PlanTarget } from './plan-target.ts';
import { acceptQuote, closeQuote, wasCarriedOut } from './quote.ts';

/** A change that is wanted, and the moment of the quote that it was shown with. */
export interface WantedChange {
  target: PlanTarget;
  prorationDate: string | undefined;
}

/** Carries a change out at Stripe: at once, with the next period, or by taking a waiting one back. */
export async function changePlan(
  context: CommandContext,
  subscription: SubscriptionRow,
  wanted: WantedChange,
): Promise<void> {
  const { target } = wanted;
  const there = target.unchanged || isUnderWay(subscription, target);
  // A second click on the same quote; it must not take back what was asked for after the first.
  if (there && (await wasCarriedOut(context.services, subscription, wanted))) return;
  if (target.unchanged) return keepPlan(context, subscription);
  if (isUnderWay(subscription, target)) return;
  if (target.effective === 'now') return changeNow(context, subscription, wanted);
  return changeLater(context, subscription, target);
}

/** The present plan is wanted: what waits to replace it is taken back. */
async function keepPlan(context: CommandContext, subscription: SubscriptionRow): Promise<void> {
  await dropUnpaidChange(context, subscription);
  await releaseSchedule(context, subscription);
}

/** The same change waits already, for its payment or for the end of the period. */
function isUnderWay({ facts }: SubscriptionRow, target: PlanTarget): boolean {
  const waiting = target.effective === 'now' ? facts.pendingUpdate : facts.nextPhase;
  if (!waiting || waiting.priceId !== target.priceId) return false;
  return (waiting.quantity ?? 1) === (target.quantity ?? 1);
}

async function changeNow(
  context: CommandContext,
  subscription: SubscriptionRow,
  { target, prorationDate }: WantedChange,
): Promise<void> {
  const { services } = context;
  const quote = target.prorate
    ? await acceptQuote(services, subscription, { target, prorationDate })
    : null;
  await dropUnpaidChange(context, subscription);
  await withoutSchedule(context, subscription, async () => {
    await services.stripe.changeSubscription(
      {
        subscriptionId: subscription.id,
        items: itemChanges(services.catalogue, subscription, target),
        prorationDate: quote ? quote.prorationAt / 1000 : null,
        restartPeriod: target.restartPeriod,
      },
      freshKey('change'),
    );
  });
  if (quote) await closeQuote(services, quote);
}

async function changeLater(
  context: CommandContext,
  subscription: SubscriptionRow,
  target: PlanTarget,
): Promise<void> {
  const { services } = context;
  await dropUnpaidChange(context, subscription);
  await putNextPhase(context, subscription, {
    items: nextPhaseItems(services.catalogue, subscription, target),
    interval: target.interval,
  });
}

/** One schedule per subscription: the phase after the present one is what waits, and is replaced in one call. */
async function putNextPhase(
  context: CommandContext,
  { id, facts }: SubscriptionRow,
  next: NextPhase,
): Promise<void> {
  const { stripe } = context.services;
  const schedule =
    facts.scheduleId === null
      ? await stripe.createSchedule(id, freshKey('schedule'))
      : await stripe.retrieveSchedule(facts.scheduleId);
  await stripe.scheduleNextPhase(schedule, next, freshKey('next-phase'));
}

/**
 * Runs what Stripe refuses while a schedule is attached. If it fails, what the schedule had in store is put back:
 * an upgrade that did not happen must not cost the customer the downgrade they had asked for.
 */
export async function withoutSchedule(
  context: CommandContext,
  subscription: SubscriptionRow,
  run: () => Promise<unknown>,
): Promise<void> {
  const { services } = context;
  const had = await scheduledPhase(context, subscription);
  await releaseSchedule(context, subscription);
  try {
    await run();
  } catch (error) {
    if (had) {
      const bare = { ...subscription, facts: { ...subscription.facts, scheduleId: null } };
      try {
        await putNextPhase(context, bare, had);
      } catch (second) {
        services.log.error(
          { err: second, subscription: subscription.id, lost: had },
          'a scheduled change could not be put back after a failed command',
        );
      }
    }
    throw error;
  }
}

/** What the schedule has in store, as Stripe has it. */
async function scheduledPhase(
  { services }: CommandContext,
  { facts }: SubscriptionRow,
): Promise<NextPhase | null> {
  const { scheduleId, nextPhase, items } = facts;
  if (scheduleId === null || nextPhase === null) return null;
  const schedule = await services.stripe.retrieveSchedule(scheduleId);
  const phase = schedule.phases.find(({ start_date }) => start_date * 1000 === nextPhase.at);
  if (!phase) return null;
  const days = (phase.end_date - phase.start_date) / 86_400;
  return {
    items: phase.items.map(({ price, quantity }) => ({
      price: typeof price === 'string' ? price : price.id,
      quantity,
    })),
    interval: days > 200 || (days === 0 && items[0]?.interval === 'year') ? 'year' : 'month',
  };
}

async function releaseSchedule(
  { services }: CommandContext,
  { facts: { scheduleId } }: SubscriptionRow,
): Promise<void> {
  if (scheduleId === null) return;
  try {
    await services.stripe.releaseSchedule(scheduleId, freshKey('release'));
  } catch (error) {
    if (!isGatewayError(error, 'invalid')) throw error;
    // Released, run out or canceled in the meantime is as good.
    const { status } = await services.stripe.retrieveSchedule(scheduleId);
    if (status === 'active' || status === 'not_started') throw error;
  }
}

/** A change that waits for its payment is given up by voiding its invoice. */
async function dropUnpaidChange(
  { services }: CommandContext,
  { facts: { pendingUpdate, latestInvoiceId } }: SubscriptionRow,
): Promise<void> {
  if (!pendingUpdate || latestInvoiceId === null) return;
  const invoice = await services.stripe.retrieveInvoice(latestInvoiceId);
  if (invoice.status === 'open') {
    await services.stripe.voidInvoice(latestInvoiceId, freshKey('void'));
  }
}
