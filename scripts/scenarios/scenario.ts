import type { LifecycleEventType, LifecycleState } from '../../state/types.ts';

/**
 * One path of a subscription's life, as calls of the Stripe CLI and the state expected after each. `${name}` stands
 * for `clock`, `user`, `price.<plan>_<interval>`, and for whatever an earlier call kept.
 */
export interface Scenario {
  name: string;
  /** The path in a sentence. */
  title: string;
  steps: Step[];
}

export interface Step {
  /** What happens, in words. */
  does: string;
  /** Calls of the CLI in order, as one would type them after `stripe`. */
  cli?: (string | Call)[];
  /** Then moves the test clock, by some time or until two hours after the present period has ended. */
  advance?: { days: number; hours?: number } | 'past the period';
  expect?: Expectation;
}

export interface Call {
  call: string;
  /** Names for parts of the answer: `{ card: 'id' }`, `{ item: 'items.data.0.id' }`. */
  keep?: Record<string, string>;
  /** The call has to be refused with this error type or code. */
  fails?: string;
  /** What is sent instead where there is no local Stripe, because a page there needs a click. */
  inSandbox?: string;
  /** A form of a hosted page that is posted, as a browser would, instead of calling the CLI. Local Stripe only. */
  page?: { url: string; fields: Record<string, string> };
}

/** What has to become true, within the time limit of the runner. What is not named is not looked at. */
export interface Expectation {
  state: LifecycleState;
  access?: 'full' | 'grace' | 'none';
  /** Plan id of the scenarios' plans file. */
  plan?: string;
  interval?: 'monthly' | 'yearly';
  /** The plan that waits for the end of the period, or null. */
  pending?: string | null;
  /** Lifecycle events that this step has to have recorded. */
  history?: LifecycleEventType[];
  /** An event that was forwarded and answered 2xx so often; it is waited for. */
  deliveries?: { event: string; times: number };
  /** This step adds no line to the history. */
  quiet?: true;
  /** The newest invoice; amounts in minor units. */
  invoice?: { status: string; total?: number };
}
