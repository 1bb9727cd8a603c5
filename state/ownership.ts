/**
 * Whose a Stripe object is, and what of a Stripe account is ours: other programs sell in the same one, and name their
 * users by the same metadata keys.
 */
import { planOf, planOfFacts, type Catalogue } from './catalogue.ts';
import type { EventFacts } from './event-facts.ts';
import type { CheckoutFacts } from './event-objects.ts';
import type { StoredSubscription, SubscriptionFacts } from './types.ts';

/** The metadata that we write on every object that we make. */
const ACCOUNT_KEY = 'tenure_account';
const DEPLOYMENT_KEY = 'tenure_deployment';

type Metadata = Readonly<Record<string, string>>;

export interface OwnershipRules {
  deploymentId: string;
  /** Keys by which other programs name a user; believed only for subscriptions of the catalogue. */
  metadataKeys: readonly string[];
}

/** Who says whose it is, the most trusted first. */
export type ClaimSource = 'link' | 'mark' | 'checkout' | 'subscription' | 'customer';

export interface OwnerClaim {
  accountId: string;
  source: ClaimSource;
}

/** Everything that may name the account of a subscription. */
export interface OwnerSources {
  /** The account that the database has for the customer. */
  link: string | null;
  subscription: Metadata;
  checkouts: readonly Pick<CheckoutFacts, 'clientReferenceId' | 'metadata'>[];
  /** null when it was not read. */
  customer: Metadata | null;
}

/** The metadata that marks an object as made by this deployment, for an account if it is one's. */
export function ownerMark(
  accountId: string | null,
  { deploymentId }: Pick<OwnershipRules, 'deploymentId'>,
): Metadata {
  const mark = { [DEPLOYMENT_KEY]: deploymentId };
  return accountId === null ? mark : { [ACCOUNT_KEY]: accountId, ...mark };
}

/** The account that our own mark names; null for an object without it, or with that of another deployment. */
export function markedAccount(metadata: Metadata, rules: OwnershipRules): string | null {
  return metadata[DEPLOYMENT_KEY] === rules.deploymentId ? asAccount(metadata[ACCOUNT_KEY]) : null;
}

/** The account that every mark of ours among these names, the first of them included; null where they do not agree. */
export function agreedAccount(objects: readonly Metadata[], rules: OwnershipRules): string | null {
  const [first, ...others] = objects;
  const account = first ? markedAccount(first, rules) : null;
  const isSame = (metadata: Metadata) =>
    !isOfOther(metadata, rules) && [account, null].includes(markedAccount(metadata, rules));
  return others.every(isSame) ? account : null;
}

/**
 * The account that a customer's metadata names since its owner there was changed: by a key of other programs, which is never
 * followed. null when the account that it was linked to was not what it said before.
 */
export function renamedOwner(
  change: { before: Metadata; after: Metadata; account: string },
  rules: OwnershipRules,
): string | null {
  const { before, after, account } = change;
  const key = rules.metadataKeys.find(
    (name) => before[name] === account && after[name] !== account,
  );
  return key === undefined ? null : asAccount(after[key]);
}

/** Whether another deployment made it. */
export function isOfOther(
  metadata: Metadata,
  rules: Pick<OwnershipRules, 'deploymentId'>,
): boolean {
  const deployment = metadata[DEPLOYMENT_KEY];
  return deployment !== undefined && deployment !== rules.deploymentId;
}

/**
 * Every account that is named for a subscription, the one that counts first; several different ones are a conflict.
 * None when another deployment made it.
 */
export function ownerClaims(sources: OwnerSources, rules: OwnershipRules): OwnerClaim[] {
  const { link, subscription, checkouts, customer } = sources;
  if (isOfOther(subscription, rules)) return [];
  const sessions = checkouts.map(({ metadata }) => metadata);
  const others = [...sessions, customer ?? {}];
  const claims: (OwnerClaim | null)[] = [
    claim(link, 'link'),
    ...[subscription, ...others].map((each) => claim(markedAccount(each, rules), 'mark')),
  ];
  if (!others.some((each) => isOfOther(each, rules))) {
    claims.push(
      ...checkouts.map((each) => claim(asAccount(each.clientReferenceId), 'checkout')),
      ...sessions.map((each) => claim(namedAccount(each, rules), 'checkout')),
      claim(namedAccount(subscription, rules), 'subscription'),
      claim(customer && namedAccount(customer, rules), 'customer'),
    );
  }
  const distinct = new Map<string, OwnerClaim>();
  for (const each of claims) {
    if (each && !distinct.has(each.accountId)) distinct.set(each.accountId, each);
  }
  return [...distinct.values()];
}

/** Ours is a subscription whose account is known and of whose items one belongs to the catalogue. */
export function isOurs({ userId, plan }: Pick<StoredSubscription, 'userId' | 'plan'>): boolean {
  return userId !== null && plan !== null;
}

/** Whether one of its items belongs to the catalogue, by price, by a former price, or by the product. */
export function isInCatalogue(catalogue: Catalogue, facts: SubscriptionFacts): boolean {
  return planOfFacts(catalogue, facts) !== null;
}

/** Whether another program or deployment sells it: on no price of ours, or with the mark of another. */
export function isSoldByOthers(
  facts: SubscriptionFacts,
  catalogue: Catalogue,
  rules: Pick<OwnershipRules, 'deploymentId'>,
): boolean {
  return !isInCatalogue(catalogue, facts) || isOfOther(facts.metadata, rules);
}

/**
 * Whether events alone tell that a subscription is of no plan of ours, so that it need not be read at Stripe: each that
 * shows its items, or bills for it, names none of the catalogue, and one does.
 */
export function isForeignAsTold(catalogue: Catalogue, events: readonly EventFacts[]): boolean {
  let told = false;
  for (const { subscription, invoice } of events) {
    const items = subscription?.items ?? invoice?.items ?? [];
    // Ten is where Stripe cuts a nested list.
    if (items.length >= 10 || items.some((item) => planOf(catalogue, item) !== null)) {
      return false;
    }
    told ||= items.length > 0;
  }
  return told;
}

const claim = (accountId: string | null, source: ClaimSource): OwnerClaim | null =>
  accountId === null ? null : { accountId, source };

function namedAccount(metadata: Metadata, rules: OwnershipRules): string | null {
  for (const key of rules.metadataKeys) {
    const account = asAccount(metadata[key]);
    if (account !== null) return account;
  }
  return null;
}

/** What PostgreSQL stores as an id, as identities have it too. */
function asAccount(text: string | null | undefined): string | null {
  return text?.replaceAll('\0', '').slice(0, 255) || null;
}
