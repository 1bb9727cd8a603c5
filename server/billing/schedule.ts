import { isGatewayError, type NextPhase } from '../../adapters/stripe-gateway.ts';
import type { SubscriptionRow } from '../../db/subscriptions.ts';
import {
  confirmIfAnswerLost,
  freshKey,
  isAnswerLost,
  readNow,
  type CommandContext,
} from './command.ts';

/** One schedule per subscription: the phase after the present one is what waits, and is replaced in one call. */
export async function putNextPhase(
  context: CommandContext,
  subscription: { id: string; scheduleId: string | null },
  next: NextPhase,
): Promise<void> {
  const { services } = context;
  const { id } = subscription;
  const schedule = await services.stripe.retrieveSchedule(
    subscription.scheduleId ?? (await createSchedule(context, id)),
  );
  const [item] = next.items;
  await confirmIfAnswerLost(
    () => services.stripe.scheduleNextPhase(schedule, next, freshKey('next-phase', context)),
    async () => {
      const { nextPhase } = await readNow(services, id);
      return (
        nextPhase?.priceId === item?.price && (nextPhase?.quantity ?? 1) === (item?.quantity ?? 1)
      );
    },
  );
}

async function createSchedule(context: CommandContext, id: string): Promise<string> {
  const { services } = context;
  try {
    return (await services.stripe.createSchedule(id, freshKey('schedule', context))).id;
  } catch (error) {
    const made = isAnswerLost(error) && (await readNow(services, id)).scheduleId;
    if (!made) throw error;
    return made;
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
 * Runs what Stripe refuses while a schedule is attached. If it fails, what the schedule had in store is put back:
 * an upgrade that did not happen must not cost the customer the downgrade they had asked for.
 */
export async function withoutSchedule(
  context: CommandContext,
  subscription: SubscriptionRow,
  run: () => Promise<unknown>,
): Promise<void> {
  const had = await scheduledPhase(context, subscription);
  try {
    await releaseSchedule(context, subscription.facts.scheduleId);
    await run();
  } catch (error) {
    if (had) await putBack(context, subscription.id, had);
    throw error;
  }
}

async function putBack(context: CommandContext, id: string, had: NextPhase): Promise<void> {
  const { services } = context;
  try {
    const { scheduleId, nextPhase } = await readNow(services, id);
    if (nextPhase === null) await putNextPhase(context, { id, scheduleId }, had);
  } catch (error) {
    services.log.error(
      { err: error, subscription: id, lost: had },
      'a scheduled change could not be put back after a failed command',
    );
  }
}

/** What the schedule has in store, as Stripe has it. */
async function scheduledPhase(
  { services }: CommandContext,
  { facts: { scheduleId, nextPhase } }: SubscriptionRow,
): Promise<NextPhase | null> {
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
    interval: days > 200 ? 'year' : 'month',
    startsAt: phase.start_date,
  };
}
