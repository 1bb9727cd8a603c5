import { isGatewayError } from '../../../../adapters/stripe-gateway.ts';
import { findCustomerByStripeId } from '../../../../db/customers.ts';
import { usedQuotesOf } from '../../../../db/quotes.ts';
import {
  findSubscription,
  listSubscriptions,
  type SubscriptionRow,
} from '../../../../db/subscriptions.ts';
import { returnsOfSubscription } from '../../../../db/payment-returns.ts';
import { timelineOf, type TransitionRow } from '../../../../db/transitions.ts';
import { accessOf } from '../../../../state/access.ts';
import { explainInvoice } from '../../../../state/charges.ts';
import { allowedActions } from '../../../../state/actions.ts';
import { findPlan, planOfPrice, type Catalogue } from '../../../../state/catalogue.ts';
import { endOf } from '../../../../state/lifecycle.ts';
import { nextPlanEntry } from '../../../../state/plan-change.ts';
import { machineArrows } from '../../../../state/machine.ts';
import { lossOf } from '../../../../state/terms.ts';
import { formatMoney } from '../../../../state/money.ts';
import { lossWords } from '../../../catalogue/loss-words.ts';
import type { Services } from '../../../lib/services.ts';
import { checkWithStripe } from '../check-with-stripe.ts';
import { count, dateTime } from '../../../http/pages/format.ts';
import { expectedSteps } from '../expected.ts';
import type { TimelineStep } from '../timeline.ts';
import { momentView } from './moment.ts';
import { NOTHING_TOLD, toldInvoices, type ToldInvoices } from './told.ts';
import type { MoveItem } from '../views/others.ts';
import type { SubscriptionThen } from '../../../../state/history/as-of.ts';
import type { ThenWords } from '../views/moment.ts';
import type { InvoiceItem, SubscriptionView } from '../views/subscription.ts';
import { priceWords } from './subscriptions.ts';

/** More steps than this are not shown at once. */
const STEPS = 200;
const INVOICES = 24;

/** One subscription as its page shows it; null when it is not stored. `with` says what to ask Stripe for. */
export async function subscriptionView(
  services: Services,
  id: string,
  wish: { check: boolean; invoices: boolean; at: number | null },
): Promise<SubscriptionView | null> {
  const db = services.database.knex;
  const row = await findSubscription(db, id);
  if (!row) return null;
  const [lines, customer, siblings, invoices, check, usage, told, returns] = await Promise.all([
    timelineOf(db, id, STEPS + 1),
    findCustomerByStripeId(db, row.customerId),
    listSubscriptions(db, { customerId: row.customerId, limit: 10 }),
    wish.invoices ? invoicesOf(services, id) : null,
    wish.check ? checkWithStripe(services, row) : null,
    usageOf(services, row),
    toldInvoices(db, row.userId),
    returnsOfSubscription(db, id),
  ]);
  const { facts } = row;
  const moment = await momentView(services, row, { at: wish.at, lines });
  const access = accessOf(row, { now: services.clock.now(), grace: services.config.grace });
  return {
    id,
    customerId: row.customerId,
    userId: row.userId,
    email: customer?.email ?? null,
    state: row.state,
    stripeStatus: facts.stripeStatus,
    plan: row.plan,
    price: priceWords(services.catalogue, facts),
    kept: keptWords(services.catalogue, row),
    access,
    since: row.since,
    createdAt: facts.createdAt,
    periodEnd: facts.currentPeriodEnd,
    trialEnd: facts.trialEnd,
    pending: pendingWords(services.catalogue, row),
    mrr: row.mrr > 0 ? `${formatMoney(row.mrr, facts.currency)} a month` : '',
    failedAttempts: row.failedAttempts,
    duplicate: row.duplicate,
    metadata: facts.metadata,
    stripeUrl: stripeUrl(services, id),
    steps: lines.slice(-STEPS).map((line) => stepOf(line, told)),
    cut: lines.length > STEPS,
    next: expectedSteps(row),
    returns: returns.map((each) => ({
      kind: each.kind,
      amount: formatMoney(each.amount, each.currency),
      status: each.status,
      reason: each.reason,
      at: each.createdAt,
    })),
    restriction: restrictionNow(row, services.clock.now()),
    allowed: machineArrows()
      .filter((arrow) => arrow.from === row.state)
      .map(({ event, to, description }) => ({ event, to, description })),
    actions: allowedActions(row, { accessNow: access }),
    invoices,
    usage,
    others: siblings.filter((other) => other.id !== id).map(({ id, state }) => ({ id, state })),
    check,
    businessNow: services.clock.now(),
    moment,
    was: moment.was && thenWords(services.catalogue, moment.was),
    believed: moment.believed && thenWords(services.catalogue, moment.believed),
  };
}

/** What is known of a moment, in words; null where it is not kept. */
function thenWords(catalogue: Catalogue, then: SubscriptionThen): ThenWords {
  const { facts, mrr, plan } = then;
  const currency = facts?.currency ?? 'usd';
  return {
    of: then,
    plan: facts && `${plan ?? 'not in the catalogue'} ${priceWords(catalogue, facts)}`,
    mrr: mrr === null || facts === null ? null : formatMoney(mrr, currency),
    pending: facts && pendingWords(catalogue, { facts }),
    invoices: then.invoices.map((invoice) => {
      const { id, number, status, amountDue, amountPaid } = invoice;
      const money = (amount: number) => formatMoney(amount, invoice.currency);
      const paid = amountPaid === 0 ? '' : `, ${money(amountPaid)} paid`;
      return `${number ?? id} · ${status} · ${money(amountDue)} due${paid}`;
    }),
  };
}

