import type { Grant } from '../../state/grants.ts';
import type { StripeGateway } from '../../adapters/stripe-gateway.ts';
import type { Database } from '../../db/database.ts';
import type { SubscriptionRow } from '../../db/subscriptions.ts';
import type { Catalogue } from '../../state/catalogue.ts';
import type { Config } from '../config/config.ts';
import type { BusinessClock, Engine } from './engine-types.ts';
import type { Hooks } from './hooks.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { Trace } from './tracing.ts';
import type { Usage } from './usage-types.ts';

/** Who asks. `id` is the token's `sub`. */
export interface User {
  id: string;
  email: string | null;
  name: string | null;
  /** Whom they act for, where that is a team or an organisation. Without it a user is their own account. */
  account?: UserAccount | null;
}

/** An account as a token or a host names it. */
export interface UserAccount {
  id: string;
  name?: string | null;
  /** `owner`, `billing` or `member`; without one of these, a member. */
  role?: string | null;
}

/**
 * Tells who sent a request; null without a known user. An embedding app may bring its own;
 * `native` is then the request as its framework has it, with session and user.
 */
export type Authenticate<Native = unknown> = (
  request: Request,
  native: Native,
) => Promise<User | null> | User | null;

/** What decides about access, for each user who asked lately. The access rule is applied afresh on each check. */
export interface AccessCache {
  subscriptionOf(userId: string): Promise<SubscriptionRow | null>;
  /** What Stripe entitles the user's customer to; null when it was never read. */
  featuresOf(userId: string, customerId: string): Promise<ReadonlySet<string> | null>;
  /** All grants of an account, those that are over too. */
  grantsOf(accountId: string): Promise<readonly Grant[]>;
  /** Forgets a user; called in the process that stored a change. */
  invalidate(userId: string): void;
  /** Forgets everybody, when changes of other processes may have been missed. */
  invalidateAll(): void;
}

/** How far this machine's clock is ahead of others, in ms; negative when it is behind. */
export interface ClockOffsets {
  /** By the latest answer; null where there was none lately. */
  stripe: () => number | null;
  database: () => Promise<number>;
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
  metrics: Metrics;
  /** null where the host had registered no OpenTelemetry when this process started. */
  trace: Trace | null;
  /** Functions of the host app that are told what happens; null in a process without. */
  hooks: Hooks | null;
  /** In tests only: called between the steps of processing, to break them. */
  probe?: (step: string) => Promise<void> | void;
}

/** Everything that handlers and workers need; made once per process. */
export interface Services extends CoreServices {
  clock: BusinessClock;
  engine: Engine;
  /** Recording of usage; it starts and stops with the engine. */
  usage: Usage;
  clockOffsets: ClockOffsets;
  /** How far this server is on its way to a stop. */
  lifecycle: { isDraining: boolean };
  /** Stops the engine, then closes the database. */
  close(): Promise<void>;
}
