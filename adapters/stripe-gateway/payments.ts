import type Stripe from 'stripe';
import { pageParams, taxParams, type CheckoutPage } from './checkout.ts';
import { call } from './errors.ts';
import type { OwnerMetadata } from './client.ts';

export interface PageRequest {
  customerId: string;
  limit: number;
  /** Id of the last one of the page before. */
  startingAfter: string | null;
}

export interface InvoicePage {
  status: 'draft' | 'open' | 'paid' | 'uncollectible' | 'void' | null;
  /** In seconds. */
  createdFrom: number | null;
  createdTo: number | null;
  limit: number;
  startingAfter: string | null;
}

export interface OneOffInvoice {
  customerId: string;
  currency: string;
  collection: 'charge' | 'send';
  automaticTax: boolean;
  userId: string;
  /** Kept in the metadata, to find it again. */
  request: string;
}

export interface OneOffItem {
  description: string;
  /** Minor units for one. */
  amount: number;
  quantity: number;
}

export interface PaymentCheckout {
  customerId: string;
  userId: string;
  /** Product id of the catalogue, told again when it is paid. */
  product: string;
  /** Its metadata are told again when it is paid. */
  page: CheckoutPage;
  priceId: string;
  quantity: number;
  automaticTax: boolean;
  /** Kept in the session's metadata, to know the same checkout again. */
  wish: string;
}