/** Why it gives no access although its state would, as long as that holds. */
export function restrictionNow({ restriction }: SubscriptionRow, now: number): string | null {
  if (!restriction || (restriction.until !== null && restriction.until <= now)) return null;
  return restriction.reason;
}

/** A line of the history as a step of the timeline. */
export function stepOf(line: TransitionRow, told: ToldInvoices): TimelineStep {
  const { from, to, event, unexpected, late, cause, actor, requestId, occurredAt, detail } = line;
  const invoice = String(detail['invoice'] ?? '');
  // Without an attempt of its own it is the first.
  const attempt = to === 'past_due' ? `${invoice}:${detail['attempt'] ?? 1}` : '';
  return {
    from,
    to,
    event,
    unexpected,
    late,
    cause,
    actor,
    requestId,
    at: occurredAt,
    detail,
    invoiceNumber: told.numbers.get(invoice) ?? null,
    nextAttemptAt: told.attempts.get(attempt) ?? null,
  };
}

/** A line of the history for a list of several subscriptions. */
export function moveItem(row: TransitionRow): MoveItem {
  const { id, subscriptionId, recordedAt } = row;
  return { ...stepOf(row, NOTHING_TOLD), id, subscriptionId, recordedAt };
}

/** What it has of its plan that is not sold any more. */
function keptWords(catalogue: Catalogue, { plan: id, termsVersion }: SubscriptionRow): string[] {
  const plan = id === null ? null : findPlan(catalogue, id);
  return plan === null ? [] : lossWords(lossOf(catalogue, plan, termsVersion ?? null));
}

function stripeUrl(services: Services, id: string): string | null {
  const { apiBase, live } = services.config.stripe;
  if (apiBase !== null) return null;
  return `https://dashboard.stripe.com/${live ? '' : 'test/'}subscriptions/${encodeURIComponent(id)}`;
}

export function pendingWords(
  catalogue: Catalogue,
  { facts }: Pick<SubscriptionRow, 'facts'>,
): string[] {
  const name = (priceId: string | null): string => {
    if (priceId === null) return 'other seats';
    const found = planOfPrice(catalogue, priceId);
    return found ? `${found.plan.name}, ${found.interval}` : priceId;
  };
  const words: string[] = [];
  const cancelAt = endOf(facts);
  if (cancelAt !== null && facts.endedAt === null) words.push(`ends ${dateTime(cancelAt)} UTC`);
  if (facts.nextPhase) {
    const next = nextPlanEntry(catalogue, facts) ?? facts.nextPhase;
    words.push(`${name(next.priceId)} from ${dateTime(facts.nextPhase.at)} UTC`);
  }
  if (facts.pendingUpdate) {
    const { priceId, expiresAt } = facts.pendingUpdate;
    words.push(`${name(priceId)} once it is paid, until ${dateTime(expiresAt)} UTC`);
  }
  if (facts.pauseCollection) {
    const { behavior, resumesAt } = facts.pauseCollection;
    const end = resumesAt === null ? '' : ` until ${dateTime(resumesAt)} UTC`;
    words.push(`collection paused (${behavior})${end}`);
  }
  return words;
}

/** What was used since the present period began, by each meter that this subscription pays for. */
export async function usageOf(
  services: Services,
  { userId, facts }: Pick<SubscriptionRow, 'userId' | 'facts'>,
): Promise<SubscriptionView['usage']> {
  if (userId === null) return [];
  const prices = new Set(facts.items.map(({ priceId }) => priceId));
  const sold = services.catalogue.plans.flatMap(({ meters = [] }) => meters);
  const meters = new Set(sold.filter(({ priceId }) => prices.has(priceId)).map((m) => m.meter));
  const span = { from: facts.currentPeriodStart ?? 0, until: Number.MAX_SAFE_INTEGER };
  return Promise.all(
    [...meters].map(async (meter) => {
      const totals = await services.usage.totals({ userId, meter }, span);
      return {
        meter,
        recorded: count(totals.recorded),
        acknowledged: count(totals.acknowledged),
      };
    }),
  );
}

async function invoicesOf(services: Services, id: string): Promise<SubscriptionView['invoices']> {
  const db = services.database.knex;
  try {
    const [invoices, history, quotes] = await Promise.all([
      services.stripe.invoicesOf(id, INVOICES),
      timelineOf(db, id, STEPS),
      usedQuotesOf(db, id),
    ]);
    const lines = history.map((line) => ({ ...line, at: line.occurredAt, causeId: line.cause.id }));
    const context = { catalogue: services.catalogue, lines, quotes };
    return invoices.map((invoice): InvoiceItem => ({
      id: invoice.id ?? '',
      number: invoice.number,
      status: invoice.status ?? 'draft',
      amount: formatMoney(invoice.total, invoice.currency),
      currency: invoice.currency,
      explained: explainInvoice(invoice, context),
      createdAt: invoice.created * 1000,
      pdfUrl: invoice.invoice_pdf ?? null,
      hostedUrl: invoice.hosted_invoice_url ?? null,
    }));
  } catch (error) {
    if (!isGatewayError(error)) throw error;
    return { error: `Stripe did not list the invoices: ${error.message}` };
  }
}
