/**
 * Every kind of effect and what its payload says, in one table that the compiler ties: an effect of a kind that is not
 * here does not compile, nor does a kind without handler, or a mail without template (server/outbox/handlers).
 */
import type { PlanInterval } from './intervals.ts';
import type {
  AccessLevel,
  LifecycleEventType,
  LifecycleState,
  SubscriptionStatus,
} from './types.ts';

/** Whom an effect is for. */
export interface Recipient {
  userId: string | null;
  customerId: string | null;
  /** Plan id of the catalogue. */
  plan: string | null;
}

export interface SubscriptionData extends Recipient {
  subscriptionId: string | null;
  state: LifecycleState | null;
  status: SubscriptionStatus | null;
  interval: PlanInterval | null;
}

export interface InvoiceData {
  invoiceId: string;
  number: string | null;
  amountDue: number;
  amountPaid: number;
  currency: string;
  hostedUrl: string | null;
  pdfUrl: string | null;
  billingReason: string | null;
}

export interface PaymentFailedData extends SubscriptionData, Partial<InvoiceData> {
  attempt: number;
  maxAttempts: number;
  nextAttemptAt: string | null;
  declineCode: string | null;
  final: boolean;
}

/** Money that came back; see `MoneyReturn`. */
export interface ReturnData extends Recipient {
  id: string;
  subscriptionId: string | null;
  invoiceId: string | null;
  chargeId: string | null;
  amount: number;
  currency: string;
  status: string;
  reason: string | null;
}

interface TrialRefusal extends Recipient {
  subscriptionId: string;
  customerId: string;
}

/** A number of a period that the usage of a meter has reached. */
export interface UsageThreshold extends Recipient {
  meter: string;
  recorded: number;
  threshold: number;
  /** Beyond it the gate refuses. */
  isCap: boolean;
  periodStart: string;
  periodEnd: string | null;
}

/** What is charged next, asked for when the mail is sent. */
export interface NextPayment {
  amountDue?: number | null;
  currency?: string | null;
  hasMethod?: boolean | null;
}

interface MailPayloads {
  'mail.trial_ending': SubscriptionData & NextPayment & { trialEnd: string };
  'mail.payment_failed': PaymentFailedData;
  'mail.payment_failed_final': PaymentFailedData;
  'mail.action_required': SubscriptionData & InvoiceData;
  'mail.receipt': SubscriptionData & InvoiceData;
  'mail.price_change': Recipient & {
    effectiveAt: string;
    /** null when it depends on what is used, or is no whole number of minor units. */
    unitAmount: number | null;
    currency: string;
    interval: string;
    usageBased: 'yes' | null;
  };
  'mail.trial_refused': TrialRefusal;
  'mail.refunded': ReturnData;
  'mail.canceled': SubscriptionData & { endedAt: string; reason: string | null };
  'mail.cancel_scheduled': SubscriptionData & { cancelAt: string | null };
  'mail.plan_changed': SubscriptionData &
    NextPayment & {
      quantity: number | null;
      /** Of the line of the history that tells it. */
      number: number;
      renewsAt: string | null;
    };
  'mail.renewal_notice': SubscriptionData & NextPayment & { renewsAt: string };
  'mail.card_expiring': SubscriptionData & {
    paymentMethodId: string;
    last4: string | null;
    /** The last moment at which it can be charged. */
    expires: string;
    renewsAt: string;
  };
  'mail.usage_threshold': UsageThreshold;
}

/** Every outgoing event, with what its data says. */
export interface WebhookData {
  'subscription.changed': ChangedData;
  'subscription.canceled': SubscriptionData & { endedAt: string; reason: string | null };
  'trial.ending': SubscriptionData & { trialEnd: string };
  'payment.succeeded': SubscriptionData & InvoiceData;
  'payment.failed': PaymentFailedData;
  'payment.action_required': SubscriptionData & InvoiceData;
  'payment.recovered': SubscriptionData & Partial<InvoiceData>;
  'payment.after_end': SubscriptionData & InvoiceData;
  'payment.refunded': ReturnData;
  'payment.fraud_warning': ReturnData;
  'dispute.opened': ReturnData;
  'dispute.won': ReturnData;
  'dispute.lost': ReturnData;
  'credit_note.issued': ReturnData;
  'purchase.completed': PurchaseData;
  'usage.threshold': UsageThreshold;
}

