/**
 * What follows from an event: notices to the customer, webhooks to the team, the end of dunning. Each effect
 * names the object it is about, so that one cause has one effect however many events tell of it.
 */
import { accessOf, type Grace } from './access.ts';
import { confirmationsOf } from './confirmations.ts';
import {
  webhookEffect,
  type Effect,
  type EffectPayloads,
  type InvoiceData,
  type SubscriptionData,
} from './effect-kinds.ts';
import type { LifecycleSettings } from './decide.ts';
import type { EventFacts } from './event-facts.ts';
import type { InvoiceFacts } from './event-objects.ts';
import { INTERVAL_NAMES } from './intervals.ts';
import { stoppedForDebt, UNPAID_MARK } from './lifecycle.ts';
import { planItem } from './plan-change.ts';
import { billsPlan } from './plan-period.ts';
import { signalOf, type FailedSignal } from './signals.ts';
import type { StoredSubscription, Transition } from './types.ts';

export interface EffectSettings extends LifecycleSettings {
  /** `period_end` when absent. */
  grace?: Grace;
}

export interface EffectInput {
  /** null for a change that no event told of (a request, a repair). */
  event: EventFacts | null;
  after: StoredSubscription | null;
  /** The lines of history that this event caused. */
  transitions: readonly ToldLine[];
  settings: EffectSettings;
  now: number;
  /** What to name as the cause of lines that no event caused. */
  cause?: { type: string; id: string };
  /** Owner of an invoice without subscription. */
  userId?: string | null;
  /** The failed attempts that events told of, by invoice; without it, all that are counted. */
  followed?: FollowedFailures;
}

/** Attempts whose failure was told by an event, while the subscription was ours, by invoice. */
export type FollowedFailures = ReadonlyMap<string, ReadonlySet<number>>;
/** A line of the history, as far as it is told to others. */
export interface ToldLine extends Transition {
  at: number;
  number: number;
  guess: boolean;
  actor: { name: string; requestId: string | null } | null;
}

/** The effects of one event (or of a change without one). Zero-amount invoices give no receipt. */
export function effectsOf(input: EffectInput): Effect[] {
  return [
    ...fromTransitions(input),
    ...fromEvent(input),
    ...finalAction(input),
    ...collectionResumed(input),
  ];
}

function fromTransitions(input: EffectInput): Effect[] {
  const { after } = input;
  if (!after) return [];
  const effects: Effect[] = [];
  for (const line of input.transitions) {
    const payload = changedPayload(line, {
      after,
      settings: input.settings,
      now: input.now,
      cause: causeOf(input),
    });
    const objectId = `${after.id}:${line.number}`;
    effects.push({ objectId, kind: 'webhook.subscription.changed', payload });
    if (line.to === 'canceled' && line.from !== 'incomplete') {
      effects.push(...canceled(input, line.at));
    }
    effects.push(...confirmationsOf(after, line, subscriptionData(input)));
    if (line.to === 'canceled' && line.from !== 'incomplete' && endedUnpaid(after)) {
      const endedAt = after.facts.endedAt ?? line.at;
      const payload = { subscriptionId: after.id, userId: after.userId, endedAt };
      effects.push({ objectId: after.id, kind: 'invoices.settle', payload });
    }
    // A payload of the subscription itself is asked below: it knows which invoice it was.
    if (line.event === 'payment_succeeded' && !input.event?.subscription) {
      const objectId = String(line.detail['invoice'] ?? after.id);
      effects.push(
        webhookEffect('payment.recovered', objectId, {
          at: line.at,
          data: subscriptionData(input),
        }),
      );
    }
  }
  return effects;
}

/** It ended while its plan was owed for; usage that is owed for a paid period stays due. */
function endedUnpaid({ facts }: StoredSubscription): boolean {
  const open = facts.latestInvoice?.status === 'open' && billsPlan(facts, facts.latestInvoiceId);
  return open || Boolean(facts.metadata[UNPAID_MARK]);
}

function fromEvent(input: EffectInput): Effect[] {
  const { event, after } = input;
  if (!event) return [];
  const failure = signalOf(event);
  if (failure?.type === 'payment_failed') return failed(input, failure);
  switch (event.type) {
    case 'invoice.paid':
    case 'invoice.payment_succeeded':
      return event.invoice ? paid(input, event.invoice) : [];
    case 'invoice.payment_action_required':
      return event.invoice ? actionRequired(input, event.invoice) : [];
    case 'customer.subscription.trial_will_end':
      return trialEnding(input);
    case 'customer.subscription.deleted':
      return after?.facts.stripeStatus === 'canceled' ? canceled(input, event.createdAt) : [];
    case 'customer.subscription.updated':
      return recovered(input);
    default:
      return [];
  }
}

