import type { CustomerDetails, OwnerLink } from '../../db/customers.ts';
import type { DueEvent } from '../../db/due-events.ts';
import type { SubscriptionChange } from '../../db/save-changes.ts';
import type { Claim } from '../../db/customer-locks.ts';
import type { Effect } from '../../state/effect-kinds.ts';
import type { Cause } from '../../state/types.ts';
import type { WriteAnswer } from '../lib/engine-types.ts';

/** One customer to process, and what besides the events that are due. */
export interface CustomerTask {
  /** The Stripe customer, or what else its events are ordered by. */
  key: string;
  /** Events to take even if they are not due: Stripe has just sent them again. */
  also: string[];
  /** A subscription that a request waits for. */
  wanted: { subscriptionId: string; cause: Cause; answer?: WriteAnswer | null } | null;
}

/** The same under a lock that this process holds. */
export interface ClaimedTask extends CustomerTask {
  claim: Claim;
}

/**
 * `isQuiet`: it was told before; a mail or webhook is noted and not sent. `quietLike`: so is this one, if the effect about
 * this object was: what is found of a life before first sight is told no more than the rest of it.
 */
export type CausedEffect = Effect & {
  causeId: string | null;
  isQuiet?: boolean;
  quietLike?: string | null;
};

/** What events count as: `foreign` when it is not ours, `first_sight` when it had a life before we saw it. */
export type Outcome = 'done' | 'first_sight' | 'foreign' | 'not_found';

/** What is to be written for one subscription. */
export interface SubscriptionDecision {
  change: SubscriptionChange | null;
  effects: CausedEffect[];
  events: DueEvent[];
  /** `not_found` when Stripe has no such subscription and neither have we. */
  outcome: Outcome;
  /** The accounts that are named for it, where that is news; the first is linked, the others contradict it. */
  links: OwnerLink[];
  unknownStatus: string | null;
  /** True when the customer is known to have had no other subscription before. */
  isAlone: boolean;
  /** True when mails and webhooks that follow are noted and not sent. */
  isQuiet: boolean;
}

/** Events that could not be processed, and why. */
export interface Failure {
  events: DueEvent[];
  subscriptionId?: string;
  error: unknown;
}

/** What is to be written for one customer, and the lock under which it was decided. */
export interface Decision {
  claim: Claim;
  subscriptions: SubscriptionDecision[];
  /** Of events about no subscription: one-off invoices, customers, clocks. */
  other: {
    events: DueEvent[];
    /** Those of customers that are not ours. */
    foreign: DueEvent[];
    effects: CausedEffect[];
    links: OwnerLink[];
    /** What `customer.updated` says. */
    details: CustomerDetails[];
    deletedCustomer: { id: string; at: number } | null;
  };
  /** Events whose subscription belongs to another customer: only Stripe could say so. */
  moves: { eventId: string; customerId: string; subscriptionId: string }[];
  failures: Failure[];
}
