import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { answerOf } from '../http/api-answer.ts';
import type { RouteContext } from '../http/define-route.ts';

const price = z
  .object({ priceId: z.string(), amount: z.number().nullable(), currency: z.string() })
  .nullable();

const plan = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().optional(),
  features: z.array(z.string()),
  prices: z.object({ monthly: price, yearly: price }),
  trialDays: z.number(),
  default: z.boolean(),
  seats: z.object({ min: z.number(), max: z.number().nullable() }).nullable(),
  meters: z.array(z.object({ meter: z.string(), interval: z.string().nullable() })),
});
export type ShopPlan = z.infer<typeof plan>;

const product = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().optional(),
  amount: z.number().nullable(),
  currency: z.string(),
});

const offer = z.object({ plans: z.array(plan), products: z.array(product) });
export type Offer = z.infer<typeof offer>;

const usage = z.object({
  meter: z.string(),
  recorded: z.number(),
  periodEnd: z.string().nullable(),
});
export type ShopUsage = z.infer<typeof usage>;

const purchase = z.object({
  id: z.string(),
  product: z.string(),
  quantity: z.number(),
  amount: z.number(),
  currency: z.string(),
  status: z.string(),
  paidAt: z.string(),
});
export type ShopPurchase = z.infer<typeof purchase>;

const credit = z.object({
  balance: z.number(),
  currency: z.string().nullable(),
  prepaid: z.array(
    z.object({
      name: z.string().nullable(),
      left: z.number(),
      currency: z.string(),
      expiresAt: z.string().nullable(),
    }),
  ),
});
export type ShopCredit = z.infer<typeof credit>;

const upcoming = z.object({
  invoice: z
    .object({ amountDue: z.number(), currency: z.string(), periodEnd: z.string().nullable() })
    .nullable(),
});
export type Upcoming = z.infer<typeof upcoming>['invoice'];

const promotion = z.object({
  code: z.string(),
  percentOff: z.number().nullable(),
  amountOff: z.number().nullable(),
  currency: z.string().nullable(),
  duration: z.string(),
  months: z.number().nullable(),
});
export type Promotion = z.infer<typeof promotion>;

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
  lines: z.array(z.object({ description: z.string().nullable(), amount: z.number() })),
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
  url: z.string().nullable(),
  amountRemaining: z.number(),
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

/** A plan as chosen on a page; `quantity` where it is sold by seats. */
export interface Choice {
  plan: string;
  interval: string;
  quantity?: number;
}

/** The public API as a customer's own app would call it: over the same routes, for the customer who is signed in. */
export class PublicApi {
  readonly #context: Pick<RouteContext, 'dispatch' | 'address'>;
  readonly #request: Request;
  /** Makes a request one of the customer's. */
  readonly #sign: (request: Request) => void;

  constructor(
    context: Pick<RouteContext, 'dispatch' | 'address'>,
    request: Request,
    sign: (request: Request) => void,
  ) {
    this.#context = context;
    this.#request = request;
    this.#sign = sign;
  }

  #send(path: string, init: RequestInit = {}): Promise<Response> {
    const asked = new Request(new URL(`/api/billing/${path}`, this.#request.url), init);
    this.#sign(asked);
    const { dispatch, address } = this.#context;
    return dispatch(asked, address === null ? {} : { address });
  }

  async #call(method: 'GET' | 'POST', path: string, body: unknown = {}): Promise<unknown> {
    if (method === 'GET') return answerOf(await this.#send(path));
    const headers = { 'content-type': 'application/json', 'idempotency-key': randomUUID() };
    return answerOf(await this.#send(path, { method, headers, body: JSON.stringify(body) }));
  }

  async offer(): Promise<Offer> {
    return offer.parse(await this.#call('GET', 'plans'));
  }

  async plans(): Promise<ShopPlan[]> {
    return (await this.offer()).plans;
  }

  async usage(meter: string): Promise<ShopUsage> {
    return usage.parse(await this.#call('GET', `usage?meter=${encodeURIComponent(meter)}`));
  }

  async purchases(): Promise<ShopPurchase[]> {
    const answer = await this.#call('GET', 'payments');
    return z.object({ payments: z.array(purchase) }).parse(answer).payments;
  }

  async credit(): Promise<ShopCredit> {
    return credit.parse(await this.#call('GET', 'credit?limit=1'));
  }

  async upcoming(): Promise<Upcoming> {
    return upcoming.parse(await this.#call('GET', 'invoices/upcoming')).invoice;
  }

  async promotion(code: string): Promise<Promotion> {
    return promotion.parse(await this.#call('GET', `promotion-codes/${encodeURIComponent(code)}`));
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

  async preview(choice: Choice): Promise<ShopPreview> {
    return preview.parse(await this.#call('POST', 'subscription/preview', choice));
  }

  /** Where the PDF of one of the customer's invoices is. */
  async invoicePdf(id: string): Promise<string | null> {
    const response = await this.#send(`invoices/${encodeURIComponent(id)}/pdf`);
    return response.headers.get('location');
  }

  /** Stores what a Checkout session bought. True when it was something that is bought once. */
  async sync(sessionId: string): Promise<boolean> {
    const answer = await this.#call('POST', 'checkout/sync', { sessionId });
    const { payment } = z.object({ payment: purchase.nullable() }).parse(answer);
    return payment !== null;
  }

  /** A command that answers with an address to go to, if it has one. */
  async command(path: string, body: Record<string, unknown>): Promise<string | null> {
    const answer = await this.#call('POST', path, body);
    const found = z.object({ url: z.string() }).safeParse(answer);
    return found.success ? found.data.url : null;
  }
}