function failed(input: EffectInput, failure: FailedSignal): Effect[] {
  const { maxAttempts } = input.settings;
  const final = failure.attempt >= maxAttempts;
  const objectId = `${failure.invoiceId}:${failure.attempt}`;
  const data = {
    ...subscriptionData(input),
    ...(input.event?.invoice ? invoiceData(input.event.invoice) : {}),
    attempt: failure.attempt,
    maxAttempts,
    nextAttemptAt: iso(failure.nextAttemptAt),
    declineCode: failure.declineCode,
    final,
  };
  return [
    webhookEffect('payment.failed', objectId, { at: failure.at, data }),
    { objectId, kind: final ? 'mail.payment_failed_final' : 'mail.payment_failed', payload: data },
  ];
}

function paid(input: EffectInput, invoice: InvoiceFacts): Effect[] {
  if (invoice.amountPaid <= 0) return [];
  const at = input.event?.createdAt ?? input.now;
  const data = { ...subscriptionData(input), ...invoiceData(invoice) };
  const effects: Effect[] = [
    webhookEffect('payment.succeeded', invoice.id, { at, data }),
    { objectId: invoice.id, kind: 'mail.receipt', payload: data },
  ];
  // More than one attempt: earlier ones failed. A payment by hand does not count as an attempt; there
  // the change of the subscription tells.
  if (invoice.attemptCount > 1)
    effects.push(webhookEffect('payment.recovered', invoice.id, { at, data }));
  if (isLate(input.after, invoice, at)) {
    effects.push(webhookEffect('payment.after_end', invoice.id, { at, data }));
  }
  return effects;
}

/** Money for a subscription that had ended before: the team has to send it back, or to give something for it. */
function isLate(after: StoredSubscription | null, invoice: InvoiceFacts, at: number): boolean {
  const ended = after?.state === 'canceled' ? after.facts.endedAt : null;
  if (ended === null || invoice.subscriptionId !== after?.id || at <= ended) return false;
  return invoice.createdAt !== null && invoice.createdAt < ended;
}

/** What was not paid is: collection, which the end of dunning had stopped, goes on. */
function collectionResumed({ after, event }: EffectInput): Effect[] {
  const debt = after && stoppedForDebt(after.facts);
  if (!after || !debt) return [];
  const told = event?.type === 'invoice.paid' && event.invoice?.id === debt;
  if (!told && after.facts.stripeStatus !== 'active') return [];
  const payload = { subscriptionId: after.id, customerId: after.customerId, invoiceId: debt };
  return [{ objectId: debt, kind: 'collection.resume', payload }];
}

function recovered(input: EffectInput): Effect[] {
  const { event } = input;
  const before = event?.before?.stripeStatus;
  const now = event?.subscription;
  if (!now || now.stripeStatus !== 'active' || (before !== 'past_due' && before !== 'unpaid')) {
    return [];
  }
  const objectId = now.latestInvoiceId ?? now.id;
  return [
    webhookEffect('payment.recovered', objectId, {
      at: event.createdAt,
      data: subscriptionData(input),
    }),
  ];
}

function actionRequired(input: EffectInput, invoice: InvoiceFacts): Effect[] {
  const objectId = `${invoice.id}:${Math.max(1, invoice.attemptCount)}`;
  const data = { ...subscriptionData(input), ...invoiceData(invoice) };
  const at = input.event?.createdAt ?? input.now;
  return [
    webhookEffect('payment.action_required', objectId, { at, data }),
    { objectId, kind: 'mail.action_required', payload: data },
  ];
}

function trialEnding(input: EffectInput): Effect[] {
  const facts = input.event?.subscription;
  if (!facts || facts.trialEnd === null) return [];
  const objectId = `${facts.id}:${facts.trialEnd}`;
  const data = { ...subscriptionData(input), trialEnd: iso(facts.trialEnd) };
  const at = input.event?.createdAt ?? input.now;
  return [
    webhookEffect('trial.ending', objectId, { at, data }),
    { objectId, kind: 'mail.trial_ending', payload: data },
  ];
}

