import type Stripe from 'stripe';
import { z } from 'zod';
import { isGatewayError, type ItemChange } from '../../../adapters/stripe-gateway.ts';
import { currentSubscriptionOfUser, type SubscriptionRow } from '../../../db/subscriptions.ts';
import { planOfPrice } from '../../../state/catalogue.ts';
import { isSoldByOthers, markedAccount } from '../../../state/ownership.ts';
import type { SubscriptionFacts } from '../../../state/types.ts';
import { everyOf, isSameEvery } from '../../../state/intervals.ts';
import { nextPlanEntry, planItem } from '../../../state/plan-change.ts';
import { nextCursorOf, pageQuery, stripeCustomerOf } from '../account.ts';
import { actionsNow, freshKey, readNow, syncAfter, type CommandContext } from '../command.ts';
import { collectKeptDrafts, finalizeDraft, takeOffStop } from '../open-invoices.ts';
import { withCustomerLock } from '../with-customer-lock.ts';
import { invoiceSchema, invoiceView, type InvoiceView } from './invoice-view.ts';
import { neededOn, paymentNeeded } from '../payment-needed.ts';
import { AppError } from '../../http/errors.ts';
import { defineRoute, json } from '../../http/define-route.ts';
import type { Services } from '../../lib/services.ts';
import { STATES } from '../../../state/states.ts';

/** The caller's invoices, newest first. */
export const invoicesRoute = defineRoute({
  method: 'GET',
  path: '/api/billing/invoices',
  auth: 'user',
  asksStripe: true,
  summary: "The caller's invoices, newest first",
  query: pageQuery,
  response: z.object({ invoices: z.array(invoiceSchema), nextCursor: z.string().nullable() }),
  errors: ['not_found'],
  handler: async (_request, { services, account, query }) => {
    const customerId = await stripeCustomerOf(services, account.id);
    if (customerId === null) return json({ invoices: [], nextCursor: null });
    if (query.cursor) await ownInvoice(services, account.id, query.cursor);
    const startingAfter = query.cursor ?? null;
    const { limit } = query;
    const page = await services.stripe.listInvoices({ customerId, limit, startingAfter });
    return json({ invoices: page.data.map(invoiceView), nextCursor: nextCursorOf(page) });
  },
});

/** The invoice of the next renewal as it stands now. */
export const upcomingRoute = defineRoute({
  method: 'GET',
  path: '/api/billing/invoices/upcoming',
  auth: 'user',
  asksStripe: true,
  summary: 'The next invoice, or null when none will come',
  response: z.object({ invoice: invoiceSchema.nullable() }),
  handler: async (_request, { services, account }) => {
    const current = await currentSubscriptionOfUser(
      services.database.knex,
      account.id,
      services.catalogue,
    );
    const nothingComes = !current || !STATES[current.state].hasPeriod;
    if (nothingComes) return json({ invoice: null });
    try {
      return json({ invoice: await renewalOf(services, current) });
    } catch (error) {
      // Stripe's word for "none will come"; any other failure is one.
      if (isGatewayError(error) && error.code === 'invoice_upcoming_none') {
        return json({ invoice: null });
      }
      throw error;
    }
  },
});

/** A smaller plan that waits is what the renewal bills. */
async function renewalOf(
  { stripe, catalogue }: Services,
  { id, facts }: SubscriptionRow,
): Promise<InvoiceView> {
  const { nextPhase, currentPeriodEnd } = facts;
  const item = planItem(catalogue, facts);
  if (!item || !nextPhase || nextPhase.at > (currentPeriodEnd ?? Infinity)) {
    return invoiceView(await stripe.previewRenewal(id));
  }
  const next = nextPlanEntry(catalogue, facts) ?? nextPhase;
  const found = planOfPrice(catalogue, next.priceId);
  const every = { interval: item.interval, count: item.intervalCount };
  const restartPeriod = found !== null && !isSameEvery(everyOf(found.interval), every);
  const change = { id: item.id, price: next.priceId, quantity: next.quantity ?? undefined };
  const items = [change, ...otherChanges(facts, { planItemId: item.id, next })];
  const request = { subscriptionId: id, items, prorationDate: null, restartPeriod };
  const view = invoiceView(await stripe.previewChange(request));
  // With another interval Stripe can only be asked as if the new period began today.
  if (!restartPeriod) return view;
  return { ...view, periodStart: new Date(nextPhase.at).toISOString(), periodEnd: null };
}

