/** What of a mail is still true when it is sent: it waited in the outbox, and its event may be days old. */
import type { EffectPayloads, MailKind } from './effect-kinds.ts';
import { endOf } from './lifecycle.ts';
import { planItem } from './plan-change.ts';
import type { StoredSubscription } from './types.ts';

const DAY_MS = 86_400_000;

/** How it stands at the moment of sending. */
export interface Present {
  /** The subscription that the mail is about; null when it is about none, or it is not known. */
  subscription: StoredSubscription | null;
  now: number;
  /** True where the end of dunning cancels the subscription for this invoice: no one can act any more. */
  isEnding: boolean;
}

/** A payload as it was stored: another release may have left out what this one writes. */
export type Stored<Payload> = { readonly [Field in keyof Payload]?: Payload[Field] | null };
type StoredMail<K extends MailKind> = Stored<EffectPayloads[K]>;
type FailedMail = StoredMail<'mail.payment_failed'>;

/** Why a mail is no longer to be sent; null when it is. */
export function whyNotSent<K extends MailKind>(
  kind: K,
  payload: StoredMail<K>,
  present: Present,
): string | null {
  switch (kind) {
    case 'mail.trial_ending':
      return trialOver(payload as StoredMail<'mail.trial_ending'>, present);
    case 'mail.payment_failed':
    case 'mail.payment_failed_final':
      return notDue(payload, present) ?? toldElsewhere(payload, present);
    case 'mail.action_required':
      return notDue(payload, present);
    case 'mail.price_change': {
      const { effectiveAt } = payload as StoredMail<'mail.price_change'>;
      // Where a price changes at once, its mail is sent a moment later.
      return timeOf(effectiveAt) + DAY_MS <= present.now ? 'the price has changed by now' : null;
    }
    case 'mail.cancel_scheduled':
      return notEnding(payload as StoredMail<'mail.cancel_scheduled'>, present);
    case 'mail.plan_changed':
      return notOnPlan(payload, present);
    case 'mail.renewal_notice':
    case 'mail.card_expiring':
      return notRenewing(payload as StoredMail<'mail.renewal_notice'>, present);
    case 'mail.usage_threshold': {
      const { periodEnd } = payload as StoredMail<'mail.usage_threshold'>;
      return timeOf(periodEnd) <= present.now ? 'the period is over' : null;
    }
    default:
      return null;
  }
}

function notEnding({ cancelAt }: Stored<{ cancelAt: string }>, present: Present): string | null {
  const { subscription } = present;
  if (!subscription) return null;
  if (subscription.state !== 'cancel_pending')
    return 'the cancellation was undone, or it has ended';
  const end = endOf(subscription.facts);
  return end === null || end === timeOf(cancelAt) ? null : 'it ends on another day by now';
}

function notOnPlan(
  { plan, quantity }: StoredMail<'mail.plan_changed'>,
  { subscription }: Present,
): string | null {
  if (!subscription) return null;
  if (subscription.state === 'canceled') return 'the subscription has ended by now';
  const now = planItem({ plans: [], products: [] }, subscription.facts)?.quantity ?? null;
  const isSame = subscription.plan === plan && now === (quantity ?? null);
  return isSame ? null : 'plan or seats are others by now';
}

/** What renews on the day that was told, and no other. */
function notRenewing({ renewsAt }: Stored<{ renewsAt: string }>, present: Present): string | null {
  const { subscription, now } = present;
  const at = timeOf(renewsAt);
  if (at <= now) return 'the renewal has come';
  if (!subscription) return null;
  const { state, facts } = subscription;
  if (state !== 'active' && state !== 'downgrading') return 'it does not renew by now';
  return facts.currentPeriodEnd === at ? null : 'it renews on another day by now';
}

/** The kind and the payload as they are true now: no date that is over, no last notice where another attempt follows. */
export function asOfNow<K extends MailKind>(
  kind: K,
  payload: StoredMail<K>,
  { now }: Pick<Present, 'now'>,
): { kind: MailKind; payload: StoredMail<MailKind> } {
  if (kind !== 'mail.payment_failed' && kind !== 'mail.payment_failed_final')
    return { kind, payload };
  const { nextAttemptAt } = payload as FailedMail;
  const isTriedAgain = timeOf(nextAttemptAt) > now;
  return {
    kind: isTriedAgain ? 'mail.payment_failed' : kind,
    payload: { ...payload, nextAttemptAt: isTriedAgain ? nextAttemptAt : null },
  };
}

function trialOver(payload: Stored<{ trialEnd: string }>, present: Present): string | null {
  const { subscription, now } = present;
  if (subscription && subscription.state !== 'trialing') return 'the trial was canceled or is over';
  const end = timeOf(payload.trialEnd);
  if (subscription && subscription.facts.trialEnd !== end) return 'the trial ends on another day';
  return end <= now ? 'the trial is over' : null;
}

/** Where nothing is owed any more, or nothing can be done about it. */
function notDue(payload: FailedMail, { subscription, isEnding }: Present): string | null {
  if (!subscription) return null;
  if (subscription.state === 'canceled') return 'the subscription has ended by now';
  if (isEnding) return 'the subscription ends with this attempt, which another mail tells';
  const { latestInvoice, latestInvoiceId, stripeStatus } = subscription.facts;
  const status = latestInvoiceId === payload.invoiceId ? latestInvoice?.status : null;
  if (status === 'paid' || status === 'void') return 'nothing is owed for it by now';
  const isRenewal = payload.billingReason === 'subscription_cycle';
  return isRenewal && stripeStatus === 'active' ? 'nothing is owed for it by now' : null;
}

/** One mail for one fact. */
function toldElsewhere(payload: FailedMail, { subscription }: Present): string | null {
  if (payload.declineCode === 'authentication_required') {
    return 'another mail asks to confirm this payment';
  }
  const isSame = subscription?.facts.latestInvoiceId === payload.invoiceId;
  const failed = isSame ? (subscription?.failedAttempts ?? 0) : 0;
  return failed > (payload.attempt ?? failed) ? 'a later attempt has failed as well' : null;
}

/** NaN for what is no time: no comparison with it holds. */
const timeOf = (value: string | null | undefined) => Date.parse(value ?? '');
