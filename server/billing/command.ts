import { randomBytes } from 'node:crypto';
import type Stripe from 'stripe';
import { recordCommand } from '../../db/commands.ts';
import { isGatewayError } from '../../adapters/stripe-gateway.ts';
import { currentSubscriptionOfUser, type SubscriptionRow } from '../../db/subscriptions.ts';
import { accessOf } from '../../state/access.ts';
import { allowedActions } from '../../state/actions.ts';
import { readSubscription } from '../../state/subscription-facts.ts';
import type { Action, Cause, StoredSubscription, SubscriptionFacts } from '../../state/types.ts';
import { operatorActor, type Account, type Operator } from '../../state/roles.ts';
import type { User } from '../lib/services.ts';
import { AppError } from '../http/errors.ts';
import { StripeOutage } from '../lib/stripe-outage.ts';
import { json } from '../http/define-route.ts';
import type { Services } from '../lib/services.ts';
import { followDetails } from './customer.ts';
import { withCustomerLock } from './with-customer-lock.ts';
import { refusalWords } from './refusal-words.ts';
import { subscriptionView } from './subscription-view.ts';

/** The part of a handler's context that a command needs. */
export interface CommandContext {
  services: Services;
  /** Null where an operator acts for the account. */
  user: User | null;
  operator: Operator | null;
  account: Account;
  requestId: string;
  commandKey: (step: string) => string;
}

/** The subscription as the last call of a command answered it; null where it has to be read back. */
export type Answer = Stripe.Subscription | null;

/**
 * A command of a user on their subscription, one at a time: is it allowed in this state, what is asked of
 * Stripe, and then the state as the processor stores it. Answers `{subscription}`.
 */
export async function runCommand(
  context: CommandContext,
  action: Action,
  atStripe: (subscription: SubscriptionRow) => Promise<Answer>,
): Promise<Response> {
  const { services, account } = context;
  return withCustomerLock(services, account.id, async () => {
    const subscription = requireAction(services, await subscriptionNow(context), action);
    const answer = await readBackAfterFailure(context, subscription, () => atStripe(subscription));
    const next = await syncAfter(context, subscription, answer);
    return json({ subscription: next && subscriptionView(services, next) });
  });
}

/**
 * The caller's subscription, read from Stripe: a command must not decide on what a late or lost webhook, or a
 * failed command before it, has left behind.
 */
export async function subscriptionNow(context: CommandContext): Promise<SubscriptionRow | null> {
  const { services, account, requestId } = context;
  const db = services.database.knex;
  await followDetails(services, context);
  const stored = await currentSubscriptionOfUser(db, account.id, services.catalogue);
  if (!stored || stored.state === 'canceled') return stored;
  const cause: Cause = {
    type: 'catch_up',
    id: `before:${requestId}`,
    actor: 'stripe',
    at: services.clock.now(),
  };
  const { id: subscriptionId, customerId } = stored;
  await services.engine.syncSubscription({ subscriptionId, customerId, cause });
  return currentSubscriptionOfUser(db, account.id, services.catalogue);
}

/**
 * Runs what asks something of Stripe. When it fails, it is unknown how far it came: the subscription is read back
 * first, so that what is stored, and a second attempt, start from what is true.
 */
export async function readBackAfterFailure<T>(
  context: CommandContext,
  subscription: { id: string; customerId: string },
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    try {
      await syncAfter(context, subscription);
    } catch (second) {
      // Stripe is down altogether, most likely; its webhook or the catch-up will tell.
      const { requestId } = context;
      context.services.log.warn({ err: second, requestId }, 'could not read back after a failure');
    }
    throw error;
  }
}

/**
 * Makes one call that changes something. When its answer is lost, Stripe is asked whether it happened: then the
 * call counts as made, and what follows it goes on. Throws the call's own error otherwise. Answers what the call did, null
 * where that was lost.
 */
export async function confirmIfAnswerLost<T>(
  call: () => Promise<T>,
  happened: () => Promise<boolean>,
): Promise<T | null> {
  try {
    return await call();
  } catch (error) {
    if (!isAnswerLost(error) || !(await happened().catch(() => false))) throw error;
    return null;
  }
}

/** Reads again when the answer was lost: in the middle of a command, giving up leaves more to explain. */
export async function retryRead<T>(read: () => Promise<T>): Promise<T> {
  return read().catch((error: unknown) => {
    if (!isAnswerLost(error) && !(error instanceof StripeOutage)) throw error;
    return read();
  });
}

