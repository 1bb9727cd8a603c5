import { isGatewayError } from '../../adapters/stripe-gateway.ts';
import { readSubscription } from '../../state/subscription-facts.ts';
import type { SubscriptionFacts } from '../../state/types.ts';
import { retryThroughOutages } from '../lib/retry.ts';
import type { Services } from '../lib/services.ts';

/** A page of what Stripe has, newest first. */
export interface SubscriptionPage {
  facts: SubscriptionFacts[];
  ids: Set<string>;
  /** Creation time of its oldest subscription; -Infinity on the last page. */
  oldest: number;
  /** Where the next page starts; null on the last one. */
  next: string | null;
}

/** The test clocks whose subscriptions Stripe lists only by their name; null when the key may not ask for them. */
export async function testClocksOf(services: Services): Promise<string[] | null> {
  const { live, testClock } = services.config.stripe;
  if (live) return [];
  const unseen = testClock === null ? null : [testClock];
  try {
    return (await services.stripe.listTestClocks()).map(({ id }) => id);
  } catch (error) {
    if (!isGatewayError(error)) throw error;
    // A restricted key. The reader would take it for an outage, and wait.
    if (error.status === 403) return unseen;
  }
  const clocks = await retryThroughOutages(() =>
    services.engine.reader.read((stripe) => stripe.listTestClocks()),
  );
  return clocks.map(({ id }) => id);
}

/** Every subscription of the account, or of one test clock. The page after is asked for while one is worked on. */
export async function* subscriptionPages(
  services: Services,
  testClock?: string,
): AsyncGenerator<SubscriptionPage> {
  const pageAfter = (after: string | null) => readPage(services, after, testClock);
  let coming: Promise<SubscriptionPage> | null = pageAfter(null);
  while (coming) {
    const page: SubscriptionPage = await coming;
    coming = page.next === null ? null : pageAfter(page.next);
    // A consumer that stops here does not wait for it; one that goes on is told of its failure above.
    coming?.catch(() => undefined);
    yield page;
  }
}

async function readPage(
  services: Services,
  after: string | null,
  testClock: string | undefined,
): Promise<SubscriptionPage> {
  const { reader } = services.engine;
  const list = await retryThroughOutages(() =>
    reader.read((stripe) => stripe.listSubscriptions(after, testClock)),
  );
  const facts: SubscriptionFacts[] = [];
  for (const object of list.data) {
    // A list cuts the items of each subscription at ten.
    const whole = object.items.has_more
      ? await retryThroughOutages(() => reader.subscription(object.id))
      : readSubscription(object);
    if (whole) facts.push(whole);
  }
  const isLast = !list.has_more || list.data.length === 0;
  return {
    facts,
    ids: new Set(list.data.map((object) => object.id)),
    oldest: isLast ? -Infinity : Math.min(...facts.map((each) => each.createdAt)),
    next: isLast ? null : (list.data.at(-1)?.id ?? null),
  };
}
