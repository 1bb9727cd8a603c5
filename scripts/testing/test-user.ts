import { SignJWT } from 'jose';
import type { Stripe } from 'stripe';
import type { LifecycleState } from '../../state/types.ts';
import { CARDS, payCheckout } from '../pay-checkout.ts';
import { until } from './until.ts';

/** What a card does: it works, it is declined at once, or it can be saved and every later charge fails. */
export type TestCard = keyof typeof CARDS;

/** The answer of `GET /api/billing/subscription`, as far as tests mostly look. */
export interface TestSubscription {
  id: string;
  state: LifecycleState;
  plan: string | null;
  access: { level: 'full' | 'grace' | 'none' };
  currentPeriodEnd: string | null;
  [field: string]: unknown;
}

export interface TestAnswer<T = unknown> {
  status: number;
  /** Parsed where it is JSON, otherwise the text. */
  body: T;
}

export interface TestUserOptions {
  email?: string;
  /** How your app knows the user, as `{ cookie: … }`. Default: a bearer token of `AUTH_JWT_SECRET`. */
  headers?: Record<string, string>;
}

export interface CallOptions {
  method?: string;
  /** Sent as JSON. */
  body?: object;
  headers?: Record<string, string>;
}

/** One of your users, in a browser with a card. */
export interface TestUser {
  readonly id: string;
  readonly email: string;
  /** What identifies the user to the API; send it with your own calls too. */
  readonly headers: Record<string, string>;
  /** Calls your app or the API, by a path. A body makes it a POST. */
  call: <T = unknown>(path: string, options?: CallOptions) => Promise<TestAnswer<T>>;
  /** Opens Checkout and pays with the card; resolves when the subscription is stored. */
  subscribe: (
    plan: string,
    options?: { interval?: string; card?: TestCard; [parameter: string]: unknown },
  ) => Promise<TestSubscription>;
  /** Replaces the saved card, as in the portal. */
  saveCard: (card: TestCard) => Promise<void>;
  subscription: () => Promise<TestSubscription | null>;
  /** Waits until the webhooks have brought the subscription there; fails with the state it is in instead. */
  waitForState: (state: LifecycleState, timeoutMs?: number) => Promise<TestSubscription | null>;
}

/** What a user acts on. */
export interface TestTarget {
  url: string;
  env: Record<string, string>;
  stripe: Stripe;
  /** Resolves when no webhook of Stripe is on its way. */
  delivered: () => Promise<void>;
}

const WAIT_MS = 10_000;
const SAVED_CARDS: Record<TestCard, string> = {
  good: 'pm_card_visa',
  declined: 'pm_card_visa_chargeDeclined',
  failsLater: 'pm_card_chargeCustomerFail',
};

export async function createTestUser(
  target: TestTarget,
  id: string,
  options: TestUserOptions = {},
): Promise<TestUser> {
  const email = options.email ?? `${id}@example.com`;
  const headers = options.headers ?? {
    authorization: `Bearer ${await tokenFor(target.env, { id, email })}`,
  };

  const call = async <T>(path: string, sent: CallOptions = {}): Promise<TestAnswer<T>> => {
    const response = await fetch(new URL(path, target.url), {
      method: sent.method ?? (sent.body === undefined ? 'GET' : 'POST'),
      redirect: 'manual',
      headers: {
        ...headers,
        ...(sent.body !== undefined && { 'content-type': 'application/json' }),
        ...sent.headers,
      },
      body: sent.body && JSON.stringify(sent.body),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('application/json') ?? false;
    return { status: response.status, body: (isJson ? JSON.parse(text) : text) as T };
  };

  const answered = async <T>(path: string, sent?: CallOptions): Promise<T> => {
    const { status, body } = await call<T>(path, sent);
    if (status !== 200) throw new Error(`${path} answered ${status}: ${JSON.stringify(body)}`);
    return body;
  };

  const subscription = async () =>
    (await answered<{ subscription: TestSubscription | null }>('/api/billing/subscription'))
      .subscription;

  return {
    id,
    email,
    headers,
    call,
    subscription,
    async subscribe(plan, { interval = 'monthly', card = 'good', ...more } = {}) {
      const body = { plan, interval, ...more };
      const { url } = await answered<{ url: string }>('/api/billing/checkout', { body });
      await payCheckout(url, { card: CARDS[card], email });
      await target.delivered();
      let found: TestSubscription | null = null;
      await until(
        async () => {
          found = await subscription();
          return found !== null && !['none', 'incomplete', 'canceled'].includes(found.state);
        },
        () => `${id} has paid, and the subscription is ${JSON.stringify(found)}.`,
        WAIT_MS,
      );
      return found!;
    },
    async saveCard(card) {
      const current = await subscription();
      if (current === null) throw new Error(`${id} has no subscription whose card to replace.`);
      const { stripe } = target;
      const { customer } = await stripe.subscriptions.retrieve(current.id);
      const method = await stripe.paymentMethods.attach(SAVED_CARDS[card], {
        customer: typeof customer === 'string' ? customer : customer.id,
      });
      await stripe.subscriptions.update(current.id, { default_payment_method: method.id });
      await target.delivered();
    },
    async waitForState(state, timeoutMs = WAIT_MS) {
      let found: TestSubscription | null = null;
      await until(
        async () => {
          found = await subscription();
          return (found?.state ?? 'none') === state;
        },
        () => `${id} is ${found?.state ?? 'none'} after ${timeoutMs / 1000} s, not ${state}.`,
        timeoutMs,
      );
      return found;
    },
  };
}

function tokenFor(
  env: Record<string, string>,
  user: { id: string; email: string },
): Promise<string> {
  const token = new SignJWT({ email: user.email })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(user.id)
    .setIssuedAt()
    .setExpirationTime('1h');
  const { AUTH_JWT_AUDIENCE, AUTH_JWT_ISSUER, AUTH_JWT_SECRET } = env;
  if (AUTH_JWT_AUDIENCE) token.setAudience(AUTH_JWT_AUDIENCE);
  if (AUTH_JWT_ISSUER) token.setIssuer(AUTH_JWT_ISSUER);
  return token.sign(new TextEncoder().encode(AUTH_JWT_SECRET));
}