function canceled(input: EffectInput, at: number): Effect[] {
  const facts = input.after?.facts;
  if (!facts) return [];
  const data = {
    ...subscriptionData(input),
    endedAt: iso(facts.endedAt ?? at),
    reason: facts.cancellationReason,
  };
  return [
    webhookEffect('subscription.canceled', facts.id, { at, data }),
    { objectId: facts.id, kind: 'mail.canceled', payload: data },
  ];
}

/**
 * The last failed attempt: the configured action is run at Stripe, once for an invoice. Only while
 * it is past due: told late, after the customer paid, a failure ends nothing. And only when events told of as many
 * failures: those from before, which only a read counted, are for Stripe's own settings to end.
 */
function finalAction(input: EffectInput): Effect[] {
  const { after, event, settings } = input;
  if (settings.finalAction === 'none' || after?.state !== 'past_due') return [];
  const signal = event ? signalOf(event) : null;
  if (signal?.type !== 'payment_failed' || signal.attempt < settings.maxAttempts) return [];
  const { invoiceId, attempt } = signal;
  if (after.failedAttempts < attempt) return [];
  const followed = input.followed?.get(invoiceId)?.size ?? attempt;
  if (followed < settings.maxAttempts) return [];
  const effect = finalActionOf(after, invoiceId, settings);
  return effect ? [effect] : [];
}

/**
 * The final action for an unpaid invoice; null where none is configured, and for an invoice of usage, of an add-on or of
 * seats: a period that was paid for is not taken away.
 */
export function finalActionOf(
  row: StoredSubscription,
  invoiceId: string,
  settings: Pick<LifecycleSettings, 'finalAction'>,
): Effect | null {
  if (settings.finalAction === 'none' || !billsPlan(row.facts, invoiceId)) return null;
  const payload = {
    action: settings.finalAction,
    subscriptionId: row.id,
    customerId: row.customerId,
    userId: row.userId,
    invoiceId,
    attempts: row.failedAttempts,
  };
  return { objectId: invoiceId, kind: 'dunning.final_action', payload };
}

/** What the team is told of a line, with the subscription as it is at present. */
export function changedPayload(
  line: ToldLine,
  known: {
    after: StoredSubscription;
    settings: Pick<EffectSettings, 'grace'>;
    now: number;
    cause: { type: string; id: string };
  },
): EffectPayloads['webhook.subscription.changed'] {
  const { after, settings, now, cause } = known;
  const access = accessOf(after, { now, grace: settings.grace ?? 'period_end' });
  const { from, to, event, number, unexpected, late } = line;
  const data = {
    number,
    confirmed: !line.guess,
    from,
    to,
    event,
    access: { ...access, until: iso(access.until) },
    cause,
    actor: line.actor?.name ?? null,
    requestId: line.actor?.requestId ?? null,
    unexpected,
    late,
    ...subscriptionData({ event: null, after }),
    subscriptionId: after.id,
  };
  return { type: 'subscription.changed', timestamp: iso(line.at), data };
}

function causeOf(input: EffectInput): { type: string; id: string } {
  if (input.event) return { type: 'event', id: input.event.id };
  return input.cause ?? { type: 'read', id: String(input.now) };
}

export function subscriptionData(
  input: Pick<EffectInput, 'event' | 'after'> & { userId?: string | null },
): SubscriptionData {
  const { after, event } = input;
  const item = after ? planItem({ plans: [], products: [] }, after.facts) : null;
  return {
    userId: after?.userId ?? input.userId ?? null,
    customerId: after?.customerId ?? event?.customerId ?? null,
    subscriptionId: after?.id ?? event?.subscriptionId ?? null,
    state: after?.state ?? null,
    status: after?.status ?? null,
    plan: after?.plan ?? null,
    interval: item
      ? (INTERVAL_NAMES[item.interval][item.intervalCount] ??
        `${item.intervalCount}_${item.interval}s`)
      : null,
  };
}

function invoiceData(invoice: InvoiceFacts): InvoiceData {
  return {
    invoiceId: invoice.id,
    number: invoice.number,
    amountDue: invoice.amountDue,
    amountPaid: invoice.amountPaid,
    currency: invoice.currency,
    hostedUrl: invoice.hostedUrl,
    pdfUrl: invoice.pdfUrl,
    billingReason: invoice.billingReason,
  };
}

function iso(time: number): string;
function iso(time: number | null): string | null;
function iso(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}
