import type Stripe from 'stripe';
import { accountsByEmail } from '../../db/accounts.ts';
import { findCustomerByStripeId, findCustomerByUser, linkCustomer } from '../../db/customers.ts';
import { readCheckout } from '../../state/event-objects.ts';
import { isOfOther, isSoldByOthers, markedAccount } from '../../state/ownership.ts';
import { stripeStatus } from '../../state/states.ts';
import type { Cause, SubscriptionFacts } from '../../state/types.ts';
import { createLimit } from '../lib/limit.ts';
import { subscriptionPages, testClocksOf } from './list-subscriptions.ts';
import { retryThroughOutages } from '../lib/retry.ts';
import type { Services } from '../lib/services.ts';

/** Subscriptions that are imported at once. */
const AT_ONCE = 16;

/** How the account of a customer is found, each in turn until one says it. */
export type ImportRule =
  | { by: 'metadata'; key: string }
  | { by: 'client_reference_id' }
  /** By the address of the Stripe customer: in the map, else among the accounts that are known. */
  | { by: 'email' }
  | { by: 'map' };

export interface ImportOptions {
  rules: ImportRule[];
  /** Customer id, subscription id or e-mail address (in lower case) → account. */
  map: ReadonlyMap<string, string>;
  dryRun: boolean;
  /** Writes our mark on each customer that was linked: the only thing that changes at Stripe. */
  mark: boolean;
  /** Who asked for it, for the history. */
  actor: string;
  onProgress?: (checked: number) => void;
  onRow?: (row: ImportRow) => void;
}

export type ImportResultKind =
  | 'linked'
  | 'known'
  | 'conflict'
  | 'ambiguous'
  | 'no_account'
  | 'foreign';

export interface ImportRow {
  result: ImportResultKind;
  subscriptionId: string;
  customerId: string;
  accountId: string | null;
  status: string;
}

export type ImportSummary = Record<ImportResultKind, number>;

/**
 * Takes the subscriptions of a Stripe account over: finds each one's account, links its customer and stores it, ended
 * ones too, for the trials that were had. Run again, it goes on with those that are not linked yet.
 */
export async function importAccount(
  services: Services,
  options: ImportOptions,
): Promise<ImportSummary> {
  const summary: ImportSummary = {
    linked: 0,
    known: 0,
    conflict: 0,
    ambiguous: 0,
    no_account: 0,
    foreign: 0,
  };
  const planned = new Planned();
  let checked = 0;
  for await (const page of importPages(services)) {
    const limit = createLimit(AT_ONCE);
    const named = await Promise.all(
      page.map((facts) => limit(() => accountsNamed(services, options, facts))),
    );
    // One after the other, live ones first, then the newest: of two customers of an account the same one is linked whenever
    // this is run.
    const decided: Decided[] = [];
    for (const [i, facts] of page.entries()) {
      decided.push(
        await decide(services, { options, planned }, { facts, named: named[i] ?? null }),
      );
    }
    await Promise.all(
      decided.map((each) =>
        limit(async () => {
          if (!options.dryRun) await apply(services, options, each);
          summary[each.row.result] += 1;
          options.onRow?.(each.row);
          options.onProgress?.((checked += 1));
        }),
      ),
    );
  }
  return summary;
}

/** All of the live ones, then all that ended: the customer that pays is the account's, whatever newer one it left. */
async function* importPages(services: Services): AsyncGenerator<SubscriptionFacts[]> {
  const clocks = (await testClocksOf(services)) ?? [];
  for (const hasEnded of [false, true]) {
    for (const clock of [...clocks, undefined]) {
      for await (const { facts } of subscriptionPages(services, clock)) {
        yield facts.filter((each) => isOver(each) === hasEnded);
      }
    }
  }
}

const isOver = ({ stripeStatus: status }: SubscriptionFacts) =>
  stripeStatus(status)?.ended === true;

/** What a dry run would have linked. */
class Planned {
  readonly accountOf = new Map<string, string>();
  readonly customerOf = new Map<string, string>();
}

interface Decided {
  row: ImportRow;
  facts: SubscriptionFacts;
}

/** The accounts that are named for a subscription; null for one that is not of the catalogue, or of another deployment. */
async function accountsNamed(
  services: Services,
  options: ImportOptions,
  facts: SubscriptionFacts,
): Promise<string[] | null> {
  if (isSoldByOthers(facts, services.catalogue, services.config.ownership)) return null;
  const known = await findCustomerByStripeId(services.database.knex, facts.customerId);
  return known ? [known.userId] : accountsOf(services, options, facts);
}

