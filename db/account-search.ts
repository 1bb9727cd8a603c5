import type { Db } from './database.ts';

/** An account as a list shows it. Times in ms. */
export interface FoundAccount {
  id: string;
  customerId: string | null;
  email: string | null;
  name: string | null;
  createdAt: number;
}

interface Row {
  user_id: string;
  stripe_customer_id: string | null;
  email: string | null;
  name: string | null;
  created_at: number;
}

const fromRow = (row: Row): FoundAccount => ({
  id: row.user_id,
  customerId: row.stripe_customer_id,
  email: row.email,
  name: row.name,
  createdAt: row.created_at,
});

const COLUMNS = ['user_id', 'stripe_customer_id', 'email', 'name', 'created_at'];

/** Accounts whose id, customer, or whole address this is; most searches end here. */
export async function accountsNamed(db: Db, text: string): Promise<FoundAccount[]> {
  const rows: Row[] = await db('customers')
    .where({ user_id: text })
    .orWhere({ stripe_customer_id: text })
    .orWhere({ email_key: text.toLowerCase() })
    .select(COLUMNS)
    .limit(20);
  return rows.map(fromRow);
}

/** Accounts whose address begins with a text, in order of the address. */
export async function accountsByEmail(
  db: Db,
  prefix: string,
  limit: number,
): Promise<FoundAccount[]> {
  const start = prefix.toLowerCase();
  const rows: Row[] = await db('customers')
    .where('email_key', '>=', start)
    .where('email_key', '<', `${start}\u{10FFFF}`)
    .orderBy(['email_key', 'user_id'])
    .select(COLUMNS)
    .limit(limit);
  return rows.map(fromRow);
}

/** Accounts in whose name or address a text is, e.g. a domain: the whole table is read until enough are found. */
export async function accountsContaining(
  db: Db,
  text: string,
  limit: number,
): Promise<FoundAccount[]> {
  const pattern = `%${text.toLowerCase().replaceAll(/[!%_]/g, '!$&')}%`;
  const rows: Row[] = await db('customers')
    .whereRaw("lower(name) LIKE ? ESCAPE '!'", [pattern])
    .orWhereRaw("email_key LIKE ? ESCAPE '!'", [pattern])
    .orWhereRaw("lower(user_id) LIKE ? ESCAPE '!'", [pattern])
    .select(COLUMNS)
    .limit(limit);
  return rows.map(fromRow);
}

/** The accounts of these customers of Stripe. */
export async function accountsOfCustomers(
  db: Db,
  customerIds: readonly string[],
): Promise<FoundAccount[]> {
  if (customerIds.length === 0) return [];
  const rows: Row[] = await db('customers')
    .whereIn('stripe_customer_id', [...new Set(customerIds)])
    .select(COLUMNS);
  return rows.map(fromRow);
}
