import { ownerlessSubscriptions } from '../../db/accounts.ts';
import { stateCounts } from '../../db/counters.ts';
import { countConflicts } from '../../db/owner-conflicts.ts';
import {
  findSubscription,
  findSubscriptions,
  subscriptionsCreatedIn,
  type SubscriptionRow,
} from '../../db/subscriptions.ts';
import { isInCatalogue } from '../../state/ownership.ts';
import type { Cause, SubscriptionFacts } from '../../state/types.ts';
import { learnCosts } from '../sync/read-stripe.ts';
import { compareRow, type FieldDifference } from './compare-facts.ts';
import type { Services } from '../lib/services.ts';
import { subscriptionPages, testClocksOf, type SubscriptionPage } from './list-subscriptions.ts';
import { retryThroughOutages } from '../lib/retry.ts';

/** One subscription that is not here as it is at Stripe. */
export interface Difference {
  kind: 'missing_here' | 'missing_at_stripe' | 'differs';
  subscriptionId: string;
  customerId: string;
  fields: FieldDifference[];
  /** Only with `repair`. */
  repaired: boolean;
}

export interface VerifyOptions {
  repair?: boolean;
  /** With `repair`: sends the mails and webhooks that follow; else they are noted only. */
  notify?: boolean;
  onDifference?: (difference: Difference) => void;
  /** `total` is what the database holds, so it may be passed. */
  onProgress?: (progress: { checked: number; total: number }) => void;
}

export interface VerifyResult {
  checked: number;
  differences: number;
  repaired: number;
  /** Live subscriptions on prices of the catalogue that belong to no account. */
  withoutAccount: number;
  /** Claims that contradict the account of a customer and wait for an operator. */
  conflicts: number;
  /** True when the key may not list test clocks: what is on them was not compared. */
  clocksUnseen: boolean;
}

/**
 * Compares every subscription of the account with the database, page by page and in constant memory: Stripe
 * lists the newest first, and for each page the rows created in the same span of time are looked up. Those on test
 * clocks come first: the list of the others leaves them out.
 */
export async function verifyDatabase(
  services: Services,
  options: VerifyOptions = {},
): Promise<VerifyResult> {
  const clocks = await testClocksOf(services);
  const result: VerifyResult = {
    checked: 0,
    differences: 0,
    repaired: 0,
    withoutAccount: 0,
    conflicts: 0,
    clocksUnseen: clocks === null,
  };
  const counts = await stateCounts(services.database.knex);
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const check = (suspects: Suspect[]) => settleAll(services, suspects, { options, result });
  const compare = async (page: SubscriptionPage) => {
    await check(await compareHere(services, page.facts));
    result.checked += page.facts.length;
    options.onProgress?.({ checked: result.checked, total });
  };
  const onClocks = new Set<string>();
  for (const clock of clocks ?? []) {
    for await (const page of subscriptionPages(services, clock)) {
      for (const id of page.ids) onClocks.add(id);
      await compare(page);
    }
  }
  let last: SubscriptionPage | null = null;
  for await (const page of subscriptionPages(services)) {
    await compare(page);
    const vanished = await findVanished(services, page, last);
    await check(vanished.filter(({ subscriptionId }) => !onClocks.has(subscriptionId)));
    last = page;
  }
  result.withoutAccount = (await ownerlessSubscriptions(services.database.knex)).count;
  result.conflicts = await countConflicts(services.database.knex);
  return result;
}

/** What looks wrong: the id, and what Stripe said of it in the list. */
interface Suspect {
  subscriptionId: string;
  customerId: string;
  atStripe: SubscriptionFacts | null;
}

async function compareHere(services: Services, facts: SubscriptionFacts[]): Promise<Suspect[]> {
  const { catalogue, engine } = services;
  for (const each of facts) {
    // Of others' prices nothing is compared.
    if (isInCatalogue(catalogue, each)) await learnCosts(catalogue, each, engine.reader);
  }
  const ids = facts.map((each) => each.id);
  const rows = await findSubscriptions(services.database.knex, ids);
  const here = new Map(rows.map((row) => [row.id, row]));
  return facts
    .filter((atStripe) => {
      const known = here.get(atStripe.id);
      return differs(services, known ?? null, atStripe);
    })
    .map((atStripe) => ({
      subscriptionId: atStripe.id,
      customerId: atStripe.customerId,
      atStripe,
    }));
}

/** What is on no price of ours is another program's: it need not be here. */
function differs(
  { catalogue }: Services,
  here: SubscriptionRow | null,
  atStripe: SubscriptionFacts,
): boolean {
  const isOther = !isInCatalogue(catalogue, atStripe);
  if (isOther && (here === null || here.foreign)) return false;
  return here === null || compareRow(here, atStripe, catalogue).length > 0;
}

/**
 * Rows of the page's span of time that Stripe did not list. Those of its oldest instant may be on the next page,
 * so they are looked at there.
 */
async function findVanished(
  services: Services,
  page: SubscriptionPage,
  last: SubscriptionPage | null,
): Promise<Suspect[]> {
  const suspects: Suspect[] = [];
  const span = { after: page.oldest, until: last?.oldest ?? Infinity };
  for await (const rows of subscriptionsCreatedIn(services.database.knex, span)) {
    for (const row of rows) {
      const listed = page.ids.has(row.id) || last?.ids.has(row.id);
      if (listed || row.state === 'canceled') continue;
      suspects.push({ subscriptionId: row.id, customerId: row.customerId, atStripe: null });
    }
  }
  return suspects;
}

async function settleAll(
  services: Services,
  suspects: Suspect[],
  run: { options: VerifyOptions; result: VerifyResult },
): Promise<void> {
  for (const suspect of suspects) {
    const difference = await lookAgain(services, suspect.subscriptionId);
    if (!difference) continue;
    run.result.differences += 1;
    if (run.options.repair) {
      const { customerId } = difference;
      await retryThroughOutages(() =>
        repair(services, { subscriptionId: suspect.subscriptionId, customerId }, run.options),
      );
      difference.repaired = (await lookAgain(services, suspect.subscriptionId)) === null;
      if (difference.repaired) run.result.repaired += 1;
    }
    run.options.onDifference?.(difference);
  }
}

async function repair(
  services: Services,
  ids: { subscriptionId: string; customerId: string },
  { notify = false }: VerifyOptions,
) {
  const cause: Cause = {
    type: 'verify',
    id: `verify-${Date.now()}`,
    actor: 'system',
    at: services.clock.now(),
    quiet: !notify,
  };
  await retryThroughOutages(() => services.engine.syncSubscription({ ...ids, cause }));
}

/** A second look at both sides: an event may have been on its way while the page was read. */
async function lookAgain(services: Services, id: string): Promise<Difference | null> {
  const atStripe = await retryThroughOutages(() => services.engine.reader.subscription(id));
  const here = await findSubscription(services.database.knex, id);
  const of = (kind: Difference['kind'], fields: FieldDifference[] = []): Difference => ({
    kind,
    subscriptionId: id,
    customerId: atStripe?.customerId ?? here?.customerId ?? '',
    fields,
    repaired: false,
  });
  if (!atStripe) return here && here.state !== 'canceled' ? of('missing_at_stripe') : null;
  if (!differs(services, here, atStripe)) return null;
  if (!here) return of('missing_here');
  const fields = compareRow(here, atStripe, services.catalogue);
  return fields.length > 0 ? of('differs', fields) : null;
}