/** Links the customer, or says what would come of it. */
async function decide(
  services: Services,
  { options, planned }: { options: ImportOptions; planned: Planned },
  { facts, named }: { facts: SubscriptionFacts; named: string[] | null },
): Promise<Decided> {
  const { customerId, id: subscriptionId, stripeStatus: status } = facts;
  const of = (result: ImportResultKind, accountId: string | null): Decided => ({
    facts,
    row: { result, subscriptionId, customerId, accountId, status },
  });
  if (named === null) return of('foreign', null);
  const { knex } = services.database;
  const known =
    planned.accountOf.get(customerId) ?? (await findCustomerByStripeId(knex, customerId))?.userId;
  // Also by an older subscription of the same customer, a moment ago.
  if (known !== undefined) return of('known', known);
  const [accountId] = named;
  if (accountId === undefined) return of('no_account', null);
  if (named.length > 1) return of('ambiguous', null);
  const link = { accountId, customerId, source: 'import', at: Date.now() };
  const holds = options.dryRun
    ? await wouldHold(services, planned, link)
    : (await knex.transaction((trx) => linkCustomer(trx, link))) === 'linked';
  return of(holds ? 'linked' : 'conflict', accountId);
}

/** As `linkCustomer` would decide, for a customer that no account has. */
async function wouldHold(
  { database }: Services,
  planned: Planned,
  { accountId, customerId }: { accountId: string; customerId: string },
): Promise<boolean> {
  if (planned.customerOf.has(accountId)) return false;
  const account = await findCustomerByUser(database.knex, accountId);
  if (account && account.stripeCustomerId !== null && account.deletedAt === null) return false;
  planned.customerOf.set(accountId, customerId);
  planned.accountOf.set(customerId, accountId);
  return true;
}

async function apply(
  services: Services,
  options: ImportOptions,
  { row, facts }: Decided,
): Promise<void> {
  if (row.accountId === null || (row.result !== 'linked' && row.result !== 'known')) return;
  const { customerId, id: subscriptionId } = facts;
  if (options.mark) await mark(services, { customerId, accountId: row.accountId });
  const cause: Cause = {
    type: 'import',
    id: `import-${subscriptionId}`,
    actor: options.actor,
    at: services.clock.now(),
  };
  await retryThroughOutages(() =>
    services.engine.syncSubscription({ subscriptionId, customerId, cause }),
  );
}

/** Writes our mark on a customer that has none: also on one that was linked before, as by a run that was killed. */
async function mark(
  services: Services,
  { customerId, accountId }: { customerId: string; accountId: string },
): Promise<void> {
  const rules = services.config.ownership;
  const customer = await customerOf(services, customerId);
  if (customer === null || markedAccount(customer.metadata, rules) === accountId) return;
  if (isOfOther(customer.metadata, rules)) return;
  const { reader } = services.engine;
  await retryThroughOutages(() =>
    reader.read((stripe) => stripe.markCustomer(customerId, accountId)),
  );
}

async function customerOf(
  { engine: { reader } }: Services,
  customerId: string,
): Promise<Stripe.Customer | null> {
  const customer = await retryThroughOutages(() =>
    reader.read((stripe) => stripe.retrieveCustomer(customerId)),
  );
  return customer.deleted ? null : customer;
}

/**
 * The accounts that the first rule with an answer names: one, or several when it cannot tell; null when the customer is
 * another deployment's.
 */
async function accountsOf(
  services: Services,
  options: ImportOptions,
  facts: SubscriptionFacts,
): Promise<string[] | null> {
  const customer = await customerOf(services, facts.customerId);
  if (isOfOther(customer?.metadata ?? {}, services.config.ownership)) return null;
  return accountsBy(services, options, { facts, customer });
}

async function accountsBy(
  services: Services,
  { rules, map }: ImportOptions,
  { facts, customer }: { facts: SubscriptionFacts; customer: Stripe.Customer | null },
): Promise<string[]> {
  const { reader } = services.engine;
  for (const rule of rules) {
    let found: string[] = [];
    if (rule.by === 'metadata') {
      const named = facts.metadata[rule.key] || customer?.metadata[rule.key];
      found = named ? [named] : [];
    } else if (rule.by === 'map') {
      const named = map.get(facts.id) ?? map.get(facts.customerId);
      found = named ? [named] : [];
    } else if (rule.by === 'email') {
      const email = customer?.email?.toLowerCase();
      const named = email === undefined ? undefined : map.get(email);
      if (named !== undefined) found = [named];
      else if (email) found = await accountsByEmail(services.database.knex, email);
    } else {
      const sessions = await retryThroughOutages(() =>
        reader.read((stripe) => stripe.checkoutsOf(facts.id)),
      );
      found = sessions.flatMap((each) => readCheckout({ ...each })?.clientReferenceId ?? []);
    }
    if (found.length > 0) return [...new Set(found)];
  }
  return [];
}
