import { accountsByEmail } from '../../db/accounts.ts';
import { findCustomerByStripeId, findCustomerByUser, linkCustomer } from '../../db/customers.ts';
import { readCheckout } from '../../state/event-objects.ts';
import { isInCatalogue } from '../../state/ownership.ts';
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
  for await (const page of pagesOf(services)) {
    const limit = createLimit(AT_ONCE);
    const named = await Promise.all(
      page.map((facts) => limit(() => accountsNamed(services, options, facts))),
    );
    // One after the other, newest first: of two customers of an account the same one is linked whenever this is run.
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

async function* pagesOf(services: Services): AsyncGenerator<SubscriptionFacts[]> {
  for (const clock of [...((await testClocksOf(services)) ?? []), undefined]) {
    for await (const page of subscriptionPages(services, clock)) yield page.facts;
  }
}

/** What a dry run would have linked. */
class Planned {
  readonly accountOf = new Map<string, string>();
  readonly customerOf = new Map<string, string>();
}

interface Decided {
  row: ImportRow;
  facts: SubscriptionFacts;
}

/** The accounts that are named for a subscription; null for one that is not of the catalogue. */
async function accountsNamed(
  services: Services,
  options: ImportOptions,
  facts: SubscriptionFacts,
): Promise<string[] | null> {
  if (!isInCatalogue(services.catalogue, facts)) return null;
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
  if (options.mark && row.result === 'linked') {
    await services.stripe.markCustomer(customerId, row.accountId);
  }
  const cause: Cause = {
    type: 'import',
    id: `import-${subscriptionId}`,
    actor: 'system',
    at: services.clock.now(),
  };
  await retryThroughOutages(() =>
    services.engine.syncSubscription({ subscriptionId, customerId, cause }),
  );
}

/** The accounts that the first rule with an answer names: one, or several when it cannot tell. */
async function accountsOf(
  services: Services,
  { rules, map }: ImportOptions,
  facts: SubscriptionFacts,
): Promise<string[]> {
  const { reader } = services.engine;
  const customerOf = async () => {
    const customer = await retryThroughOutages(() =>
      reader.read((stripe) => stripe.retrieveCustomer(facts.customerId)),
    );
    return customer.deleted ? null : customer;
  };
  for (const rule of rules) {
    let found: string[] = [];
    if (rule.by === 'metadata') {
      const named = facts.metadata[rule.key] || (await customerOf())?.metadata[rule.key];
      found = named ? [named] : [];
    } else if (rule.by === 'map') {
      const named = map.get(facts.id) ?? map.get(facts.customerId);
      found = named ? [named] : [];
    } else if (rule.by === 'email') {
      const email = (await customerOf())?.email?.toLowerCase();
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
