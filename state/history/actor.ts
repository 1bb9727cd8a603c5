/** Who moved a subscription, as far as Stripe says so. */
import type { EventFacts } from '../event-facts.ts';
import type { SubscriptionFacts, Transition } from '../types.ts';

/** Who did it; `requestId` leads to our log. */
export interface Actor {
  /** `user:<id>`, `admin`, `portal`, `dashboard`, `dunning`, `system`, `stripe`. */
  name: string;
  account: string | null;
  requestId: string | null;
}

/** What is remembered of commands, by the id that is part of the keys they send to Stripe. */
export type Commands = ReadonlyMap<string, Actor>;

const COMMAND_KEY = /^tenure-.*-c([0-9a-f]{20})-[0-9a-f]+$/;

/** The id of the command that sent a request with this idempotency key; null when none of ours did. */
export function commandIn(idempotencyKey: string | null): string | null {
  return (idempotencyKey === null ? null : COMMAND_KEY.exec(idempotencyKey)?.[1]) ?? null;
}

/** How keys of what the server asks of Stripe begin; a command is named in them. */
const OWN_KEY = 'tenure-';
const DUNNING_KEY = 'tenure-final-';

/**
 * A request with a key of ours is a command, or what the server asks of Stripe by itself; any other request was made in the
 * Dashboard or by another program. What no request caused came with time, unless time alone cannot do it: then it was the
 * customer, in the portal.
 */
export function actorOf(event: EventFacts, move: Transition, commands?: Commands): Actor {
  const unnamed = { account: null, requestId: null };
  const { idempotencyKey, requestId } = event;
  const command = commandIn(idempotencyKey);
  const known = command === null ? undefined : commands?.get(command);
  if (known) return known;
  if (idempotencyKey?.startsWith(DUNNING_KEY)) return { name: 'dunning', ...unnamed };
  if (idempotencyKey?.startsWith(OWN_KEY)) return { name: 'system', ...unnamed };
  if (requestId !== null) return { name: 'dashboard', ...unnamed };
  if (DUNNING.has(move.event)) return { name: 'dunning', ...unnamed };
  return { name: isByTime(event, move) ? 'stripe' : 'portal', ...unnamed };
}

const DUNNING: ReadonlySet<Transition['event']> = new Set([
  'payment_failed',
  'retries_exhausted',
  'trial_ended_unpaid',
]);

/** Whether it can come about without anyone. */
function isByTime(event: EventFacts, move: Transition): boolean {
  switch (move.event) {
    case 'cancel_scheduled':
      // An end that was agreed long before counts from its last period on.
      return event.before !== null && leavesAlike(event.before, event.subscription);
    case 'cancel_undone':
    case 'downgrade_scheduled':
    case 'downgrade_undone':
      return false;
    case 'reactivated':
      // A new one is bought on a Checkout page, as the first is.
      return event.type === 'customer.subscription.created';
    case 'canceled': {
      const { cancellationReason: reason = null, cancelAt = null } = event.subscription ?? {};
      // The day that was set has come.
      if (cancelAt !== null && cancelAt <= event.createdAt) return true;
      if (reason !== null) return reason !== 'cancellation_requested';
      return move.from !== 'active' && move.from !== 'trialing' && move.from !== 'downgrading';
    }
    case 'upgraded': {
      // A phase of a schedule begins by itself, most with a period; the portal changes nothing that a schedule manages.
      const isManaged = [event.subscription, event.before].some(
        (facts) => (facts?.scheduleId ?? null) !== null,
      );
      if (isManaged) return true;
      const start = event.subscription?.currentPeriodStart ?? null;
      return start !== null && Math.abs(start - event.createdAt) <= 1_000;
    }
    default:
      return true;
  }
}

function leavesAlike(before: SubscriptionFacts, after: SubscriptionFacts | null): boolean {
  const { cancelAt, cancelAtPeriodEnd } = before;
  return after?.cancelAt === cancelAt && after.cancelAtPeriodEnd === cancelAtPeriodEnd;
}
