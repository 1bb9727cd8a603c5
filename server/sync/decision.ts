import type { CustomerDetails, OwnerLink } from '../../db/customers.ts';
import type { DueEvent } from '../../db/due-events.ts';
import type { Claim } from '../../db/subjects.ts';
import type { Effect } from '../../state/effect-kinds.ts';
import type { Verdict } from './decide.ts';

/** `isQuiet`: it was told before; a mail or webhook is noted and not sent. */
export type CausedEffect = Effect & { causeId: string | null; isQuiet?: boolean };

/** Events that could not be processed, and why. */
export interface Failure {
  events: DueEvent[];
  subscriptionId?: string;
  error: unknown;
}

export interface DecidedWork {
  verdicts: Verdict[];
  loose: {
    events: DueEvent[];
    /** Those of customers that are not ours. */
    foreign: DueEvent[];
    effects: CausedEffect[];
    links: OwnerLink[];
    /** What `customer.updated` says. */
    details: CustomerDetails[];
    deletedCustomer: { id: string; at: number } | null;
  };
  moves: { eventId: string; subject: string; subscriptionId: string }[];
  failures: Failure[];
}

/** One subject's decided work and the claim under which it was decided. */
export interface Decision {
  claim: Claim;
  work: DecidedWork;
}
