/**
 * Money that came back: refunds, disputes, early fraud warnings and credit notes. They are facts beside the state of
 * a subscription, as a pause of collection is; this file says what they do to access.
 */

import { webhookEffect, type Effect, type ReturnData, type WebhookData } from './effect-kinds.ts';
import type { Restriction } from './types.ts';
import { unreachable } from './unreachable.ts';

/** What a dispute does: `suspend` until it is won, `cancel` at once, `keep` access. */
export type OnDispute = 'suspend' | 'cancel' | 'keep';
/** What the full refund of the present period does. */
export type OnFullRefund = 'end' | 'keep';

export interface ReturnPolicy {
  onDispute: OnDispute;
  onFullRefund: OnFullRefund;
}

export type ReturnKind = 'refund' | 'dispute' | 'early_fraud_warning' | 'credit_note';

/** One return of money, as Stripe says now. Amounts in minor units, times in ms. */
export interface MoneyReturn {
  id: string;
  kind: ReturnKind;
  chargeId: string | null;
  invoiceId: string | null;
  subscriptionId: string | null;
  customerId: string | null;
  /** What comes back, or may. */
  amount: number;
  currency: string;
  /** Stripe's own word: `succeeded`, `needs_response`, `lost`, `issued`, … */
  status: string;
  reason: string | null;
  createdAt: number;
  /** Which payment it belongs to: what was paid, credit that was used included, and the period that it paid for. */
  paid: { amount: number; periodStart: number | null; periodEnd: number | null };
}

/** Disputes that took no money: an inquiry of the bank, or one that ended for the seller. */
const HARMLESS = new Set([
  'won',
  'warning_needs_response',
  'warning_under_review',
  'warning_closed',
]);

/** Whether a dispute holds the money back now, or took it for good. */
export function isAdverse(dispute: Pick<MoneyReturn, 'kind' | 'status'>): boolean {
  return dispute.kind === 'dispute' && !HARMLESS.has(dispute.status);
}

/** What of a payment has gone back or is held back, in minor units. */
export function amountReturned(returns: readonly MoneyReturn[]): number {
  return returns
    .filter((each) => isAdverse(each) || isEffectiveRefund(each))
    .reduce((sum, { amount }) => sum + amount, 0);
}

/** The returns that have consequences, by the policies. */
export function countedReturns(
  returns: readonly MoneyReturn[],
  { onDispute, onFullRefund }: ReturnPolicy,
): MoneyReturn[] {
  return returns.filter(({ kind }) => {
    if (kind === 'dispute') return onDispute !== 'keep';
    return kind === 'refund' && onFullRefund !== 'keep';
  });
}

function isEffectiveRefund({ kind, status }: MoneyReturn): boolean {
  return kind === 'refund' && status !== 'failed' && status !== 'canceled';
}

/** How the period that runs now was billed; null for no subscription, or none that is known. */
export interface PresentPeriod {
  end: number | null;
  /** The invoice that bills it. */
  invoiceId: string | null;
  /** Whether money was taken for that invoice, and not only credit used. */
  tookMoney: boolean;
}

/**
 * What the returns of one subscription do to its access; null when nothing. A dispute comes before a refund. A refund ends
 * the period that it paid for, or the present one in its place that took no money of its own: a period that was bought since
 * stays.
 */
export function restrictionOf(
  returns: readonly MoneyReturn[],
  policy: ReturnPolicy,
  { now, present }: { now: number; present: PresentPeriod | null },
): Restriction | null {
  if (policy.onDispute !== 'keep') {
    const disputes = returns.filter(isAdverse);
    if (disputes.length > 0) {
      return { reason: 'disputed', since: earliest(disputes), until: null };
    }
  }
  if (policy.onFullRefund === 'keep') return null;
  for (const [, refunds] of groupByPayment(returns.filter(isEffectiveRefund))) {
    const { invoiceId } = refunds[0]!;
    const { amount, periodEnd } = refunds[0]!.paid;
    if (amount <= 0 || periodEnd === null || periodEnd <= now) continue;
    if (amountReturned(refunds) < amount) continue;
    const isOther =
      present !== null && present.invoiceId !== null && present.invoiceId !== invoiceId;
    if (isOther && present.tookMoney) continue;
    const end = present?.end ?? null;
    const until = end !== null && end > now ? Math.min(periodEnd, end) : periodEnd;
    return { reason: 'refunded', since: earliest(refunds), until };
  }
  return null;
}

/** The disputes because of which the subscription itself ends, at Stripe too. */
export function endsSubscription(
  returns: readonly MoneyReturn[],
  { onDispute }: ReturnPolicy,
): boolean {
  if (onDispute === 'keep') return false;
  return returns
    .filter(isAdverse)
    .some(({ status }) => onDispute === 'cancel' || status === 'lost');
}

function earliest(returns: readonly MoneyReturn[]): number {
  return Math.min(...returns.map(({ createdAt }) => createdAt));
}

/** An invoice that was paid with two charges is one payment. */
function groupByPayment(returns: readonly MoneyReturn[]): Map<string, MoneyReturn[]> {
  const groups = new Map<string, MoneyReturn[]>();
  for (const each of returns) {
    const key = each.invoiceId ?? each.chargeId ?? each.id;
    const group = groups.get(key);
    if (group) group.push(each);
    else groups.set(key, [each]);
  }
  return groups;
}

/** Who a return belongs to, as effects name them. */
interface ReturnOwner {
  userId: string | null;
  plan: string | null;
}

/** What a return that is new, or whose status moved, tells the customer and the team; once for each status. */
export function effectsOfReturn(money: MoneyReturn, owner: ReturnOwner): Effect[] {
  const type = typeOf(money);
  if (type === null) return [];
  const objectId = `${money.id}:${money.status}`;
  const data: ReturnData = {
    userId: owner.userId,
    customerId: money.customerId,
    subscriptionId: money.subscriptionId,
    plan: owner.plan,
    invoiceId: money.invoiceId,
    chargeId: money.chargeId,
    id: money.id,
    amount: money.amount,
    currency: money.currency,
    status: money.status,
    reason: money.reason,
  };
  const hook = webhookEffect(type, objectId, { at: money.createdAt, data });
  return type === 'payment.refunded'
    ? [hook, { objectId, kind: 'mail.refunded', payload: data }]
    : [hook];
}

/** Outgoing events that tell of money that came back. */
type TypeOfReturn = {
  [T in keyof WebhookData]: ReturnData extends WebhookData[T] ? T : never;
}[keyof WebhookData];

function typeOf({ kind, status }: MoneyReturn): TypeOfReturn | null {
  switch (kind) {
    case 'refund':
      return status === 'succeeded' ? 'payment.refunded' : null;
    case 'dispute':
      if (status === 'won') return 'dispute.won';
      return status === 'lost' ? 'dispute.lost' : 'dispute.opened';
    case 'early_fraud_warning':
      return 'payment.fraud_warning';
    case 'credit_note':
      return 'credit_note.issued';
  }
  return unreachable(kind);
}
