import type { Effect, SubscriptionData } from './effect-kinds.ts';
import { endOf } from './lifecycle.ts';
import { planItem } from './plan-change.ts';
import type { StoredSubscription, Transition } from './types.ts';

/** A line of the history, and who moved it. */
interface DecidedLine extends Pick<Transition, 'from' | 'to' | 'event'> {
  number: number;
  actor: { name: string } | null;
}

/** What a customer, or an operator for them, decided is confirmed to them. */
export function confirmationsOf(
  after: StoredSubscription,
  line: DecidedLine,
  data: SubscriptionData,
): Effect[] {
  const objectId = `${after.id}:${line.number}`;
  if (line.to === 'cancel_pending' && line.event === 'cancel_scheduled') {
    const payload = { ...data, cancelAt: iso(endOf(after.facts)) };
    // When it was asked for is the fact, whichever line tells of it.
    const { canceledAt } = after.facts;
    const fact = canceledAt === null ? objectId : `${after.id}:${canceledAt}`;
    return [{ objectId: fact, kind: 'mail.cancel_scheduled', payload }];
  }
  const begins = line.from === 'downgrading' && line.event === 'period_ended';
  // What the server changes by itself for many, or a schedule begins, has a mail of its own: that of the price.
  const isAsked = !['system', 'stripe'].includes(line.actor?.name ?? '');
  if (!begins && !(line.event === 'upgraded' && isAsked)) return [];
  const { facts } = after;
  const payload = {
    ...data,
    quantity: planItem({ plans: [], products: [] }, facts)?.quantity ?? null,
    number: line.number,
    renewsAt: iso(facts.currentPeriodEnd),
  };
  return [{ objectId, kind: 'mail.plan_changed', payload }];
}

const iso = (time: number | null): string | null =>
  time === null ? null : new Date(time).toISOString();
