import type { CustomerDetails, OwnerLink } from '../../db/customers.ts';
import type { DueEvent } from '../../db/due-events.ts';
import { planOfFacts } from '../../state/catalogue.ts';
import { decideBatch } from '../../state/decide-batch.ts';
import { decideRow } from '../../state/decide.ts';
import type { Effect } from '../../state/effect-kinds.ts';
import { effectsOf, type FollowedFailures } from '../../state/effects.ts';
import { isOurs, markedAccount, renamedOwner } from '../../state/ownership.ts';
import { tellsPurchase } from '../../state/purchases.ts';
import { asMetadata } from '../../state/raw.ts';
import { firstPaymentSince, signalOf } from '../../state/signals.ts';
import type { Cause, CauseType, SubscriptionFacts } from '../../state/types.ts';
import type { CausedEffect, Decision, Failure, SubscriptionDecision } from './decision.ts';
import type { Loaded, WaitingEvent } from './load.ts';
import {
  historyInputOf,
  ownedOf,
  settingsOf,
  type DecisionContext,
  type Owned,
  type Past,
} from './history-input.ts';
import type { ReadCustomer, Snapshot } from './read-stripe.ts';
import { toChange } from './to-change.ts';

/** Decides what is to be written for one customer: pure, but for the time. */
export function decide(
  { loaded, snapshots, moves, failures }: ReadCustomer,
  pasts: ReadonlyMap<string, Past>,
  context: DecisionContext,
): Decision {
  const broken: Failure[] = loaded.broken.map(({ row, error }) => ({ events: [row], error }));
  const failed = [...failures, ...broken];
  const subscriptions = snapshots.flatMap((snapshot) => {
    try {
      return [decideSubscription(snapshot, context, pasts.get(snapshot.id))];
    } catch (error) {
      const events = snapshot.events.map(({ row }) => row);
      failed.push({ events, subscriptionId: snapshot.id, error });
      return [];
    }
  });
  const other = decideOther(loaded, context);
  return { claim: loaded.task.claim, subscriptions, other, moves, failures: failed };
}

/** Decides one subscription. */
function decideSubscription(
  snapshot: Snapshot,
  context: DecisionContext,
  past?: Past,
): SubscriptionDecision {
  const owned = ownedOf(snapshot, context);
  if (owned === null) return withoutChange(snapshot);
  const plan = planOfFacts(context.core.catalogue, owned.read)?.plan.id ?? null;
  return isOurs({ userId: owned.accountId, plan })
    ? decideOurs(snapshot, context, { ...owned, past })
    : decideForeign(snapshot, context, owned);
}

function decideOurs(
  snapshot: Snapshot,
  context: DecisionContext,
  owned: Owned & { past?: Past },
): SubscriptionDecision {
  const { events, known } = snapshot;
  const { read, accountId, past } = owned;
  const last = events.at(-1)?.row.id ?? null;
  const fallback = fallbackCause(context, last);
  // The history of one that was foreign begins now.
  const stored = known.stored?.foreign ? null : known.stored;
  const isTakenOver = stored === null && hadLifeBefore(snapshot, context, read.createdAt);
  const decision = decideBatch({
    ...historyInputOf(snapshot, context),
    ...past?.history,
    cause: { type: fallback.type, id: fallback.id },
    followed: followedFailures(snapshot, past),
    isTakenOver,
  });
  const change = toChange(decision, known, fallback);
  const links = linksOf(snapshot, read);
  const followed = links.flatMap((link) => follow(link, accountId, last ?? fallback.id));
  return {
    change: change && {
      ...change,
      quiet: isTakenOver,
      at: seenAt(snapshot, context),
      trialPaidAt: firstPaymentSince(
        [...events.map(({ facts }) => facts), ...(past?.history.past ?? [])],
        read.trialEnd,
      ),
    },
    effects: [...decision.effects, ...followed].map((effect) => ({
      causeId: last ?? fallback.id,
      quietLike: nextLineOf(effect, snapshot),
      ...effect,
    })),
    events: events.map(({ row }) => row),
    outcome: isTakenOver ? 'first_sight' : 'done',
    links,
    unknownStatus: decision.unknownStatus,
    isAlone: known.isAlone && known.userId === accountId,
    isQuiet: isTakenOver || isToldAlready(snapshot, context),
  };
}

/** When the newest thing that is known of it happened. */
function seenAt({ events }: Snapshot, { cause, now }: DecisionContext): number {
  const times = events.flatMap(({ facts }) => (facts.subscription ? facts.createdAt : []));
  return times.length > 0 ? Math.max(...times) : (cause?.at ?? now);
}

/** What a line that is found late stands before. */
function nextLineOf(effect: Effect, { id, known }: Snapshot): string | null {
  if (effect.kind !== 'webhook.subscription.changed' || !effect.payload.data.late) return null;
  const { number } = effect.payload.data;
  const later = known.history.flatMap((line) => ((line.number ?? 0) > number ? line.number! : []));
  return later.length > 0 ? `${id}:${Math.min(...later)}` : null;
}

