import type { z } from 'zod';
import type { SubscriptionRow } from '../../../db/subscriptions.ts';
import { mayCancel } from '../../../state/actions.ts';
import {
  lossesOfCancel,
  lossesOfPause,
  lossesOfPlannedEnd,
  lossesOfResume,
  lossOfCode,
} from '../../../state/losses.ts';
import { chargeOfCancel } from '../cancel/charge.ts';
import type { cancelBody } from '../cancel/route.ts';
import { notAllowed, type CommandContext } from '../command.ts';
import { ensureStripeCustomer } from '../customer.ts';
import { refuseUnseenSecond } from '../new-subscription.ts';
import { chargeOfPause, creditsUnused, isStoppable } from '../pause/charge.ts';
import { requireUsageBilled, resumeTime, type pauseBody } from '../pause/route.ts';
import { chosenPrice } from '../plan-choice.ts';
import { planComeback, previewFirst, type Comeback } from '../reactivate/comeback.ts';
import type { reactivateBody } from '../reactivate/route.ts';
import { chargeOfResume } from '../resume/charge.ts';
import { hasUsage, settleUsage } from '../settle-usage.ts';
import { quoteOf, totalOfPlan, type CommandQuote } from './command-quote.ts';
import { nextRenewal } from './next-renewal.ts';

/** What an end costs: now what was used, with the period what will have been used by then. */
export async function quoteCancel(
  { services }: CommandContext,
  subscription: SubscriptionRow,
  { when }: z.output<typeof cancelBody>,
): Promise<CommandQuote> {
  if (!mayCancel(subscription, when)) throw notAllowed(services, subscription, `cancel ${when}`);
  const { id, facts } = subscription;
  const { stripe } = services;
  const command = 'cancel';
  await settleUsage(services, subscription);
  if (when === 'period_end') {
    const end = hasUsage(subscription) ? await stripe.previewEnd(id) : null;
    const charge = { currency: facts.currency, invoice: null, debts: [] };
    const losses = lossesOfPlannedEnd(subscription);
    return quoteOf({ command, charge, losses, nextAmount: end?.total ?? 0 });
  }
  const isOpen = facts.latestInvoice?.status === 'open';
  const [charge, kept] = await Promise.all([
    chargeOfCancel(services, subscription),
    isOpen ? stripe.invoicesWith(id, 'open') : [],
  ]);
  const losses = lossesOfCancel(subscription, services.clock.now());
  return quoteOf({ command, charge, losses, nextAmount: 0, kept });
}

/** What a pause costs and gives back. */
export async function quotePause(
  { services }: CommandContext,
  subscription: SubscriptionRow,
  body: z.output<typeof pauseBody>,
): Promise<CommandQuote> {
  const resumesAt = resumeTime(services, body.resumesAt);
  requireUsageBilled(services, subscription, resumesAt);
  await settleUsage(services, subscription);
  const stops = resumesAt === null && isStoppable(subscription);
  const credited = stops && (await creditsUnused(services, subscription));
  const [charge, nextAmount] = await Promise.all([
    chargeOfPause(services, subscription, { stops, creditUnused: credited }),
    resumesAt === null ? 0 : nextRenewal(services, subscription),
  ]);
  const now = services.clock.now();
  const until = resumesAt === null ? null : resumesAt * 1000;
  const losses = lossesOfPause(subscription, { now, credited, resumesAt: until });
  return quoteOf({ command: 'pause', charge, losses, nextAmount });
}

/** What the end of a pause costs, or that taking an end back costs nothing. */
export async function quoteResume(
  { services }: CommandContext,
  subscription: SubscriptionRow,
): Promise<CommandQuote> {
  const charge = await chargeOfResume(services, subscription);
  const bought = charge.invoice ?? (subscription.state === 'paused' ? charge.debts[0] : null);
  return quoteOf({
    command: 'resume',
    charge,
    losses: lossesOfResume(subscription),
    nextAmount: bought ? totalOfPlan(bought) : await nextRenewal(services, subscription),
  });
}

/** What a comeback costs: debts, and the first period unless a trial comes before it. */
export async function quoteReactivate(
  context: CommandContext,
  former: SubscriptionRow,
  body: z.output<typeof reactivateBody>,
): Promise<CommandQuote> {
  const { services } = context;
  const choice = chosenPrice(services.catalogue, body, former.facts.currency);
  const customerId = await ensureStripeCustomer(services, context);
  const known = await refuseUnseenSecond(context, customerId);
  const { promotionCode } = body;
  const plan = await planComeback(context, former, { customerId, known, choice, promotionCode });
  const { charge, card, wish, promotion } = plan;
  const isSpentOnTrial = wish.trialDays !== null && promotion?.once === true;
  return quoteOf({
    command: 'reactivate',
    charge,
    losses: isSpentOnTrial ? [lossOfCode(promotion.code)] : [],
    nextAmount: totalOfPlan(await laterInvoice(context, plan)),
    checkout: card === null,
  });
}

/** An invoice as it comes after the first one: without the trial, and without a code for one invoice. */
async function laterInvoice(context: CommandContext, { wish, promotion, charge }: Comeback) {
  if (wish.trialDays === null && promotion?.once !== true) return charge.invoice;
  const promotionCodeId = promotion?.once === true ? null : wish.promotionCodeId;
  const later = { ...wish, trialDays: null, promotionCodeId };
  return previewFirst(context, later, charge.invoice?.automatic_tax.enabled === true);
}
