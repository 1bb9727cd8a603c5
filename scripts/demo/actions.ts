import { setTimeout as sleep } from 'node:timers/promises';
import { SignJWT } from 'jose';
import { Stripe } from 'stripe';
import { createServices } from '../../server/app/compose.ts';
import { loadConfig } from '../../server/config/config.ts';
import { createLogger } from '../../server/lib/log.ts';
import { trackUsage } from '../../server/usage/track.ts';
import type { LocalStack } from '../local-stack.ts';
import { payCheckout } from '../pay-checkout.ts';

export interface SubscriptionAnswer {
  id: string;
  state: string;
  trialEnd: string | null;
  currentPeriodEnd: string | null;
  access: { level: string };
}

export interface HistoryLine {
  event: string;
  unexpected: boolean;
  at: string;
}

/** What a customer does in the shop, what happens at Stripe, and what the server says then. */
export interface Demo {
  subscribe: (plan: string) => Promise<void>;
  command: (name: string, body?: object) => Promise<void>;
  subscription: () => Promise<SubscriptionAnswer | null>;
  stateNow: () => Promise<string>;
  /** The history so far as the dashboard's API tells it, over all subscriptions of the customer. */
  history: () => Promise<HistoryLine[]>;
  /** Moves the test clock, and waits for Stripe and its webhooks. */
  advanceDays: (days: number) => Promise<void>;
  /** To shortly after the present period has ended and its invoice was charged. */
  advanceToRenewal: () => Promise<void>;
  /** Replaces the saved card, as a customer would in the portal. */
  saveCard: (paymentMethod: string) => Promise<void>;
  payOpenInvoice: () => Promise<void>;
  /** Reports usage; returns what is recorded of this period. */
  useCalls: (quantity: number) => Promise<number>;
  waitFor: (state: string) => Promise<void>;
}

const USER = 'user_demo';
const DAY_SECONDS = 86_400;
/** Stripe charges a renewal about an hour after the period's end. */
const AFTER_RENEWAL_SECONDS = 2 * 3600;
const TIMEOUT_MS = 10_000;

/** A customer with a browser and a card, on a stack that runs. */
export async function createDemo({ server, stripe: local, env }: LocalStack): Promise<Demo> {
  const api = new URL(local.url);
  const stripe = new Stripe(env['STRIPE_SECRET_KEY'] ?? '', {
    host: api.hostname,
    port: api.port,
    protocol: 'http',
    telemetry: false,
  });
  const clockId = env['STRIPE_TEST_CLOCK'] ?? '';
  const token = await mintToken(env['AUTH_JWT_SECRET'] ?? '');
  const subscriptionIds = new Set<string>();

  async function call(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(`${server.url}/api/billing/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    const answer: unknown = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  async function subscription(): Promise<SubscriptionAnswer | null> {
    const answer = (await call('GET', 'subscription')) as {
      subscription: SubscriptionAnswer | null;
    };
    if (answer.subscription) subscriptionIds.add(answer.subscription.id);
    return answer.subscription;
  }

  async function historyOf(id: string): Promise<HistoryLine[]> {
    const response = await fetch(`${server.url}/admin/api/subscriptions/${id}`, {
      headers: { authorization: `Bearer ${env['ADMIN_TOKEN']}` },
    });
    return ((await response.json()) as { steps: HistoryLine[] }).steps;
  }

  async function stateNow(): Promise<string> {
    return (await subscription())?.state ?? 'none';
  }

  /** Every webhook that Stripe has to send was answered. */
  async function delivered(): Promise<void> {
    await until(async () => {
      const events = await stripe.events.list({ limit: 100 });
      return events.data.every((event) => event.pending_webhooks === 0);
    });
  }

  async function advanceTo(seconds: number): Promise<void> {
    await stripe.testHelpers.testClocks.advance(clockId, { frozen_time: seconds });
    await until(async () => {
      const clock = await stripe.testHelpers.testClocks.retrieve(clockId);
      return clock.status === 'ready';
    });
    await delivered();
  }

  async function current(): Promise<SubscriptionAnswer> {
    const found = await subscription();
    if (!found) throw new Error('There is no subscription');
    return found;
  }

  return {
    subscription,
    stateNow,
    useCalls: async (quantity) => {
      // As a host's own code reports it: over HTTP it is refused, because the caller is who pays for it.
      const host = createServices(loadConfig(env), { log: createLogger({ level: 'error' }), env });
      await host.engine.start(); // and with it the business clock
      const usage = { userId: USER, meter: 'api_calls', quantity, idempotencyKey: 'demo-1' };
      await trackUsage(host, usage);
      await host.close();
      const answer = await call('GET', 'usage?meter=api_calls');
      return (answer as { recorded: number }).recorded;
    },
    subscribe: async (plan) => {
      const answer = await call('POST', 'checkout', { plan, interval: 'monthly' });
      await payCheckout((answer as { url: string }).url);
      await delivered();
    },
    command: async (name, body = {}) => {
      await call('POST', `subscription/${name}`, body);
      await delivered();
    },
    history: async () => {
      const histories = await Promise.all([...subscriptionIds].map((id) => historyOf(id)));
      return histories.flat();
    },
    advanceDays: async (days) => {
      const clock = await stripe.testHelpers.testClocks.retrieve(clockId);
      await advanceTo(clock.frozen_time + days * DAY_SECONDS);
    },
    advanceToRenewal: async () => {
      const end = Date.parse((await current()).currentPeriodEnd ?? '');
      await advanceTo(end / 1000 + AFTER_RENEWAL_SECONDS);
    },
    saveCard: async (paymentMethod) => {
      const { customer } = await stripe.subscriptions.retrieve((await current()).id);
      const customerId = typeof customer === 'string' ? customer : customer.id;
      const method = await stripe.paymentMethods.attach(paymentMethod, { customer: customerId });
      await stripe.subscriptions.update((await current()).id, {
        default_payment_method: method.id,
      });
      await delivered();
    },
    payOpenInvoice: async () => {
      const open = await stripe.invoices.list({
        subscription: (await current()).id,
        status: 'open',
      });
      for (const { id } of open.data) await stripe.invoices.pay(id ?? '');
      await delivered();
    },
    waitFor: (state) => until(async () => (await stateNow()) === state),
  };
}

function mintToken(secret: string): Promise<string> {
  return new SignJWT({ email: 'demo@example.com', name: 'Demo User' })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(USER)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(secret));
}

/** Polls until it holds, and gives up quietly: the step then shows where it stands. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS;
  while (!(await holds()) && Date.now() < deadline) await sleep(25);
}