/** What the team's own system is told. */
export type WebhookType = keyof WebhookData;

/** All of them, for settings and pages. */
export const WEBHOOK_TYPES = Object.keys({
  'subscription.changed': true,
  'subscription.canceled': true,
  'trial.ending': true,
  'payment.succeeded': true,
  'payment.failed': true,
  'payment.action_required': true,
  'payment.recovered': true,
  'payment.after_end': true,
  'payment.refunded': true,
  'payment.fraud_warning': true,
  'dispute.opened': true,
  'dispute.won': true,
  'dispute.lost': true,
  'credit_note.issued': true,
  'purchase.completed': true,
  'usage.threshold': true,
} satisfies Record<WebhookType, true>) as WebhookType[];

/** All but those that tell of a line of the history. */
export type PlainWebhookType = Exclude<WebhookType, 'subscription.changed'>;

export interface WebhookPayload<T extends WebhookType = WebhookType> {
  type: T;
  timestamp: string;
  data: WebhookData[T];
}

/** Something that is bought once was paid. */
export interface PurchaseData {
  id: string;
  userId: string;
  customerId: string | null;
  product: string;
  quantity: number;
  amount: number;
  currency: string;
  metadata: Record<string, string>;
}

/** One line of the history, as the team's own system is told of it. */
export interface ChangedData extends SubscriptionData {
  subscriptionId: string;
  /**
   * Place of the line among those of its subscription: it grows, and leaves room for lines that are found later. Who
   * keeps the highest ends right.
   */
  number: number;
  /** False while no event of Stripe explains the change. */
  confirmed: boolean;
  from: LifecycleState;
  to: LifecycleState;
  event: LifecycleEventType;
  access: { level: AccessLevel; until: string | null; reason: string };
  cause: { type: string; id: string };
  actor: string | null;
  requestId: string | null;
  unexpected: boolean;
  late: boolean;
}

type WebhookPayloads = { [T in WebhookType as `webhook.${T}`]: WebhookPayload<T> };

interface StripePayloads {
  /** An event told of money that came back: the payment is read again from Stripe. */
  'returns.read': {
    objectType: string;
    objectId: string;
    chargeId: string | null;
    eventId: string;
  };
  /** A Checkout session for something that is bought once was paid. */
  'purchase.record': { sessionId: string; eventId: string };
  /** The prepaid credit of a purchase is given or taken back. */
  'credit.settle': { purchaseId: string; customerId: string };
  'entitlements.read': { customerId: string | null; userId: string | null };
  'dunning.final_action': {
    action: 'cancel' | 'unpaid';
    subscriptionId: string;
    customerId: string;
    userId: string | null;
    invoiceId: string;
    attempts: number;
  };
  /** A subscription ended while it was not paid; `endedAt` in ms. */
  'invoices.settle': { subscriptionId: string; userId: string | null; endedAt: number };
  /** The debt for which collection was stopped is paid. */
  'collection.resume': { subscriptionId: string; customerId: string; invoiceId: string };
  'trial.refuse': TrialRefusal;
  /** Our own mark at Stripe was changed to another account than the one that the customer is linked to. */
  'owner.follow': { customerId: string; accountId: string; eventId: string };
}

export type EffectPayloads = MailPayloads & WebhookPayloads & StripePayloads;
export type MailKind = keyof MailPayloads;
export type EffectKind = keyof EffectPayloads;

/** An effect to be delivered later, exactly once for one (objectId, kind). */
export type Effect = {
  [K in EffectKind]: { objectId: string; kind: K; payload: EffectPayloads[K] };
}[EffectKind];

/** What tells the team's own system of something that happened at `at`. */
export function webhookEffect<T extends PlainWebhookType>(
  type: T,
  objectId: string,
  { at, data }: { at: number; data: WebhookData[T] },
): Effect {
  const payload: WebhookPayload<T> = { type, timestamp: new Date(at).toISOString(), data };
  return { objectId, kind: `webhook.${type}`, payload } as Effect;
}
