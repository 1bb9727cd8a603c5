import type { OwnerLink } from '../../db/customers.ts';
import type { DueEvent } from '../../db/due-events.ts';
import { effectsOf } from '../../state/effects.ts';
import { markedAccount } from '../../state/ownership.ts';
import type { CausedEffect, Decision } from './decision.ts';
import { settingsOf, type DecisionContext } from './decision-input.ts';
import type { Loaded, WaitingEvent } from './load.ts';

/** Decides what follows from events about no subscription: one-off invoices, customers, clocks. */
export function decideOther(loaded: Loaded, context: DecisionContext): Decision['other'] {
  const { task, other } = loaded;
  const marked = loaded.userId === null ? markedOwner(loaded, context) : null;
  const userId = loaded.userId ?? marked?.accountId ?? null;
  // What names no customer, such as a refund, tells only when it is read whose it is.
  const isForeign = ({ facts }: WaitingEvent) => userId === null && facts.customerId !== null;
  const ours = other.filter((event) => !isForeign(event));
  const deletion = other.find(({ facts }) => facts.type === 'customer.deleted');
  return {
    events: ours.map(({ row }) => row),
    foreign: other.filter(isForeign).map(({ row }) => row),
    effects: ours.flatMap((event) => effectsOfEvent(event, { ...context, userId })),
    links: marked ? [marked] : [],
    deletedCustomer: deletion ? { id: task.key, at: deletion.facts.createdAt } : null,
  };
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
export const isQuiet = ({ flags }: DueEvent) => flags.includes('quiet');

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
