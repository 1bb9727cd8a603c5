import type { Mailer } from '../../../adapters/mailer.ts';
import type { SentMail } from '../../../db/mails.ts';
import { NO_RECEIVER, type Delivered } from '../../../db/effect-outcomes.ts';
import type { OutboxRow } from '../../../db/outbox.ts';
import type { WebhookAttempt } from '../../../db/webhook-attempts.ts';
import { findTransition } from '../../../db/transitions.ts';
import { changedPayload } from '../../../state/effects.ts';
import type {
  EffectKind,
  EffectPayloads,
  MailKind,
  PlainWebhookType,
  WebhookPayload,
} from '../../../state/effect-kinds.ts';
import { webhookAsOfNow } from '../../../state/webhook-relevance.ts';
import { settleCredit } from '../../billing/payments/settle-credit.ts';
import { endDunning } from './end-of-dunning.ts';
import { resumeCollection, settleInvoices } from './after-dunning.ts';
import type { EngineContext } from '../../sync/context.ts';
import { readEntitlements } from '../../access/entitlements.ts';
import { followOwner } from './follow-owner.ts';
import { refuseTrial } from './refuse-trial.ts';
import { storePurchase } from './purchase.ts';
import { recordReturns } from './returned-money.ts';
import type { CustomerRunner } from '../../sync/customer-runner.ts';
import { noteIfNotOurs } from './still-ours.ts';
import type { Lookups } from './lookups.ts';
import { sendMail } from './send-mail.ts';
import { HOOKS } from '../../config/receivers.ts';
import { callHook, type HookEvent } from '../../lib/hooks.ts';
import { sendTeamWebhook, webhookId, WebhookRefused } from './outgoing-webhook.ts';

export interface Means {
  runner: CustomerRunner;
  /** null: mail goes to the log. */
  mailer: Mailer | null;
  lookups: Lookups;
  /** Notes what became of an attempt to deliver a webhook. */
  noteAttempt: (attempt: WebhookAttempt) => Promise<void>;
}

/** An effect and what gives it up. */
interface Delivery<K extends EffectKind> {
  effect: { id: number; objectId: string; kind: K; receiver: string; payload: EffectPayloads[K] };
  signal: AbortSignal;
}

/** Returns a note when there was nothing to do, and of a mail what it said. Throws to have it tried again. */
type Handler<K extends EffectKind> = (
  ctx: EngineContext,
  means: Means,
  delivery: Delivery<K>,
) => Promise<string | SentMail | null>;

const mail: Handler<MailKind> = (ctx, means, delivery) => sendMail(ctx, means, delivery);

const HANDLERS: { readonly [K in EffectKind]: Handler<K> } = {
  'mail.trial_ending': mail,
  'mail.payment_failed': mail,
  'mail.payment_failed_final': mail,
  'mail.action_required': mail,
  'mail.receipt': mail,
  'mail.price_change': mail,
  'mail.trial_refused': mail,
  'mail.refunded': mail,
  'mail.canceled': mail,
  'mail.cancel_scheduled': mail,
  'mail.plan_changed': mail,
  'mail.renewal_notice': mail,
  'mail.card_expiring': mail,
  'mail.usage_threshold': mail,
  'webhook.subscription.changed': postChanged,
  'webhook.subscription.canceled': postWebhook,
  'webhook.trial.ending': postWebhook,
  'webhook.payment.succeeded': postWebhook,
  'webhook.payment.failed': postWebhook,
  'webhook.payment.action_required': postWebhook,
  'webhook.payment.recovered': postWebhook,
  'webhook.payment.after_end': postWebhook,
  'webhook.payment.refunded': postWebhook,
  'webhook.payment.fraud_warning': postWebhook,
  'webhook.dispute.opened': postWebhook,
  'webhook.dispute.won': postWebhook,
  'webhook.dispute.lost': postWebhook,
  'webhook.credit_note.issued': postWebhook,
  'webhook.purchase.completed': postWebhook,
  'webhook.usage.threshold': postWebhook,
  'credit.settle': (ctx, _means, { effect }) =>
    settleCredit(ctx.core, effect.payload, ctx.clock.now()),
  'entitlements.read': (ctx, _means, { effect }) => readEntitled(ctx, effect.payload),
  'purchase.record': (ctx, _means, { effect }) => storePurchase(ctx, effect.payload),
  'returns.read': (ctx, { runner }, { effect }) => recordReturns(ctx, runner, effect.payload),
  'dunning.final_action': ifOurs((ctx, { runner }, { effect }) =>
    endDunning(ctx, runner, effect.payload),
  ),
  'invoices.settle': ifOurs((ctx, _means, { effect }) => settleInvoices(ctx, effect.payload)),
  'collection.resume': ifOurs((ctx, { runner }, { effect }) =>
    resumeCollection(ctx, runner, effect.payload),
  ),
  'owner.follow': (ctx, { runner }, { effect }) => followOwner(ctx, runner, effect.payload),
  'trial.refuse': ifOurs((ctx, { runner }, { effect }) => refuseTrial(ctx, runner, effect.payload)),
};

/** What changes a subscription at Stripe asks first whether it is ours still. */
function ifOurs<K extends ChangingKind>(handler: Handler<K>): Handler<K> {
  return async (ctx, means, delivery) => {
    const { subscriptionId } = delivery.effect.payload;
    const left = await noteIfNotOurs(ctx, means.runner, subscriptionId);
    return left ?? handler(ctx, means, delivery);
  };
}

