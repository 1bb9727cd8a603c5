import type Stripe from 'stripe';
import { isGatewayError, type NextPhase } from '../../adapters/stripe-gateway.ts';
import { currentSubscriptionOfUser, type SubscriptionRow } from '../../db/subscriptions.ts';
import { everyOfDays } from '../../state/intervals.ts';
import { readSubscription } from '../../state/subscription-facts.ts';
import { AppError } from '../http/errors.ts';
import {
  actionsNow,
  confirmIfAnswerLost,
  freshKey,
  isAnswerLost,
  readNow,
  type Answer,
  type CommandContext,
} from './command.ts';

/** One schedule per subscription: the phase after the present one is what waits, and is replaced in one call. */
export async function putNextPhase(
  context: CommandContext,
  subscription: { id: string; scheduleId: string | null },
  next: NextPhase,
): Promise<Answer> {
  const { services } = context;
  const { id, scheduleId } = subscription;
  const schedule =
    scheduleId === null
      ? await createSchedule(context, id)
      : await services.stripe.retrieveSchedule(scheduleId);
  await requireOwn(context, schedule);
  return confirmIfAnswerLost(
    () =>
      services.stripe.scheduleNextPhase(
        { schedule, userId: context.account.id },
        next,
        freshKey('next-phase', context),
      ),
    async () => {
      const { nextPhase } = await readNow(services, id);
      const coming = nextPhase?.items ?? (nextPhase ? [nextPhase] : []);
      return next.items.every(({ price, quantity = 1 }) =>
        coming.some((each) => each.priceId === price && (each.quantity ?? 1) === quantity),
      );
    },
  );
}

async function createSchedule(
  context: CommandContext,
  id: string,
): Promise<Stripe.SubscriptionSchedule> {
  const { services } = context;
  try {
    return await services.stripe.createSchedule(id, freshKey('schedule', context));
  } catch (error) {
    const made = isAnswerLost(error) && (await readNow(services, id)).scheduleId;
    if (!made) throw error;
    return services.stripe.retrieveSchedule(made);
  }
}

/** Takes a schedule off; one that is released, run out or canceled in the meantime is as good. */
export async function releaseSchedule(
  context: CommandContext,
  scheduleId: string | null,
): Promise<void> {
  const { stripe } = context.services;
  if (scheduleId === null) return;
  try {
    await stripe.releaseSchedule(scheduleId, freshKey('release', context));
  } catch (error) {
    if (!isGatewayError(error, 'invalid') && !isAnswerLost(error)) throw error;
    const { status } = await stripe.retrieveSchedule(scheduleId);
    if (status === 'active' || status === 'not_started') throw error;
  }
}

/**
 * Runs what Stripe refuses while a schedule is attached; `run` is told what was scheduled. If it fails, that is put back:
 * an upgrade that did not happen must not cost the customer the downgrade they had asked for. Throws 409 where the schedule
 * holds more than a change of plan: an operator agreed on it.
 */
export function withoutSchedule(
  context: CommandContext,
  subscription: SubscriptionRow,
  run: Run,
): Promise<Answer> {
  return withReleased(context, subscription, { run, ends: false });
}

/** The same for what ends the subscription: whatever was scheduled, nothing follows any more. */
export function withoutAnySchedule(
  context: CommandContext,
  subscription: SubscriptionRow,
  run: Run,
): Promise<Answer> {
  return withReleased(context, subscription, { run, ends: true });
}

type Run = (had: NextPhase | null) => Promise<Answer>;

async function withReleased(
  context: CommandContext,
  subscription: SubscriptionRow,
  { run, ends }: { run: Run; ends: boolean },
): Promise<Answer> {
  const had = await scheduledPhase(context, subscription, ends);
  try {
    await releaseSchedule(context, subscription.facts.scheduleId);
    return await run(had);
  } catch (error) {
    if (had) await putBack(context, { id: subscription.id, answer: null }, had);
    throw error;
  }
}

/**
 * Puts a scheduled change back, if nothing else is scheduled by now; a failure is logged. `answer` is the subscription as
 * the call before answered it.
 */