/** The subscription as Stripe has it now; throws a GatewayError. */
export async function readNow(services: Services, id: string): Promise<SubscriptionFacts> {
  return readSubscription(await retryRead(() => services.stripe.retrieveSubscription(id)));
}

/** A cut connection, a time-out, a 5xx or a key in use: the call may have happened all the same. */
export function isAnswerLost(error: unknown): boolean {
  return isGatewayError(error, 'unavailable', 'conflict');
}

/**
 * A key for one call to Stripe. The SDK's own retries share it; a user's retry gets another, because Stripe
 * repeats an error for as long as it remembers the key. The request's id in it leads from Stripe's log to ours, and the
 * command's id from Stripe's event to who gave the command: a caller chooses the request's id, but not this one.
 */
export function freshKey(step: string, context: { requestId: string } | Commander): string {
  const random = randomBytes(6).toString('hex');
  const { requestId } = context;
  if (!isCommander(context)) return `tenure-${step}-${requestId}-${random}`;
  return `tenure-${step}-${requestId}-c${commandOf(context).id}-${random}`;
}

/** A request of a user, or of an operator. */
export type Commander = Pick<CommandContext, 'services' | 'user' | 'operator' | 'requestId'> & {
  /** null for what an operator asks for that is for no one account. */
  account: Account | null;
};

/** How the history names who gave a command. */
export function actorOfCommand({
  user,
  operator,
}: Pick<CommandContext, 'user' | 'operator'>): string {
  if (user !== null) return `user:${user.id}`;
  return operator === null ? 'system' : operatorActor(operator);
}

function isCommander(context: Partial<Record<keyof Commander, unknown>>): context is Commander {
  return Boolean(context.services) && Boolean(context.user ?? context.operator);
}

interface Command {
  id: string;
  recorded: Promise<void>;
}

const COMMANDS = new WeakMap<object, Command>();

/** The command of a request. It is remembered beside the first call to Stripe, well before its event can come. */
function commandOf(context: Commander): Command {
  const known = COMMANDS.get(context);
  if (known) return known;
  const { services, account, requestId } = context;
  const id = randomBytes(10).toString('hex');
  const row = { id, actor: actorOfCommand(context), account: account?.id ?? null, requestId };
  const recorded = recordCommand(services.database.knex, row).catch((error: unknown) => {
    // The move keeps its line; who made it is then known by the request's own read alone.
    services.log.warn({ err: error, requestId }, 'could not remember who gave a command');
  });
  const command = { id, recorded };
  COMMANDS.set(context, command);
  return command;
}

/**
 * Stores what the last call answered, with this request as the cause; without an answer the subscription is read back.
 * `subscription` is what the command began with.
 */
export async function syncAfter(
  context: CommandContext,
  subscription: { id: string; customerId: string; facts?: SubscriptionFacts },
  answer: Answer = null,
): Promise<StoredSubscription | null> {
  const { services, account } = context;
  await COMMANDS.get(context)?.recorded;
  // A nested list holds ten items at most; a read asks for the rest.
  const whole = answer !== null && !answer.items.has_more && answer.id === subscription.id;
  const stored = await retryRead(() =>
    services.engine.syncSubscription({
      subscriptionId: subscription.id,
      customerId: subscription.customerId,
      cause: requestCause(context),
      answer: whole
        ? { facts: readSubscription(answer), before: subscription.facts ?? null }
        : null,
    }),
  );
  services.access.invalidate(account.id);
  return stored;
}

/** Throws 409 `not_allowed`, with the state and what is allowed in it. */
export function requireAction(
  services: Services,
  subscription: SubscriptionRow | null,
  action: Action,
): SubscriptionRow {
  if (subscription && actionsNow(services, subscription).includes(action)) return subscription;
  throw notAllowed(services, subscription, action);
}

/** The refusal of a command, whatever the state. */
export function notAllowed(
  services: Services,
  subscription: StoredSubscription | null,
  what: string,
): AppError {
  const state = subscription?.state ?? 'none';
  return new AppError('not_allowed', refusalWords(what, state), {
    fields: { state, actions: actionsNow(services, subscription) },
  });
}

/** What the user may ask for now. */
export function actionsNow(services: Services, subscription: StoredSubscription | null): Action[] {
  const access = accessOf(subscription, {
    now: services.clock.now(),
    grace: services.config.grace,
  });
  return allowedActions(subscription, { accessNow: access });
}

function requestCause(context: CommandContext): Cause {
  const { services, requestId } = context;
  return {
    type: 'request',
    id: requestId,
    actor: actorOfCommand(context),
    at: services.clock.now(),
  };
}
