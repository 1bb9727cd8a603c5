import { notesOf } from '../../../../db/account-notes.ts';
import { listAudit } from '../../../../db/audit-log.ts';
import { findCustomerByUser } from '../../../../db/customers.ts';
import { grantsOf } from '../../../../db/grants.ts';
import { listMails } from '../../../../db/mails.ts';
import { returnsOfCustomer } from '../../../../db/payment-returns.ts';
import { purchasesOf } from '../../../../db/purchases.ts';
import { currentSubscriptionOfUser, listSubscriptions } from '../../../../db/subscriptions.ts';
import { timelineOf } from '../../../../db/transitions.ts';
import { accessOf } from '../../../../state/access.ts';
import { allowedActions } from '../../../../state/actions.ts';
import { formatMoney } from '../../../../state/money.ts';
import { checkAccess } from '../../../access/check-access.ts';
import type { Services } from '../../../lib/services.ts';
import type { ActTarget } from '../act-forms/act-form.ts';
import type { AccountView, ShownSubscription } from '../views/account.ts';
import { mailItem } from './mails.ts';
import { moneyOf } from './money.ts';
import { expectedSteps } from '../expected.ts';
import { pendingWords, restrictionNow, stepOf, usageOf } from './subscription.ts';
import { toldInvoices } from './told.ts';
import { priceWords } from './subscriptions.ts';

const STEPS = 40;
const MAX_ROWS = 20;

/** Whom an act is for; null for an account that is not known. */
export async function targetOf(services: Services, accountId: string): Promise<ActTarget | null> {
  const db = services.database.knex;
  const known = await findCustomerByUser(db, accountId);
  if (!known) return null;
  const subscription = await currentSubscriptionOfUser(db, accountId, services.catalogue);
  const customerId = known.stripeCustomerId;
  const now = services.clock.now();
  const accessNow = subscription
    ? accessOf(subscription, { now, grace: services.config.grace })
    : undefined;
  const actions = allowedActions(subscription, accessNow ? { accessNow } : {});
  return { services, accountId, customerId, subscription, actions };
}

/** One account as its page shows it; null when it is not known. `money` asks Stripe for invoices and payments. */
export async function accountView(
  services: Services,
  id: string,
  wish: { money: boolean },
): Promise<AccountView | null> {
  const target = await targetOf(services, id);
  if (!target) return null;
  const db = services.database.knex;
  const { subscription, customerId } = target;
  const [customer, subscriptions, access, grants, notes, mails, purchases, returns, acts, usage] =
    await Promise.all([
      findCustomerByUser(db, id),
      listSubscriptions(db, { userId: id, limit: MAX_ROWS }),
      checkAccess(services, id),
      grantsOf(db, id),
      notesOf(db, id, MAX_ROWS),
      listMails(db, { accountId: id, limit: MAX_ROWS }),
      purchasesOf(db, id, { limit: MAX_ROWS }),
      customerId === null ? [] : returnsOfCustomer(db, customerId, MAX_ROWS),
      listAudit(db, { target: id, limit: MAX_ROWS }),
      subscription ? usageOf(services, subscription) : [],
    ]);
  const lines = subscription ? await timelineOf(db, subscription.id, STEPS) : [];
  const told = await toldInvoices(db, id);
  const money = wish.money && customerId !== null ? await moneyOf(services, customerId) : null;
  const now = services.clock.now();
  return {
    id,
    customerId,
    email: customer?.email ?? null,
    name: customer?.name ?? null,
    createdAt: customer?.createdAt ?? 0,
    stripeUrl: stripeUrl(services, customerId),
    access,
    actions: target.actions,
    currentId: subscription?.id ?? null,
    isTrialing: subscription?.state === 'trialing',
    subscriptions: subscriptions.map((row): ShownSubscription => ({
      id: row.id,
      state: row.state,
      plan: row.plan,
      price: priceWords(services.catalogue, row.facts),
      mrr: row.mrr > 0 ? `${formatMoney(row.mrr, row.facts.currency)} a month` : '',
      since: row.since,
      periodEnd: row.facts.currentPeriodEnd,
      trialEnd: row.state === 'trialing' ? row.facts.trialEnd : null,
      pending: pendingWords(services.catalogue, row),
      duplicate: row.duplicate,
      failedAttempts: row.failedAttempts,
      restriction: restrictionNow(row, now),
    })),
    steps: lines.map((line) => stepOf(line, told)),
    next: subscription ? expectedSteps(subscription) : [],
    money,
    returns: returns.map((each) => ({
      id: each.id,
      kind: each.kind,
      payment: each.chargeId ?? each.invoiceId,
      amount: formatMoney(each.amount, each.currency),
      status: each.status,
      reason: each.reason,
      at: each.createdAt,
    })),
    purchases: purchases.map((each) => ({
      id: each.id,
      what: each.quantity > 1 ? `${each.quantity} × ${each.product}` : each.product,
      amount: formatMoney(each.amount, each.currency),
      status: each.status,
      payment: each.chargeId,
      at: each.paidAt,
    })),
    mails: mails.map((row) => mailItem(row)),
    usage,
    grants: grants.map((grant) => ({
      id: grant.id,
      what: [grant.plan, ...grant.features, ...Object.keys(grant.limits)]
        .filter((each) => each !== null)
        .join(', '),
      source: grant.source,
      reason: grant.reason,
      by: grant.grantedBy,
      endsAt: grant.endsAt,
      isOver: grant.revokedAt !== null || (grant.endsAt !== null && grant.endsAt <= now),
    })),
    notes,
    acts: acts.map((row) => ({ ...row, detail: JSON.stringify(row.detail) })),
    businessNow: now,
  };
}

function stripeUrl({ config }: Services, customerId: string | null): string | null {
  const { apiBase, live } = config.stripe;
  if (apiBase !== null || customerId === null) return null;
  return `https://dashboard.stripe.com/${live ? '' : 'test/'}customers/${encodeURIComponent(customerId)}`;
}