export async function putBack(
  context: CommandContext,
  { id, answer }: { id: string; answer: Answer },
  had: NextPhase,
): Promise<Answer> {
  const { services } = context;
  try {
    const facts = answer ? readSubscription(answer) : await readNow(services, id);
    const { scheduleId, nextPhase } = facts;
    return nextPhase === null ? await putNextPhase(context, { id, scheduleId }, had) : answer;
  } catch (error) {
    services.log.error(
      { err: error, subscription: id, lost: had },
      'a scheduled change could not be put back after a command',
    );
    return null;
  }
}

/** Takes off a schedule that was made for a change of plan; throws 409 for one that an operator agreed on. */
export async function dropSchedule(
  context: CommandContext,
  subscription: SubscriptionRow,
): Promise<void> {
  await scheduledPhase(context, subscription, false);
  await releaseSchedule(context, subscription.facts.scheduleId);
}

/** What the schedule has in store, as Stripe has it. */
async function scheduledPhase(
  context: CommandContext,
  { facts: { scheduleId } }: SubscriptionRow,
  ends: boolean,
): Promise<NextPhase | null> {
  if (scheduleId === null) return null;
  const schedule = await context.services.stripe.retrieveSchedule(scheduleId);
  if (!ends) await requireOwn(context, schedule);
  const phase = laterPhases(schedule)[0];
  if (!phase) return null;
  const days = (phase.end_date - phase.start_date) / 86_400;
  const { interval, count: intervalCount } = everyOfDays(days);
  return {
    items: phase.items.map(({ price, quantity }) => ({
      price: typeof price === 'string' ? price : price.id,
      quantity,
    })),
    interval,
    intervalCount,
    startsAt: phase.start_date,
  };
}

type Phase = Stripe.SubscriptionSchedule.Phase;

function laterPhases({ phases, current_phase, status }: Stripe.SubscriptionSchedule): Phase[] {
  if (status !== 'active' && status !== 'not_started') return [];
  const end = current_phase?.end_date ?? 0;
  return phases.filter(({ start_date }) => start_date >= end);
}

/** Throws 409 for a schedule that holds more than one coming change of plan: it is not ours to release or overwrite. */
async function requireOwn(
  { services, account }: CommandContext,
  schedule: Stripe.SubscriptionSchedule,
): Promise<void> {
  const [next, ...more] = laterPhases(schedule);
  const { current_phase: now, end_behavior: ends } = schedule;
  const current = schedule.phases.find(({ start_date }) => start_date === now?.start_date);
  const isPlain =
    ends === 'release' &&
    more.length === 0 &&
    (!next || !current || termsOf(next) === termsOf(current));
  if (isPlain || !isRunning(schedule)) return;
  services.log.warn({ schedule: schedule.id }, 'a command would have dropped an agreed schedule');
  const { database, catalogue } = services;
  const row = await currentSubscriptionOfUser(database.knex, account.id, catalogue);
  throw new AppError(
    'not_allowed',
    'Terms were agreed for the coming periods of this subscription; ask the team that made them to change it.',
    {
      fields: { state: row?.state, actions: actionsNow(services, row), reason: 'agreed_schedule' },
    },
  );
}

const isRunning = ({ status }: Stripe.SubscriptionSchedule) =>
  status === 'active' || status === 'not_started';

/** All that a phase sets besides prices and seats. */
function termsOf(phase: Phase): string {
  const id = (value: string | { id: string } | null | undefined) =>
    typeof value === 'string' ? value : (value?.id ?? null);
  const discounts = (list: Phase['discounts']) =>
    list.map(({ coupon, discount, promotion_code: code }) => [id(coupon), id(discount), id(code)]);
  return JSON.stringify([
    discounts(phase.discounts),
    phase.items.flatMap((item) => discounts(item.discounts)),
    phase.add_invoice_items.length,
    (phase.default_tax_rates ?? []).map(id),
    phase.automatic_tax?.enabled ?? null,
    phase.collection_method,
    phase.description,
  ]);
}
