import { isDeepStrictEqual } from 'node:util';
import type { Catalogue } from '../../state/catalogue.ts';
import { isForeignAsTold, isInCatalogue, type OwnerClaim } from '../../state/ownership.ts';
import { isPlanInvoiceHidden, planInvoiceOf } from '../../state/plan-period.ts';
import { costsOf } from '../../state/price-costs.ts';
import { isAsStored } from '../../state/plan-period.ts';
import { withLatestInvoice } from '../../state/subscription-facts.ts';
import type { SubscriptionFacts } from '../../state/types.ts';
import type { WriteAnswer } from '../lib/engine-types.ts';
import type { EngineContext } from './context.ts';
import type { Decision, Failure } from './decision.ts';
import type { Known, Loaded, WaitingEvent } from './load.ts';

/** Everything known about one subscription at one moment. */
export interface Snapshot {
  id: string;
  events: WaitingEvent[];
  known: Known;
  /** What Stripe says; null when it has no such subscription, or was not asked. */
  read: SubscriptionFacts | null;
  /** True when the events alone told that it is of no plan of ours: Stripe was not asked. */
  isForeign: boolean;
  /** The accounts that are named for it, the one that counts first. */
  owners: readonly OwnerClaim[];
}

export interface ReadCustomer {
  loaded: Loaded;
  snapshots: Snapshot[];
  moves: Decision['moves'];
  failures: Failure[];
}

type Means = Pick<EngineContext, 'clock' | 'core' | 'reader' | 'readOwner'>;

/** Reads each subscription of a customer from Stripe once, outside of any transaction. */
export async function readStripe(ctx: Means, loaded: Loaded): Promise<ReadCustomer> {
  const result: ReadCustomer = { loaded, snapshots: [], moves: [], failures: [] };
  const { key } = loaded.task;
  const now = ctx.clock.now();
  const one = async ([id, events]: [string, WaitingEvent[]]): Promise<void> => {
    try {
      const known = loaded.known.get(id)!;
      const answer = answerFor(loaded, id);
      const snapshot = await readOne(ctx, { id, events, known, answer }, now);
      const customer = snapshot.read?.customerId ?? known.stored?.customerId ?? key;
      if (customer === key) result.snapshots.push(snapshot);
      else {
        for (const { row } of events) {
          result.moves.push({ eventId: row.id, customerId: customer, subscriptionId: id });
        }
      }
    } catch (error) {
      result.failures.push({ events: events.map(({ row }) => row), subscriptionId: id, error });
    }
  };
  await Promise.all([...loaded.bySubscription].map(one));
  // A test clock may have moved since it was last looked at: what was read must not seem older than it is, or
  // an event from before it would count as news. In real time this does nothing.
  await ctx.clock.refresh();
  return result;
}

type Seen = Pick<Snapshot, 'id' | 'events' | 'known'> & { answer: WriteAnswer | null };

function answerFor({ task: { wanted } }: Loaded, id: string): WriteAnswer | null {
  return wanted?.subscriptionId === id ? (wanted.answer ?? null) : null;
}

/**
 * What a command was answered stands for a read, unless something was heard since: an event waits, or another read stored
 * another state than the command began with. Then only a read tells which is newer.
 */
function answeredFacts(
  { core }: Pick<Means, 'core'>,
  { events, known: { stored } }: Omit<Seen, 'answer'>,
  answer: WriteAnswer | null,
): SubscriptionFacts | null {
  if (answer === null || events.length > 0) return null;
  const { before, facts } = answer;
  if (stored === null || before === null) return stored === before ? facts : null;
  const isUntouched = isDeepStrictEqual(stored.facts, before);
  return isUntouched || isAsStored(core.catalogue, stored.facts, facts) ? facts : null;
}

/** Reads a subscription and, where it is not known, whose it is. What events show to be foreign is left alone. */
async function readOne(ctx: Means, { answer, ...seen }: Seen, now: number): Promise<Snapshot> {
  const { id, events, known } = seen;
  const told = events.map(({ facts }) => facts);
  const wasOurs = known.stored !== null && !known.stored.foreign;
  if (!wasOurs && isForeignAsTold(ctx.core.catalogue, told)) {
    const read = told.findLast(({ subscription }) => subscription?.id === id)?.subscription ?? null;
    return { ...seen, read, isForeign: true, owners: [] };
  }
  const facts =
    answeredFacts(ctx, seen, answer) ??
    (await ctx.reader.subscription(id, guessPeriodStart(events, known, now)));
  const read = facts && (await withPlanInvoice(ctx, facts, known.stored?.facts.planInvoice));
  if (read && isInCatalogue(ctx.core.catalogue, read)) {
    await learnCosts(ctx.core.catalogue, read, ctx.reader);
  }
  const checkouts = told.flatMap(({ checkout }) => checkout ?? []);
  const owners = read ? await ctx.readOwner({ facts: read, link: known.userId, checkouts }) : [];
  return { ...seen, read, isForeign: false, owners };
}

/** Among how many of the newest invoices that of the plan is looked for: a year of monthly ones. */
const MAX_INVOICES = 15;

/** The facts with the invoice of the plan's present period, where the subscription itself does not name it. */
async function withPlanInvoice(
  { core: { catalogue }, reader }: Pick<Means, 'core' | 'reader'>,
  facts: SubscriptionFacts,
  known: SubscriptionFacts['planInvoice'],
): Promise<SubscriptionFacts> {
  if (!isPlanInvoiceHidden(catalogue, facts, known)) return facts;
  const invoices = await reader.read((stripe) => stripe.invoicesOf(facts.id, MAX_INVOICES));
  const found = invoices.flatMap(
    (invoice) => planInvoiceOf(catalogue, withLatestInvoice(facts, invoice), null) ?? [],
  );
  return { ...facts, planInvoice: found[0] ?? known };
}

/**
 * About when the present period of a subscription began, in ms, as far as its events and its row tell: a period
 * that is over by `now` was followed by another. null when nothing tells it.
 */
function guessPeriodStart(
  events: readonly WaitingEvent[],
  { stored }: Known,
  now: number,
): number | null {
  let latest = -Infinity;
  for (const told of [stored?.facts, ...events.map(({ facts }) => facts.subscription)]) {
    for (const { periodStart, periodEnd } of told?.items ?? []) {
      for (const at of [periodStart, periodEnd]) {
        if (at !== null && at <= now && at > latest) latest = at;
      }
    }
  }
  return latest === -Infinity ? null : latest;
}

/**
 * Reads what the items of a subscription cost where the subscription itself does not tell: in another currency, by tiers, in
 * fractions of a minor unit. A price is read once.
 */
export async function learnCosts(
  catalogue: Catalogue,
  facts: SubscriptionFacts,
  reader: Pick<Means['reader'], 'read'>,
): Promise<void> {
  const costs = (catalogue.costs ??= new Map());
  for (const { priceId, metered, unitAmount, currency } of facts.items) {
    const isTold = unitAmount !== null && currency === facts.currency;
    if (metered || isTold || priceId === '' || costs.has(priceId)) continue;
    const price = await reader.read((stripe) => stripe.retrieveFullPrice(priceId));
    costs.set(priceId, costsOf(price));
  }
}
