import type Stripe from 'stripe';
import { isGatewayError } from '../../../../adapters/stripe-gateway.ts';
import {
  accountsByEmail,
  accountsContaining,
  accountsNamed,
  accountsOfCustomers,
  type FoundAccount,
} from '../../../../db/account-search.ts';
import { findSubscription } from '../../../../db/subscriptions.ts';
import type { Services } from '../../../lib/services.ts';

const LIMIT = 50;

export interface SearchView {
  q: string;
  accounts: FoundAccount[];
  /** Why Stripe could not be asked, if so. */
  error: string | null;
}

/**
 * Accounts by id, customer, subscription, name, address, domain; by the number of an invoice, a payment or the last four
 * digits of a card, for which Stripe is asked.
 */
export async function searchAccounts(services: Services, text: string): Promise<SearchView> {
  const db = services.database.knex;
  const q = text.trim().slice(0, 200);
  if (q === '') return { q, accounts: [], error: null };
  const found = async (accounts: Promise<FoundAccount[]>): Promise<SearchView> => ({
    q,
    accounts: await accounts,
    error: null,
  });
  if (q.startsWith('sub_')) {
    const row = await findSubscription(db, q);
    return found(row?.userId ? accountsNamed(db, row.userId) : Promise.resolve([]));
  }
  const exact = await accountsNamed(db, q);
  if (exact.length > 0) return found(Promise.resolve(exact));
  const ask = questionOf(q);
  if (ask) {
    try {
      const accounts = await accountsOfCustomers(db, await ask(services));
      if (accounts.length > 0 || isOfStripe(q)) return { q, accounts, error: null };
    } catch (error) {
      if (!isGatewayError(error)) throw error;
      // What is in the database is found all the same.
      const accounts = await byWords(services, q);
      return { q, accounts, error: `Stripe could not be asked: ${error.message}` };
    }
  }
  return found(byWords(services, q));
}

async function byWords({ database }: Services, q: string): Promise<FoundAccount[]> {
  const starting = await accountsByEmail(database.knex, q, LIMIT);
  if (starting.length >= LIMIT) return starting;
  const containing = await accountsContaining(database.knex, q, LIMIT);
  const known = new Set(starting.map(({ id }) => id));
  return [...starting, ...containing.filter(({ id }) => !known.has(id))].slice(0, LIMIT);
}

const isOfStripe = (q: string): boolean => /^(in|ch|py|pi)_\w+$/.test(q);

/** What Stripe is asked for: the customers of a card, an invoice or a payment; null for words. */
function questionOf(q: string): ((services: Services) => Promise<string[]>) | null {
  if (/^\d{4}$/.test(q)) {
    return async ({ stripe }) => customersOf(await stripe.chargesOfCard(q));
  }
  if (/^in_\w+$/.test(q)) {
    return ({ stripe }) => ifThere(async () => customersOf([await stripe.retrieveInvoice(q)]));
  }
  if (/^(ch|py)_\w+$/.test(q)) {
    return ({ stripe }) => ifThere(async () => customersOf([await stripe.retrieveCharge(q)]));
  }
  if (/^pi_\w+$/.test(q)) {
    return ({ stripe }) => ifThere(async () => customersOf(await stripe.chargesOfIntent(q)));
  }
  // Numbers of invoices: A1B2C3D4-0001, or with a prefix of the account's own.
  if (/^[A-Za-z0-9]+(-[A-Za-z0-9]+)*-\d{1,10}$/.test(q)) {
    return async ({ stripe }) => customersOf(await stripe.invoicesNumbered(q));
  }
  return null;
}

async function ifThere(read: () => Promise<string[]>): Promise<string[]> {
  try {
    return await read();
  } catch (error) {
    if (isGatewayError(error, 'not_found', 'invalid')) return [];
    throw error;
  }
}

function customersOf(
  objects: readonly Pick<Stripe.Charge | Stripe.Invoice, 'customer'>[],
): string[] {
  return objects.flatMap(({ customer }) => {
    const id = typeof customer === 'string' ? customer : customer?.id;
    return id === undefined ? [] : [id];
  });
}