/** What comes, goes or changes beside the plan. */
function otherChanges(
  { items, nextPhase }: SubscriptionRow['facts'],
  plan: { planItemId: string; next: { priceId: string } },
): ItemChange[] {
  if (!nextPhase?.items) return [];
  const coming = nextPhase.items.filter(({ priceId }) => priceId !== plan.next.priceId);
  const others = items.filter(({ id }) => id !== plan.planItemId);
  const gone = others.filter(({ priceId }) => !coming.some((each) => each.priceId === priceId));
  return [
    ...gone.map(({ id }) => ({ id, deleted: true })),
    ...coming.map(({ priceId, quantity }) => {
      const id = others.find((item) => item.priceId === priceId)?.id;
      return { ...(id ? { id } : { price: priceId }), quantity: quantity ?? undefined };
    }),
  ];
}

/** One invoice, and while it is open, where it can be paid and what its payment waits for. */
export const invoiceRoute = defineRoute({
  method: 'GET',
  path: '/api/billing/invoices/:id',
  auth: 'user',
  asksStripe: true,
  summary: 'An invoice, with the page to pay or confirm it on while it is open',
  response: z.object({ invoice: invoiceSchema, payment: paymentNeeded.nullable() }),
  errors: ['not_found'],
  handler: async (_request, { services, account, params }) => {
    const { id } = await ownInvoice(services, account.id, params['id'] ?? '');
    const invoice = await services.stripe.retrievePayableInvoice(id);
    return json({ invoice: invoiceView(invoice), payment: neededOn(invoice) });
  },
});

/** Leads to Stripe's PDF of an invoice. */
export const invoicePdfRoute = defineRoute({
  method: 'GET',
  path: '/api/billing/invoices/:id/pdf',
  auth: 'user',
  asksStripe: true,
  summary: 'The PDF of an invoice',
  response: null,
  status: 302,
  errors: ['not_found'],
  handler: async (_request, { services, account, params }) => {
    const invoice = await ownInvoice(services, account.id, params['id'] ?? '');
    if (!invoice.invoice_pdf) throw new AppError('not_found', 'This invoice has no PDF yet.');
    return new Response(null, { status: 302, headers: { location: invoice.invoice_pdf } });
  },
});

/** Pays an open invoice now, if asked with another card. */
export const payInvoiceRoute = defineRoute({
  method: 'POST',
  path: '/api/billing/invoices/:id/pay',
  auth: 'user',
  summary: 'Pay an open invoice, with the usual or another saved payment method',
  description:
    'An invoice that is paid already is answered as it is. With `keep`, the method pays the renewals too. When the ' +
    'bank wants to see the customer, `payment.url` leads there.',
  body: z.strictObject({
    paymentMethod: z
      .string()
      .regex(/^\w{1,100}$/)
      .optional(),
    keep: z.boolean().default(true),
  }),
  response: z.object({ invoice: invoiceSchema, payment: paymentNeeded.nullable() }),
  errors: ['not_found', 'not_allowed', 'card_declined'],
  handler: (_request, context) => {
    const { services, account, params, body } = context;
    return withCustomerLock(services, account.id, async () => {
      const invoice = await ownInvoice(services, account.id, params['id'] ?? '');
      if (invoice.status === 'paid') return json({ invoice: invoiceView(invoice), payment: null });
      const { kept, unpaid, methodId } = await requirePayable(context, invoice);
      const method = body.paymentMethod ?? (await betterMethod(services, invoice, methodId));
      if (body.paymentMethod !== undefined && method !== null)
        await requireOwnMethod(services, customerOf(invoice), method);
      // Stripe leaves the drafts of an unpaid subscription as they are.
      if (kept) await finalizeDraft(context, invoice.id);
      return pay(context, invoice, { method, keep: body.keep, unpaid });
    });
  },
});

/**
 * Throws 409 for an invoice that cannot be paid, or whose money would be for nothing because the subscription is over.
 * Returns whether it is a `kept` draft that has to be made final first, whether Stripe calls the subscription `unpaid`, and the
 * method that the subscription is charged on.
 */
async function requirePayable(
  context: CommandContext,
  invoice: Stripe.Invoice,
): Promise<{ kept: boolean; unpaid: boolean; methodId: string | null }> {
  const { services } = context;
  const { status } = invoice;
  const id = subscriptionOf(invoice);
  const facts = id === null ? null : await readNow(services, id).catch(ifGone);
  if (isOfOthers(services, invoice, facts)) {
    throw new AppError('not_allowed', 'This invoice is of another program; pay it on its page.', {
      fields: { state: status ?? 'none', actions: [] },
    });
  }
  if (id !== null && (facts === null || ENDED.has(facts.stripeStatus))) {
    const { database, catalogue } = services;
    const current = await currentSubscriptionOfUser(database.knex, context.account.id, catalogue);
    throw new AppError(
      'not_allowed',
      'The subscription of this invoice is over: paying it would buy nothing. Subscribe again instead.',
      { fields: { state: current?.state ?? 'none', actions: actionsNow(services, current) } },
    );
  }
  const unpaid = facts?.stripeStatus === 'unpaid';
  const methodId = facts?.defaultPaymentMethodId ?? null;
  if (status === 'open' || status === 'uncollectible') return { kept: false, unpaid, methodId };
  const waits = unpaid || facts?.stripeStatus === 'past_due';
  if (status === 'draft' && waits) return { kept: true, unpaid, methodId };
  throw new AppError('not_allowed', `The invoice is ${status}; it cannot be paid.`, {
    fields: { state: status, actions: [] },
  });
}

