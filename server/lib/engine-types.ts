import type { StripeGateway } from '../../adapters/stripe-gateway.ts';
import type { NewEvent } from '../../db/webhook-events.ts';
import type { CheckoutFacts } from '../../state/event-objects.ts';
import type { OwnerClaim } from '../../state/ownership.ts';
import type { Cause, StoredSubscription, SubscriptionFacts } from '../../state/types.ts';
import type { Change } from './change-feed.ts';

/** Reads of Stripe within its limits and pauses. */
export interface StripeReader {
  /**
   * What Stripe says now; null when it has no such subscription. Where it is known about when its present period began
   * (in ms), many may share a call. Throws `StripeOutage`.
   */
  subscription(id: string, periodStart?: number | null): Promise<SubscriptionFacts | null>;
  /** Any other read under the same limit and pauses. Throws `StripeOutage`. */
  read<T>(call: (stripe: StripeGateway) => Promise<T>): Promise<T>;
  /** How many subscriptions can be read without waiting for a turn, as far as one can tell. */
  room(): number;
  /** When reads go on, in ms since the epoch; 0 while they are not paused. */
  pausedUntil(): number;
  /** Calls made since the start. */
  count(): number;
}

/** A subscription and what is known about its owner without asking Stripe. */
export interface OwnerQuestion {
  facts: SubscriptionFacts;
  /** The account that the database has for its customer, or for itself. */
  link: string | null;
  /** Checkout sessions that waiting events tell of. */
  checkouts: readonly CheckoutFacts[];
}

/** Every account that is named for a subscription, the one that counts first; Stripe is asked only while there is none. */
export type ReadOwner = (question: OwnerQuestion) => Promise<OwnerClaim[]>;

/** Business time: real, or that of the test clock. */
export interface BusinessClock {
  /** Milliseconds since the epoch. */
  now(): number;
}

/** What Stripe answered to a change, which is as fresh as a read while nothing else is heard of the subscription. */
export interface WriteAnswer {
  facts: SubscriptionFacts;
  /** What was stored before the change; null where there was nothing. */
  before: SubscriptionFacts | null;
}

/** What a request wants to know right after it changed something at Stripe. */
export interface SyncRequest {
  subscriptionId: string;
  customerId: string;
  cause: Cause;
  answer?: WriteAnswer | null;
}

/** What is true of a delivered event when its delivery is answered. */
export interface Receipt {
  /** False when it had been stored before. */
  isNew: boolean;
  /** Why it could not be processed in time; it is stored and will be retried. null when all is well. */
  problem: unknown;
}

/** The event processor, as the rest of the server sees it. Only it writes subscription state. */
export interface Engine {
  /** Starts the workers; until then nothing but requests and deliveries is processed. */
  start(): Promise<void>;
  /** Finishes work in flight, gives leases back, closes listeners. */
  stop(): Promise<void>;
  /** Reads one subscription from Stripe and stores it, as an event about it would. Throws what went wrong. */
  syncSubscription(request: SyncRequest): Promise<StoredSubscription | null>;
  /** Stores a delivery and, unless `WEBHOOK_ACK=stored`, processes it. Throws when it could not be stored. */
  receive(event: NewEvent): Promise<Receipt>;
  /** Stores events that came by another way than a delivery; returns how many were new. */
  store(events: NewEvent[]): Promise<number>;
  /** Calls back for changes by any process; an empty list means "some were missed: forget all". */
  onChange(listener: (changes: Change[]) => void): () => void;
  /** Work was stored or became due: look now. */
  wake(): void;
  /** When its worker last looked for work, in ms since the epoch; null when it is not started. */
  lookedAt(): number | null;
  /** Deliveries that wait in memory to be stored. */
  backlog(): number;
  /** For how long the oldest delivery has been waiting for its answer, in ms. */
  oldestDelivery(): number;
  /** Whether missed events have not been looked for in full for ten minutes. */
  isCatchUpLate(): Promise<boolean>;
  /** Reads of Stripe within its limits; commands of people go past it. */
  reader: StripeReader;
  /** Business time; leases, retries and signatures use real time. */
  clock: BusinessClock;
}