/** Kept as it is, for a list of its own: no history, no figure, nothing that follows. */
function decideForeign(
  snapshot: Snapshot,
  context: DecisionContext,
  owned: Owned,
): SubscriptionDecision {
  const { known } = snapshot;
  const { read, accountId } = owned;
  const { next } = decideRow({
    stored: known.stored && { ...known.stored, userId: accountId },
    facts: read,
    signals: [],
    catalogue: context.core.catalogue,
    settings: settingsOf(context.core),
    userId: accountId,
    now: context.now,
  });
  const row = { ...next, mrr: 0, foreign: true };
  return {
    ...withoutChange(snapshot),
    change: {
      before: known.stored,
      next: row,
      lines: [],
      quiet: true,
      at: seenAt(snapshot, context),
    },
    outcome: 'foreign',
  };
}

function withoutChange({ events, isForeign }: Snapshot): SubscriptionDecision {
  return {
    change: null,
    effects: [],
    events: events.map(({ row }) => row),
    outcome: isForeign ? 'foreign' : 'not_found',
    links: [],
    unknownStatus: null,
    isAlone: false,
    isQuiet: true,
  };
}

const isToldAlready = ({ events }: Snapshot, { cause }: DecisionContext) =>
  events.length > 0 ? events.every(({ row }) => isQuiet(row)) : cause?.quiet === true;

/** What is younger counts as seen from its birth. */
const BIRTH_MS = 3_600_000;

/**
 * Whether a subscription that is seen for the first time had a life before: its mails were sent, or were another
 * program's, and nothing outward follows from what is learned of it.
 */
function hadLifeBefore({ events }: Snapshot, context: DecisionContext, createdAt: number): boolean {
  const { cause, now } = context;
  if (cause !== null && OWN_ACTS.has(cause.type) && now - createdAt <= BIRTH_MS) return false;
  return !events.some(({ row, facts }) => {
    if (isQuiet(row) || row.source === 'replay') return false;
    const at = row.source === 'webhook' ? facts.createdAt : Math.max(now, facts.createdAt);
    return at - createdAt <= BIRTH_MS;
  });
}

const OWN_ACTS: ReadonlySet<CauseType> = new Set(['request', 'dunning', 'trial_ledger']);

/** The failed attempts that events told of, here and before, by invoice. */
function followedFailures({ events }: Snapshot, past?: Past): FollowedFailures {
  const followed = new Map<string, Set<number>>();
  const told = events.filter(({ row }) => !isQuiet(row)).map(({ facts }) => facts);
  for (const facts of [...(past?.failures ?? []), ...told]) {
    const signal = signalOf(facts);
    if (signal?.type !== 'payment_failed') continue;
    const attempts = followed.get(signal.invoiceId) ?? new Set();
    followed.set(signal.invoiceId, attempts.add(signal.attempt));
  }
  return followed;
}

/** Links and contradictions are written when they are learned, not with each event: an operator may have decided since. */
function linksOf({ known, owners }: Snapshot, read: SubscriptionFacts): OwnerLink[] {
  const { stored, hasLink, userId } = known;
  const before = stored === null || stored.foreign ? null : stored.facts.metadata;
  const saysTheSame = before !== null && JSON.stringify(before) === JSON.stringify(read.metadata);
  const isLinked = hasLink && owners[0]?.accountId === userId;
  if (isLinked && (saysTheSame || owners.length === 1)) return [];
  return owners.map(({ accountId, source }) => ({
    accountId,
    source,
    customerId: read.customerId,
    at: Date.now(),
  }));
}

/** A mark of ours that names another account than the link: whether it is followed is seen when all of them are read. */
function follow(
  { source, accountId, customerId }: OwnerLink,
  known: string | null,
  eventId: string,
) {
  if (source !== 'mark' || known === null || accountId === known) return [];
  const payload = { customerId, accountId, eventId };
  return [{ objectId: `${customerId}:${eventId}`, kind: 'owner.follow', payload } as const];
}

/** The cause of lines that no event explains: the request, else "the read that this event led to". */
function fallbackCause(context: DecisionContext, lastEventId: string | null): Cause {
  if (context.cause) return context.cause;
  const id = lastEventId === null ? `read:${context.now}` : `${lastEventId}:read`;
  return { type: 'event', id, actor: 'stripe', at: context.now };
}

