import type { NewEvent } from '../../db/webhook-events.ts';
import type {
  Cause,
  StoredSubscription,
  SubscriptionFacts,
  Transition,
} from '../../state/types.ts';

let serial = 0;

/** A number that no other call in this process gets. */
export const unique = (): number => (serial += 1);

/** What Stripe says of an ordinary monthly subscription. */
export function aSubscriptionFacts(given: Partial<SubscriptionFacts> = {}): SubscriptionFacts {
  const id = given.id ?? `sub_${unique()}`;
  return {
    id,
    customerId: `cus_of_${id}`,
    stripeStatus: 'active',
    items: [
      {
        id: `si_of_${id}`,
        priceId: 'price_starter_monthly',
        productId: 'prod_starter',
        quantity: 1,
        currency: 'usd',
        unitAmount: 2_000,
        interval: 'month',
        intervalCount: 1,
        metered: false,
        periodStart: 1_790_000_000_000,
        periodEnd: 1_792_592_000_000,
      },
    ],
    currency: 'usd',
    currentPeriodStart: 1_790_000_000_000,
    currentPeriodEnd: 1_792_592_000_000,
    trialStart: null,
    trialEnd: null,
    cancelAt: null,
    cancelAtPeriodEnd: false,
    canceledAt: null,
    endedAt: null,
    cancellationReason: null,
    pauseCollection: null,
    scheduleId: null,
    nextPhase: null,
    pendingUpdate: null,
    latestInvoiceId: null,
    collectionMethod: 'charge_automatically',
    defaultPaymentMethodId: null,
    cardFingerprint: null,
    billingMode: 'flexible',
    metadata: {},
    livemode: false,
    createdAt: 1_790_000_000_000,
    ...given,
  };
}

/** A stored row, active unless said otherwise. */
export function aStoredSubscription(
  given: Partial<Omit<StoredSubscription, 'facts'>> & { facts?: Partial<SubscriptionFacts> } = {},
): StoredSubscription {
  const id = given.id ?? `sub_${unique()}`;
  const facts = aSubscriptionFacts({
    id,
    ...(given.customerId ? { customerId: given.customerId } : {}),
    ...given.facts,
  });
  return {
    userId: null,
    state: 'active',
    status: 'active',
    plan: 'starter',
    failedAttempts: 0,
    pastDueSince: null,
    since: facts.createdAt,
    mrr: 2_000,
    ...given,
    id,
    customerId: facts.customerId,
    facts,
  };
}

/** A line of history with its cause. */
export function aLine(
  given: Partial<Transition> & { cause?: Partial<Cause> } = {},
): Transition & { cause: Cause } {
  const { cause, ...line } = given;
  return {
    from: 'none',
    to: 'active',
    event: 'paid',
    unexpected: false,
    late: false,
    detail: { status: 'active' },
    ...line,
    cause: {
      type: 'event',
      id: `evt_${unique()}`,
      actor: 'stripe',
      at: 1_790_000_000_000,
      ...cause,
    },
  };
}

/** An event as the inbox stores it. */
export function aNewEvent(given: Partial<NewEvent> = {}): NewEvent {
  const id = given.id ?? `evt_${unique()}`;
  return {
    id,
    type: 'customer.subscription.updated',
    subject: 'cus_1',
    subscriptionId: 'sub_1',
    objectId: 'sub_1',
    payload: JSON.stringify({ id, object: 'event', type: 'customer.subscription.updated' }),
    apiVersion: '2026-10-28.endive',
    livemode: false,
    account: null,
    flags: [],
    source: 'webhook',
    createdAt: 1_790_000_000_000,
    receivedAt: 1_790_000_001_000,
    status: 'waiting',
    ...given,
  };
}
