import { isGatewayError } from '../../adapters/stripe-gateway.ts';
import {
  forgetTrials,
  leaveCustomers,
  rememberedStripe,
  rememberStripe,
  type StripeIdentity,
} from '../../db/deployment.ts';
import type { CoreServices, Services } from '../lib/services.ts';
import { verifyDatabase } from './verify.ts';

/** How long a start waits for Stripe to say whose the key is; the mode is known without it. */
const TIMEOUT_MS = 5_000;

/** The database belongs to another Stripe account, or to the other mode of this one. */
export class OtherStripeAccount extends Error {
  override name = 'OtherStripeAccount';
}

/**
 * Makes sure that the database is of the Stripe account and mode of the key; a new one remembers them. Throws
 * OtherStripeAccount for another, unless ACCEPT_STRIPE_ACCOUNT names it: then what is stored of the old one is ended,
 * and its customers and (of test mode) trials are left behind. Changes nothing at Stripe.
 */
export async function requireSameStripe(services: Services): Promise<void> {
  const { config, database, log } = services;
  const db = database.knex;
  const before = await rememberedStripe(db);
  const now = await identityOf(services);
  if (now.accountId === null) log.warn('Stripe does not say whose account the key is of');
  if (before === null) return rememberStripe(db, now);
  if (isSame(before, now)) {
    if (before.accountId === null && now.accountId !== null) await rememberStripe(db, now);
    return;
  }
  if (config.stripe.accept !== nameOf(now)) throw new OtherStripeAccount(wordsOf(before, now));
  log.warn(
    { before: nameOf(before), now: nameOf(now) },
    'the database is taken to another account',
  );
  await leaveCustomers(db, Date.now());
  await verifyDatabase(services, { repair: true });
  if (before.mode === 'test' && now.mode === 'live') await forgetTrials(db);
  services.access.invalidateAll();
  await rememberStripe(db, now);
}

/** What is wrong with the key for this database, in words; null when it is the right one. */
export async function otherStripe(
  services: Pick<CoreServices, 'config' | 'database' | 'stripe'>,
): Promise<string | null> {
  const db = services.database.knex;
  // A backup of an earlier release has no such table.
  const before = (await db.schema.hasTable('deployment')) ? await rememberedStripe(db) : null;
  if (before === null) return null;
  const now = await identityOf(services);
  return isSame(before, now) ? null : wordsOf(before, now);
}

/** For commands: throws OtherStripeAccount, and remembers nothing. */
export async function refuseOtherStripe(services: CoreServices): Promise<void> {
  const words = await otherStripe(services);
  if (words !== null) throw new OtherStripeAccount(words);
}

async function identityOf({
  config,
  stripe,
}: Pick<CoreServices, 'config' | 'stripe'>): Promise<StripeIdentity> {
  const mode = config.stripe.live ? 'live' : 'test';
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), TIMEOUT_MS);
  });
  const asked = stripe.probeAccount().catch((error: unknown) => {
    if (!isGatewayError(error)) throw error;
    // Restricted keys may not ask; and an unreachable Stripe keeps no server from starting.
    return null;
  });
  const answer = await Promise.race([asked, late]);
  clearTimeout(timer);
  return { accountId: answer?.accountId ?? null, mode };
}

function isSame(before: StripeIdentity, now: StripeIdentity): boolean {
  if (before.mode !== now.mode) return false;
  return before.accountId === now.accountId || before.accountId === null || now.accountId === null;
}

/** As ACCEPT_STRIPE_ACCOUNT names it. */
const nameOf = ({ accountId, mode }: StripeIdentity) => `${accountId ?? 'unknown'}:${mode}`;

const wordsOf = (before: StripeIdentity, now: StripeIdentity) =>
  `The database is of the Stripe account ${nameOf(before)}, and STRIPE_SECRET_KEY of ${nameOf(now)}. ` +
  `Use its key or another database; or, to leave what is stored of the old one behind, start once with ACCEPT_STRIPE_ACCOUNT=${nameOf(now)} (docs/existing-account.md).`;