/** Decides what follows from events about no subscription: one-off invoices, customers, clocks. */
function decideOther(loaded: Loaded, context: DecisionContext): Decision['other'] {
  const { task, other } = loaded;
  const marked = loaded.userId === null ? markedOwner(loaded, context) : null;
  const userId = loaded.userId ?? marked?.accountId ?? null;
  // What names no customer, such as a refund, tells only when it is read whose it is.
  const isForeign = ({ facts }: WaitingEvent) =>
    (userId === null && facts.customerId !== null) || isBilledByOthers(facts, context);
  const ours = other.filter((event) => !isForeign(event));
  const renamed = ours.flatMap(({ facts }) =>
    renamedIn(facts, { ...context, userId: loaded.userId }),
  );
  const deletion = other.find(({ facts }) => facts.type === 'customer.deleted');
  return {
    events: ours.map(({ row }) => row),
    foreign: other.filter(isForeign).map(({ row }) => row),
    effects: ours.flatMap((event) => [
      ...effectsOfEvent(event, { ...context, userId }),
      ...ownerChange(event, { ...context, userId: loaded.userId }),
    ]),
    links: [...(marked ? [marked] : []), ...renamed],
    details: ours.flatMap(({ facts }) => detailsIn(facts)),
    deletedCustomer: deletion ? { id: task.key, at: deletion.facts.createdAt } : null,
  };
}

/** An invoice without a subscription that we did not make: our payer buys from other programs too. */
const isBilledByOthers = ({ invoice }: WaitingEvent['facts'], { core }: DecisionContext) =>
  invoice !== null && markedAccount(invoice.metadata, core.config.ownership) === null;

/** The mark of a customer that is linked was changed. */
function ownerChange(
  { row, facts }: WaitingEvent,
  { core, userId }: DecisionContext & { userId: string | null },
): CausedEffect[] {
  const { customer } = facts;
  if (!customer || customer.deleted || userId === null) return [];
  const accountId = markedAccount(customer.metadata, core.config.ownership);
  if (accountId === null) return [];
  const link = { source: 'mark', accountId, customerId: customer.id, at: 0 };
  return follow(link, userId, row.id).map((effect) => ({ ...effect, causeId: row.id }));
}

/** Another program's key of a customer that is linked was changed: reported, not followed. */
function renamedIn(
  { customer, previous }: WaitingEvent['facts'],
  { core, userId }: DecisionContext & { userId: string | null },
): OwnerLink[] {
  const before = asMetadata(previous?.['metadata']);
  if (!customer || customer.deleted || userId === null) return [];
  const { id: customerId, metadata: after } = customer;
  const { ownership } = core.config;
  const accountId = renamedOwner({ before, after, account: userId }, ownership);
  // Our own mark decides, where it says the same.
  if (accountId === null || accountId === markedAccount(after, ownership)) return [];
  return [{ accountId, customerId, source: 'customer', at: Date.now() }];
}

function detailsIn({ type, customer, createdAt: at }: WaitingEvent['facts']): CustomerDetails[] {
  if (type !== 'customer.updated' || !customer) return [];
  const { id: customerId, email, name, locale } = customer;
  return [{ customerId, email, name, locale, at }];
}

/** The account that our own mark names, on a Checkout session or on the customer. */
function markedOwner({ task, other }: Loaded, { core }: DecisionContext): OwnerLink | null {
  const customerId = task.key;
  for (const { facts } of other) {
    if (facts.customerId !== customerId || facts.customer?.deleted) continue;
    const { metadata = {} } = facts.checkout ?? facts.customer ?? {};
    const accountId = markedAccount(metadata, core.config.ownership);
    if (accountId !== null) return { accountId, customerId, source: 'mark', at: Date.now() };
  }
  return null;
}

/** Whether what follows from an event was told before. */
const isQuiet = ({ flags }: DueEvent) => flags.includes('quiet');

/** Effects of an event that is about no subscription, such as a one-off invoice. */
function effectsOfEvent(
  event: WaitingEvent,
  context: DecisionContext & { userId: string | null },
): CausedEffect[] {
  const effects = effectsOf({
    event: event.facts,
    after: null,
    transitions: [],
    settings: settingsOf(context.core),
    now: context.now,
    userId: context.userId,
  });
  if (isAboutEntitlements(event) && context.core.config.entitlements === 'stripe') {
    const { userId } = context;
    const payload = { customerId: event.facts.customerId, userId };
    effects.push({ objectId: event.row.id, kind: 'entitlements.read', payload });
  }
  const { objectId, objectType, chargeId } = event.facts;
  if (objectId !== null && objectType !== null && isAboutReturns(event.facts.type)) {
    const payload = { objectType, objectId, chargeId, eventId: event.row.id };
    effects.push({ objectId: event.row.id, kind: 'returns.read', payload });
  }
  if (objectId !== null && tellsPurchase(event.facts, context.core.config.ownership)) {
    const payload = { sessionId: objectId, eventId: event.row.id };
    effects.push({ objectId, kind: 'purchase.record', payload });
  }
  return effects.map((effect) => ({
    ...effect,
    causeId: event.row.id,
    isQuiet: isQuiet(event.row),
  }));
}

const isAboutReturns = (type: string) =>
  /^(charge\.(refund|dispute)|refund\.|radar\.early_fraud_warning\.|credit_note\.)/.test(type);

const isAboutEntitlements = ({ facts }: WaitingEvent) =>
  facts.type === 'entitlements.active_entitlement_summary.updated';