/** Whether another program or deployment sold it: by its subscription, else by the invoice's own mark. */
function isOfOthers(
  { catalogue, config: { ownership } }: Services,
  invoice: Stripe.Invoice,
  facts: SubscriptionFacts | null,
): boolean {
  if (facts !== null) return isSoldByOthers(facts, catalogue, ownership);
  return (
    subscriptionOf(invoice) === null && markedAccount(invoice.metadata ?? {}, ownership) === null
  );
}

/** The customer's default, where the method of the subscription has failed and is another one; else null. */
async function betterMethod(
  { stripe }: Services,
  invoice: Stripe.Invoice,
  failed: string | null,
): Promise<string | null> {
  if (failed === null || invoice.attempt_count === 0) return null;
  const customer = await stripe.retrieveCustomer(customerOf(invoice));
  const preferred = customer.deleted ? null : customer.invoice_settings.default_payment_method;
  const id = typeof preferred === 'string' ? preferred : (preferred?.id ?? null);
  return id === failed ? null : id;
}

const ENDED: ReadonlySet<string> = new Set(['canceled', 'incomplete_expired']);

function ifGone(error: unknown): null {
  if (isGatewayError(error, 'not_found')) return null;
  throw error;
}

/** Once a debt is paid, what was held back for it goes on. */
async function afterDebt(
  context: CommandContext,
  subscriptionId: string,
  unpaid: boolean,
): Promise<void> {
  await takeOffStop(context, subscriptionId);
  // The payment may have made it active; the drafts of the time before stay drafts all the same.
  if (unpaid) await collectKeptDrafts(context, subscriptionId);
}

async function pay(
  context: CommandContext,
  invoice: Stripe.Invoice,
  { method, keep, unpaid }: { method: string | null; keep: boolean; unpaid: boolean },
): Promise<Response> {
  const { stripe } = context.services;
  const subscriptionId = subscriptionOf(invoice);
  try {
    await stripe.payInvoice(invoice.id, method, freshKey('pay', context));
    if (method !== null && keep && subscriptionId) {
      await stripe.setSubscriptionMethod(subscriptionId, method, freshKey('method', context));
    }
    if (subscriptionId !== null) await afterDebt(context, subscriptionId, unpaid);
  } catch (error) {
    const after = await stripe.retrievePayableInvoice(invoice.id);
    const payment = neededOn(after);
    if (!isGatewayError(error, 'card_declined') || payment?.status !== 'requires_action') {
      throw error;
    }
    return json({ invoice: invoiceView(after), payment });
  } finally {
    const customerId = customerOf(invoice);
    if (subscriptionId) await syncAfter(context, { id: subscriptionId, customerId });
  }
  return json({ invoice: invoiceView(await stripe.retrieveInvoice(invoice.id)), payment: null });
}

/** Throws 404 for an invoice that is not this user's, as for one that does not exist. */
async function ownInvoice(
  services: Services,
  userId: string,
  invoiceId: string,
): Promise<Stripe.Invoice> {
  const customerId = await stripeCustomerOf(services, userId);
  try {
    const invoice = customerId === null ? null : await services.stripe.retrieveInvoice(invoiceId);
    if (invoice && customerOf(invoice) === customerId) return invoice;
  } catch (error) {
    if (!isGatewayError(error, 'not_found')) throw error;
  }
  throw new AppError('not_found', 'There is no such invoice.');
}

async function requireOwnMethod(
  services: Services,
  customerId: string,
  methodId: string,
): Promise<void> {
  try {
    const { customer } = await services.stripe.retrievePaymentMethod(methodId);
    if ((typeof customer === 'string' ? customer : customer?.id) === customerId) return;
  } catch (error) {
    if (!isGatewayError(error, 'not_found')) throw error;
  }
  throw new AppError('not_found', 'There is no such payment method.');
}

function subscriptionOf(invoice: Stripe.Invoice): string | null {
  const subscription = invoice.parent?.subscription_details?.subscription;
  return (typeof subscription === 'string' ? subscription : subscription?.id) ?? null;
}

function customerOf({ customer }: Stripe.Invoice): string {
  return typeof customer === 'string' ? customer : (customer?.id ?? '');
}
