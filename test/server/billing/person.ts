import type Stripe from 'stripe';
import { payCheckout } from '../../../scripts/pay-checkout.ts';
import type { Answer, TestServer } from '../../support/server.ts';

export const PRO = { plan: 'pro', interval: 'monthly' };
export const PRO_YEARLY = { plan: 'pro', interval: 'yearly' };
export const STARTER = { plan: 'starter', interval: 'monthly' };

let count = 0;

/** Somebody who uses the API, and what the tests do to them at Stripe. */
export interface Person {
  id: string;
  post: (path: string, body?: object, headers?: Record<string, string>) => Promise<Answer>;
  get: (path: string) => Promise<Answer>;
  /** What somebody with the admin token does. */
  asAdmin: (path: string, body: object, headers?: Record<string, string>) => Promise<Answer>;
  /** `POST /api/billing/subscription/<name>`, again with the price where that is asked for. */
  command: (name: string, body?: object, headers?: Record<string, string>) => Promise<Answer>;
  subscription: () => Promise<View>;
  /** The subscription at Stripe. */
  atStripe: () => Promise<Stripe.Subscription>;
  customerId: () => Promise<string>;
  /** Buys through Checkout, with a card by its number. */
  subscribe: (choice?: object, card?: string) => Promise<View>;
  useCard: (token: string) => Promise<string>;
  /** A preview, and then the change for that price. */
  changeTo: (
    choice: object,
    name?: 'change' | 'quantity',
  ) => Promise<{ quote: Quote; answer: Answer }>;
  /** Invoices at Stripe, newest first. */
  invoices: () => Promise<Stripe.Invoice[]>;
}

export interface View {
  id: string;
  state: string;
  plan: string | null;
  interval: string | null;
  quantity: number | null;
  currentPeriodEnd: string;
  priceId: string | null;
  trialEnd: string | null;
  cancelAt: string | null;
  pendingChange: { kind: string; plan: string | null; quantity: number | null; at: string } | null;
  access: { level: string; reason: string };
  actions: string[];
  [field: string]: unknown;
}

export interface Quote {
  kind: string;
  effective: string;
  amountDue: number;
  credit: number;
  debit: number;
  nextAmount: number;
  currency: string;
  prorationDate: string | null;
  lines: { amount: number; proration: boolean }[];
  [field: string]: unknown;
}

/** A new person; `subscribe()` makes them a customer. */
export function newPerson(server: TestServer): Person {
  const id = `user_${(count += 1)}`;
  const post = (path: string, body: object = {}, headers: Record<string, string> = {}) =>
    server.call('POST', `/api/billing/${path}`, { user: id, body, headers });
  const get = (path: string) => server.call('GET', `/api/billing/${path}`, { user: id });
  const subscription = async () => (await get('subscription')).json['subscription'] as View;
  const customerId = async () => {
    const row = await server.database.knex('customers').where({ user_id: id }).first();
    return String(row?.stripe_customer_id);
  };
  const command: Person['command'] = async (name, body, headers) => {
    const answer = await post(`subscription/${name}`, body, headers);
    const confirm = priceOf(answer);
    return confirm ? post(`subscription/${name}`, { ...body, confirm }, headers) : answer;
  };
  return {
    id,
    post,
    get,
    asAdmin: (path, body, headers = {}) =>
      server.call('POST', `/api/billing/${path}`, { admin: true, body, headers }),
    command,
    subscription,
    customerId,
    atStripe: async () => server.stripe.subscriptions.retrieve((await subscription()).id),
    subscribe: async (choice = PRO, card?: string) => {
      const opened = await post('checkout', choice);
      if (opened.status !== 200) throw new Error(opened.text);
      await payCheckout(String(opened.json['url']), card === undefined ? {} : { card });
      await server.settled();
      return subscription();
    },
    useCard: async (token) => {
      const customer = await customerId();
      const method = await server.stripe.paymentMethods.attach(token, { customer });
      await server.stripe.customers.update(customer, {
        invoice_settings: { default_payment_method: method.id },
      });
      const current = await subscription();
      if (current && current.state !== 'canceled') {
        await server.stripe.subscriptions
          .update(current.id, { default_payment_method: method.id })
          // It may have ended meanwhile, by the end of dunning.
          .catch(async (error: unknown) => {
            if ((await server.stripe.subscriptions.retrieve(current.id)).status !== 'canceled')
              throw error;
          });
      }
      await server.settled();
      return method.id;
    },
    changeTo: async (choice, name = 'change') => {
      const preview = await command('preview', choice);
      if (preview.status !== 200) throw new Error(preview.text);
      const quote = preview.json as unknown as Quote;
      const { prorationDate } = quote;
      return { quote, answer: await command(name, { ...choice, prorationDate }) };
    },
    invoices: async () =>
      (await server.stripe.invoices.list({ customer: await customerId(), limit: 100 })).data,
  };
}

/** The price, debts included, that a comeback asks to be confirmed. */
export function priceOf({ json }: Answer): { amountDue: number; currency: string } | null {
  const error = json['error'] as { code: string; amountDue: number; currency: string } | undefined;
  if (error?.code !== 'confirmation_required') return null;
  return { amountDue: error.amountDue, currency: error.currency };
}

/** The view that a command answered. */
export function viewOf(answer: Answer): View {
  return answer.json['subscription'] as View;
}

/** Status and error code. */
export function refusal(answer: Answer): [number, unknown] {
  return [answer.status, (answer.json['error'] as { code: string } | undefined)?.code];
}
