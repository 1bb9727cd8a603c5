import type { StripeGateway } from '../adapters/stripe-gateway.ts';
import type { Database } from '../db/database.ts';
import type { Catalogue } from '../state/catalogue.ts';
import type { Cause, StoredSubscription } from '../state/types.ts';
import type { AccessCache } from './access-cache.ts';
import type { Authenticate } from './auth.ts';
import type { Config } from './config.ts';
import type { Logger } from './log.ts';

/** What a request wants to know right after it changed something at Stripe. */
export interface SyncRequest {
  subscriptionId: string;
  customerId: string;
  cause: Cause;
}

/** The event processor, as the rest of the server sees it. Only it writes subscription state. */
export interface Engine {
  /** Starts the workers; until then nothing but requests is processed. */
  start(): Promise<void>;
  /** Finishes work in flight, gives leases back, closes listeners. */
  stop(): Promise<void>;
  /** Reads one subscription from Stripe and stores it, as an event about it would. */
  syncSubscription(request: SyncRequest): Promise<StoredSubscription | null>;
}

/** Business time: real, or that of the test clock. */
export interface BusinessClock {
  /** Milliseconds since the epoch. */
  now(): number;
}

/** What is there before the engine is: the parts that it is made of. */
export interface CoreServices {
  config: Config;
  log: Logger;
  database: Database;
  stripe: StripeGateway;
  catalogue: Catalogue;
  authenticate: Authenticate;
  access: AccessCache;
  /** In tests only: called between the steps of processing, to break them. */
  probe?: (step: string) => Promise<void> | void;
}

/** Everything that handlers and workers need; made once per process. */
export interface Services extends CoreServices {
  clock: BusinessClock;
  engine: Engine;
  /** Stops the engine, then closes the database. */
  close(): Promise<void>;
}

export interface ServiceOptions {
  authenticate?: Authenticate;
  log?: Logger;
  database?: Database;
  probe?: CoreServices['probe'];
}