type ChangingKind =
  | 'dunning.final_action'
  | 'invoices.settle'
  | 'collection.resume'
  | 'trial.refuse';

/** Delivers one effect as its kind asks. */
export async function deliverEffect(
  ctx: EngineContext,
  means: Means,
  { effect, signal }: { effect: OutboxRow; signal: AbortSignal },
): Promise<Delivered> {
  const { id, objectId, receiver } = effect;
  // To a named receiver it is the same webhook.
  const kind = effect.kind.replace(/^event\./, 'webhook.');
  if (!isEffectKind(kind)) throw new Error(`No handler delivers effects of the kind "${kind}"`);
  // The compiler held the payload to its kind when it was stored; read back, it is one of any kind.
  const handler = HANDLERS[kind] as Handler<EffectKind>;
  const payload = effect.payload as unknown as EffectPayloads[EffectKind];
  const delivery = { effect: { id, objectId, kind, receiver, payload }, signal };
  const result = await handler(ctx, means, delivery);
  const [note, sent] = typeof result === 'string' ? [result, null] : [null, result];
  return { id, note, sent };
}

function isEffectKind(kind: string): kind is EffectKind {
  return Object.hasOwn(HANDLERS, kind);
}

async function postWebhook(
  ctx: EngineContext,
  means: Means,
  { effect, signal }: Delivery<`webhook.${PlainWebhookType}`>,
): Promise<string | null> {
  const type = effect.kind.slice('webhook.'.length) as PlainWebhookType;
  const stored = { ...effect.payload.data } as Record<string, unknown>;
  const { subscriptionId: id } = stored;
  const subscription = typeof id === 'string' ? await means.lookups.subscription(id) : null;
  const told = webhookAsOfNow(type, stored, { subscription, now: ctx.clock.now() });
  if ('why' in told) return told.why;
  const payload = { ...effect.payload, ...told };
  return post(ctx, means, { effect: { ...effect, payload }, signal });
}

interface Message {
  effect: { id: number; objectId: string; kind: string; receiver: string; payload: unknown };
  signal: AbortSignal;
}

async function post(
  ctx: EngineContext,
  { noteAttempt }: Means,
  { effect, signal }: Message,
): Promise<string | null> {
  const send = senderOf(ctx, effect.receiver);
  if (!send) return NO_RECEIVER;
  const at = Date.now();
  const begun = performance.now();
  const note = (outcome: { status: number | null; error: string | null }) =>
    noteAttempt({
      effectId: effect.id,
      at,
      durationMs: Math.round(performance.now() - begun),
      ...outcome,
    });
  try {
    await note({ status: await send(effect, signal), error: null });
  } catch (error) {
    const status = error instanceof WebhookRefused ? error.status : null;
    await note({ status, error: reasonOf(signal.aborted ? signal.reason : error) });
    throw error;
  }
  return null;
}

/** How a receiver is told; it returns the status of an answer, where there is one. */
function senderOf({ core }: EngineContext, receiver: string) {
  const { hooks } = core;
  if (receiver === HOOKS) {
    return async (effect: Message['effect'], signal: AbortSignal) => {
      const event = { ...(effect.payload as WebhookPayload), id: webhookId(effect) } as HookEvent;
      if (hooks) await callHook(hooks, event, signal);
      return null;
    };
  }
  const target = core.config.receivers.find(({ name }) => name === receiver);
  if (!target) return null;
  return (effect: Message['effect'], signal: AbortSignal) =>
    sendTeamWebhook(target, effect, signal);
}

/** In words; of a connection that failed, why. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, cause } = error;
  return (cause instanceof Error ? `${message}: ${cause.message}` : message).slice(0, 1_000);
}

/** A line of the history, told as it is known by now. */
async function postChanged(
  ctx: EngineContext,
  means: Means,
  { effect, signal }: Delivery<'webhook.subscription.changed'>,
): Promise<string | null> {
  const { subscriptionId, number } = effect.payload.data;
  const db = ctx.core.database.knex;
  // Those of an older release have no number: they are told as they were stored.
  const line = number === undefined ? null : await findTransition(db, subscriptionId, number);
  const after = line && (await means.lookups.subscription(subscriptionId));
  if (!line || !after) return post(ctx, means, { effect, signal });
  if (line.evidence === 'disproved') return 'the events of Stripe showed that it never was';
  const { occurredAt: at, cause, actor: name, requestId } = line;
  const told = { ...line, at, number, guess: line.evidence === 'read', actor: { name, requestId } };
  const settings = { grace: ctx.core.config.grace };
  const payload = changedPayload(told, { after, settings, now: ctx.clock.now(), cause });
  return post(ctx, means, { effect: { ...effect, payload }, signal });
}

/** Stripe said that a customer's features changed: it is asked which they are, and the other processes are told. */
async function readEntitled(
  ctx: EngineContext,
  { customerId, userId }: EffectPayloads['entitlements.read'],
): Promise<string | null> {
  if (customerId === null) return 'the event names no customer';
  await readEntitlements(ctx.core, ctx.reader, { customerId, userId });
  if (userId !== null) ctx.changes.announce([{ subscriptionId: '', userId }]);
  return null;
}