/** Invoices as people see and pay them, one-time payments, and the customer's credit. */
export function paymentCalls(stripe: Stripe, ownerMetadata: OwnerMetadata) {
  return {
    /** With its payments and their intents: how the last attempt went. */
    retrievePayableInvoice: (id: string): Promise<Stripe.Invoice> =>
      call(() =>
        stripe.invoices.retrieve(id, { expand: ['payments.data.payment.payment_intent'] }),
      ),

    /** The newest charges of a customer, with what was returned of them; at most 100. */
    chargesOf: async (customerId: string): Promise<Stripe.Charge[]> =>
      (await call(() => stripe.charges.list({ customer: customerId, limit: 100 }))).data,

    /** Invoices of every customer, newest first: a page of them. */
    listAllInvoices: (page: InvoicePage): Promise<Stripe.ApiList<Stripe.Invoice>> =>
      call(() =>
        stripe.invoices.list({
          limit: page.limit,
          ...(page.startingAfter !== null && { starting_after: page.startingAfter }),
          ...(page.status !== null && { status: page.status }),
          ...(page.createdFrom === null && page.createdTo === null
            ? {}
            : {
                created: {
                  ...(page.createdFrom !== null && { gte: page.createdFrom }),
                  ...(page.createdTo !== null && { lte: page.createdTo }),
                },
              }),
        }),
      ),

    /** The invoices of a number, by Stripe's index, which lags by a minute; a few of them. */
    invoicesNumbered: async (number: string): Promise<Stripe.Invoice[]> =>
      (await call(() => stripe.invoices.search({ query: `number:"${quoted(number)}"`, limit: 10 })))
        .data,

    /** The newest charges of cards whose number ends so, by Stripe's index; at most 100. */
    chargesOfCard: async (last4: string): Promise<Stripe.Charge[]> => {
      const query = `payment_method_details.card.last4:"${quoted(last4)}"`;
      return (await call(() => stripe.charges.search({ query, limit: 100 }))).data;
    },

    /** A customer's invoices, newest first. */
    listInvoices: (page: PageRequest): Promise<Stripe.ApiList<Stripe.Invoice>> =>
      call(() =>
        stripe.invoices.list({
          customer: page.customerId,
          limit: page.limit,
          starting_after: page.startingAfter ?? undefined,
        }),
      ),

    /** The next renewal's invoice as it stands; `not_found` when none will come. */
    previewRenewal: (subscriptionId: string): Promise<Stripe.Invoice> =>
      call(() => stripe.invoices.createPreview({ subscription: subscriptionId })),

    /** Tries to collect now. `card_declined` leaves it open. */
    payInvoice: (
      id: string,
      paymentMethodId: string | null,
      idempotencyKey: string,
    ): Promise<Stripe.Invoice> =>
      call(() =>
        stripe.invoices.pay(
          id,
          { payment_method: paymentMethodId ?? undefined },
          { idempotencyKey },
        ),
      ),

    voidInvoice: (id: string, idempotencyKey: string): Promise<Stripe.Invoice> =>
      call(() => stripe.invoices.voidInvoice(id, {}, { idempotencyKey })),

    createOneOffInvoice: (input: OneOffInvoice, idempotencyKey: string): Promise<Stripe.Invoice> =>
      call(() =>
        stripe.invoices.create(
          {
            customer: input.customerId,
            currency: input.currency,
            // What waits for the next renewal has no place on it.
            pending_invoice_items_behavior: 'exclude',
            auto_advance: false,
            metadata: { ...ownerMetadata(input.userId), request: input.request },
            automatic_tax: input.automaticTax ? { enabled: true } : undefined,
            ...(input.collection === 'send'
              ? { collection_method: 'send_invoice', days_until_due: 30 }
              : { collection_method: 'charge_automatically' }),
          },
          { idempotencyKey },
        ),
      ),

    addInvoiceItem: (
      invoice: { id: string; customerId: string; userId: string; currency: string },
      item: OneOffItem,
      idempotencyKey: string,
    ): Promise<Stripe.InvoiceItem> =>
      call(() =>
        stripe.invoiceItems.create(
          {
            customer: invoice.customerId,
            invoice: invoice.id,
            currency: invoice.currency,
            description: item.description,
            amount: item.amount * item.quantity,
            metadata: ownerMetadata(invoice.userId),
          },
          { idempotencyKey },
        ),
      ),

    /** Collection is tried by Stripe too, from then on. */
    finalizeInvoice: (id: string, idempotencyKey: string): Promise<Stripe.Invoice> =>
      call(() => stripe.invoices.finalizeInvoice(id, { auto_advance: true }, { idempotencyKey })),

    /** Finalizes it and mails it. */
    sendInvoice: (id: string, idempotencyKey: string): Promise<Stripe.Invoice> =>
      call(() => stripe.invoices.sendInvoice(id, {}, { idempotencyKey })),

    itemsOfInvoice: (id: string): Promise<Stripe.InvoiceItem[]> =>
      call(() =>
        stripe.invoiceItems.list({ invoice: id, limit: 100 }).autoPagingToArray({ limit: 1000 }),
      ),

    deleteInvoiceItem: (id: string): Promise<Stripe.DeletedInvoiceItem> =>
      call(() => stripe.invoiceItems.del(id)),

    /** Only drafts that belong to no subscription can be deleted. */
    deleteDraftInvoice: (id: string): Promise<Stripe.DeletedInvoice> =>
      call(() => stripe.invoices.del(id)),

    createPaymentCheckout: (
      input: PaymentCheckout,
      idempotencyKey: string,
    ): Promise<Stripe.Checkout.Session> =>
      call(() =>
        stripe.checkout.sessions.create(paymentParams(input, ownerMetadata(input.userId)), {
          idempotencyKey,
        }),
      ),

    /** Changes of the customer's balance, newest first; negative amounts are in their favour. */
    listBalanceEntries: (
      page: PageRequest,
    ): Promise<Stripe.ApiList<Stripe.CustomerBalanceTransaction>> =>
      call(() =>
        stripe.customers.listBalanceTransactions(page.customerId, {
          limit: page.limit,
          starting_after: page.startingAfter ?? undefined,
        }),
      ),

    /** All entries of a customer's balance, newest first. */
    allBalanceEntries: (customerId: string): Promise<Stripe.CustomerBalanceTransaction[]> =>
      call(() =>
        stripe.customers
          .listBalanceTransactions(customerId, { limit: 100 })
          .autoPagingToArray({ limit: 10_000 }),
      ),

    /** What the next charges of a subscription use. */
    setSubscriptionMethod: (
      id: string,
      paymentMethodId: string,
      idempotencyKey: string,
    ): Promise<Stripe.Subscription> =>
      call(() =>
        stripe.subscriptions.update(
          id,
          { default_payment_method: paymentMethodId },
          { idempotencyKey },
        ),
      ),
  };
}

/** A text within quotes of a search query. */
const quoted = (text: string): string => text.replaceAll(/[\\"]/g, String.raw`\$&`);

function paymentParams(
  input: PaymentCheckout,
  owner: Record<string, string>,
): Stripe.Checkout.SessionCreateParams {
  const metadata = {
    ...input.page.metadata,
    ...owner,
    wish: input.wish,
    product: input.product,
    quantity: String(input.quantity),
  };
  return {
    mode: 'payment',
    customer: input.customerId,
    client_reference_id: input.userId,
    line_items: [{ price: input.priceId, quantity: input.quantity }],
    payment_intent_data: { metadata: owner },
    invoice_creation: { enabled: true, invoice_data: { metadata: owner } },
    ...pageParams(input.page, { hasCode: false }),
    ...taxParams(input.automaticTax, input.page.taxIds),
    metadata,
  };
}

export type PaymentCalls = ReturnType<typeof paymentCalls>;
