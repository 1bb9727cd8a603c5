import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { answerOf } from '../http/api-answer.ts';
import type { FetchHandler } from '../../adapters/fetch.ts';
import { demoToken } from './demo-user.ts';

const price = z
  .object({ priceId: z.string(), amount: z.number().nullable(), currency: z.string() })
  .nullable();

const plan = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().optional(),
  features: z.array(z.string()),
  prices: z.object({ monthly: price, yearly: price }),
});
export type ShopPlan = z.infer<typeof plan>;

const subscription = z.object({
  id: z.string(),
  state: z.string(),
  plan: z.string().nullable(),
  interval: z.string().nullable(),
  currentPeriodEnd: z.string().nullable(),
  trialEnd: z.string().nullable(),
  cancelAt: z.string().nullable(),
  quantity: z.number().nullable(),
  pendingChange: z
    .object({ kind: z.string(), plan: z.string().nullable(), at: z.string().nullable() })
    .nullable(),
  unpaidInvoiceId: z.string().nullable(),
  access: z.object({ level: z.string(), until: z.string().nullable(), reason: z.string() }),
  actions: z.array(z.string()),
});
export type ShopSubscription = z.infer<typeof subscription>;

const preview = z.object({
  kind: z.string(),
  effective: z.string(),
  amountDue: z.number(),
  currency: z.string(),
  credit: z.number(),
  debit: z.number(),
  prorationDate: z.union([z.number(), z.string()]).nullable(),
  nextAmount: z.number().nullable(),
  losses: z.array(z.object({ message: z.string() })),
});
export type ShopPreview = z.infer<typeof preview>;

const invoice = z.object({
  id: z.string(),
  number: z.string().nullable().optional(),
  status: z.string().nullable().optional(),
  total: z.number().optional(),
  amountDue: z.number().optional(),
  currency: z.string(),
  createdAt: z.string().optional(),
});
export type ShopInvoice = z.infer<typeof invoice>;

const openInvoice = z.object({
  invoice: z.object({
    amountDue: z.number(),
    currency: z.string(),
    nextAttemptAt: z.string().nullable(),
    url: z.string().nullable(),
  }),
  payment: z
    .object({ status: z.string(), amountDue: z.number(), url: z.string().nullable() })
    .nullable(),
});
export type OpenInvoice = z.infer<typeof openInvoice>;

const commandQuote = z.object({
  amountDue: z.number(),
  currency: z.string(),
  credit: z.number(),
  fromBalance: z.number(),
  nextAmount: z.number(),
  lines: z.array(z.object({ description: z.string().nullable(), amount: z.number() })),
  debts: z.array(
    z.object({
      invoiceId: z.string(),
      number: z.string().nullable(),
      amount: z.number(),
      currency: z.string(),
      collected: z.boolean(),
    }),
  ),
  losses: z.array(z.object({ message: z.string() })),
  payment: z.string(),
});
export type CommandQuote = z.infer<typeof commandQuote>;

/** The public API as a customer's own app would call it: over the same routes, with the customer's token. */
export class PublicApi {
  readonly #handle: FetchHandler;
  readonly #request: Request;

  constructor(handle: FetchHandler, request: Request) {
    this.#handle = handle;
    this.#request = request;
  }

  async #call(method: 'GET' | 'POST', path: string, body: unknown = {}): Promise<unknown> {
    const token = demoToken(this.#request);
    const headers = new Headers();
    if (token !== null) headers.set('authorization', `Bearer ${token}`);
    const init: RequestInit = { method, headers };
    if (method === 'POST') {
      headers.set('content-type', 'application/json');
      headers.set('idempotency-key', randomUUID());
      init.body = JSON.stringify(body);
    }
    const url = new URL(`/api/billing/${path}`, this.#request.url);
    return answerOf(await this.#handle(new Request(url, init)));
  }

  async plans(): Promise<ShopPlan[]> {
    return z.object({ plans: z.array(plan) }).parse(await this.#call('GET', 'plans')).plans;
  }

  async subscription(): Promise<ShopSubscription | null> {
    const answer = await this.#call('GET', 'subscription');
    return z.object({ subscription: subscription.nullable() }).parse(answer).subscription;
  }

  async invoices(): Promise<ShopInvoice[]> {
    const answer = await this.#call('GET', 'invoices');
    return z.object({ invoices: z.array(invoice) }).parse(answer).invoices;
  }

  /** An invoice that waits for a payment, and where it can be made. */
  async openInvoice(id: string): Promise<OpenInvoice> {
    return openInvoice.parse(await this.#call('GET', `invoices/${encodeURIComponent(id)}`));
  }

  /** What a command would cost and end. */
  async quote(command: string, body: Record<string, string>): Promise<CommandQuote> {
    const answer = await this.#call('POST', 'subscription/preview', { command, ...body });
    return commandQuote.parse(answer);
  }

  async preview(choice: { plan: string; interval: string }): Promise<ShopPreview> {
    return preview.parse(await this.#call('POST', 'subscription/preview', choice));
  }

  /** Where the PDF of one of the customer's invoices is. */
  async invoicePdf(id: string): Promise<string | null> {
    const token = demoToken(this.#request) ?? '';
    const url = new URL(`/api/billing/invoices/${encodeURIComponent(id)}/pdf`, this.#request.url);
    const headers = { authorization: `Bearer ${token}` };
    const response = await this.#handle(new Request(url, { headers }));
    return response.headers.get('location');
  }

  /** A command that answers with an address to go to, if it has one. */
  async command(path: string, body: Record<string, unknown>): Promise<string | null> {
    const answer = await this.#call('POST', path, body);
    const found = z.object({ url: z.string() }).safeParse(answer);
    return found.success ? found.data.url : null;
  }
}
