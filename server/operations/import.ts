import { accountsByEmail } from '../../db/accounts.ts';
import { findCustomerByStripeId, linkCustomer } from '../../db/customers.ts';
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
  const limit = createLimit(AT_ONCE);
  let checked = 0;
  for await (const page of pagesOf(services)) {
    // In turn for one customer: its second subscription finds the link of the first.
    const byCustomer = new Map<string, SubscriptionFacts[]>();
    for (const facts of page) {
      const others = byCustomer.get(facts.customerId);
      if (others) others.push(facts);
      else byCustomer.set(facts.customerId, [facts]);
    }
    await Promise.all(
      [...byCustomer.values()].map((subscriptions) =>
        limit(async () => {
          for (const facts of subscriptions) {
            const row = await importOne(services, options, facts);
            summary[row.result] += 1;
            options.onRow?.(row);
            options.onProgress?.((checked += 1));
          }
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

async function importOne(
  services: Services,
  options: ImportOptions,
  facts: SubscriptionFacts,
): Promise<ImportRow> {
  const { customerId, id: subscriptionId, stripeStatus: status } = facts;
  const row = (result: ImportResultKind, accountId: string | null): ImportRow => ({
    result,
    subscriptionId,
    customerId,
    accountId,
    status,
  });
  if (!isInCatalogue(services.catalogue, facts)) return row('foreign', null);
  const db = services.database.knex;
  const known = await findCustomerByStripeId(db, customerId);
  const accounts = known ? [known.userId] : await accountsOf(services, options, facts);
  const [accountId] = accounts;
  if (accountId === undefined) return row('no_account', null);
  if (accounts.length > 1) return row('ambiguous', null);
  if (options.dryRun) return row(known ? 'known' : 'linked', accountId);
  const link = { accountId, customerId, source: 'import', at: Date.now() };
  const outcome = await db.transaction((trx) => linkCustomer(trx, link));
  if (outcome !== 'linked') return row('conflict', accountId);
  if (options.mark && !known) await services.stripe.markCustomer(customerId, accountId);
  const cause: Cause = {
    type: 'import',
    id: `import-${subscriptionId}`,
    actor: 'system',
    at: services.clock.now(),
  };
  await retryThroughOutages(() =>
    services.engine.syncSubscription({ subscriptionId, customerId, cause }),
  );
  return row(known ? 'known' : 'linked', accountId);
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
