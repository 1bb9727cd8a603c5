import type { NextPhase } from '../../../adapters/stripe-gateway.ts';
import { findBeforeCancel, forgetBeforeCancel } from '../../../db/before-cancel.ts';
import type { SubscriptionRow } from '../../../db/subscriptions.ts';
import { endsWithPeriod } from '../../../state/lifecycle.ts';
import {
  confirmIfAnswerLost,
  freshKey,
  readNow,
  type Answer,
  type CommandContext,
} from '../command.ts';
import { putBack, withoutSchedule } from '../schedule.ts';

/** Our clock is not Stripe's. In ms. */
const SAME_CANCEL = 120_000;

/**
 * Takes a scheduled end back, however it was set, and restores what was there before: a scheduled change, or an end that
 * was agreed for later.
 */
export async function undoCancel(
  context: CommandContext,
  subscription: SubscriptionRow,
): Promise<Answer> {
  const { services } = context;
  const { id, facts } = subscription;
  const { stripe } = services;
  const before = await beforeCancel(context, subscription);
  // The portal of a flexible subscription sets `cancel_at` and leaves the flag alone.
  const field = facts.cancelAtPeriodEnd ? 'cancel_at_period_end' : 'cancel_at';
  // The portal leaves the schedule, and Stripe then refuses to take the end back.
  let had: NextPhase | null = null;
  let answer = await withoutSchedule(context, subscription, async (scheduled) => {
    had = scheduled;
    return confirmIfAnswerLost(
      () => stripe.undoCancel(id, field, freshKey('resume', context)),
      async () => !endsWithPeriod(services.catalogue, await readNow(services, id)),
    );
  });
  const again = before?.nextPhase ?? had;
  if (again && isAhead(again, services.clock.now())) {
    answer = await putBack(context, { id, answer }, again);
  }
  if (before?.cancelAt) {
    const at = before.cancelAt / 1000;
    answer = await stripe.cancelAtPeriodEnd(id, { at }, freshKey('agreed-end', context));
  }
  await forgetBeforeCancel(services.database.knex, id);
  return answer;
}

/** What our own cancel set aside; a later one, made elsewhere, had something else before it. */
async function beforeCancel(
  { services }: CommandContext,
  { id, facts: { canceledAt } }: SubscriptionRow,
): Promise<{ nextPhase: NextPhase | null; cancelAt: number | null } | null> {
  const found = await findBeforeCancel(services.database.knex, id);
  if (!found || canceledAt === null) return null;
  if (Math.abs(found.savedAt - canceledAt) > SAME_CANCEL) return null;
  return { nextPhase: found.nextPhase as NextPhase | null, cancelAt: found.cancelAt };
}

const isAhead = ({ startsAt }: NextPhase, now: number) =>
  startsAt !== undefined && startsAt * 1000 > now;
