import type { Mailer } from '../../../adapters/mailer.ts';
import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import { findCustomerByUser } from '../../../db/customers.ts';
import type { OutboxRow } from '../../../db/outbox.ts';
import { endDunning } from './end-of-dunning.ts';
import { resumeCollection, settleInvoices } from './after-dunning.ts';
import type { EngineContext } from '../../lib/context.ts';
import { readEntitlements } from '../../access/entitlements.ts';
import { renderMail } from './mail-templates.ts';
import { refuseTrial } from './refuse-trial.ts';
import type { SubjectRunner } from '../../sync/customer-runner.ts';
import { sendTeamWebhook, stableId } from './outgoing-webhook.ts';

export interface Means {
  runner: SubjectRunner;
  /** null: mail goes to the log. */
  mailer: Mailer | null;
}

/** An effect and what gives it up. */
export interface Delivery {
  effect: OutboxRow;
  signal: AbortSignal;
}

/** Carries out one effect; returns a note when there was nothing to do. Throws to have it tried again. */
export async function deliverEffect(
  ctx: EngineContext,
  means: Means,
  delivery: Delivery,
): Promise<string | null> {
  const { kind, payload } = delivery.effect;
  if (kind.startsWith('mail.')) return sendMail(ctx, means.mailer, delivery);
  if (kind.startsWith('webhook.')) {
    const target = ctx.core.config.outgoingWebhook;
    if (target === null) return 'no receiver is configured any more';
    await sendTeamWebhook(target, delivery.effect, delivery.signal);
    return null;
  }
  if (kind === 'entitlements.read') return readEntitled(ctx, payload);
  if (kind === 'dunning.final_action') return endDunning(ctx, means.runner, payload);
  if (kind === 'invoices.settle') return settleInvoices(ctx, payload);
  if (kind === 'collection.resume') return resumeCollection(ctx, means.runner, payload);
  if (kind === 'trial.refuse') return refuseTrial(ctx, means.runner, payload);
  throw new Error(`There is nothing that carries out "${kind}"`);
}

/** Stripe said that a customer's features changed: it is asked which they are, and the other processes are told. */
async function readEntitled(
  ctx: EngineContext,
  payload: OutboxRow['payload'],
): Promise<string | null> {
  const { customerId, userId } = payload;
  if (typeof customerId !== 'string') return 'the event names no customer';
  const owner = typeof userId === 'string' ? userId : null;
  await readEntitlements(ctx.core, ctx.reader, { customerId, userId: owner });
  if (owner !== null) ctx.changes.announce([{ subscriptionId: '', userId: owner }]);
  return null;
}

async function sendMail(
  ctx: EngineContext,
  mailer: Mailer | null,
  { effect, signal }: Delivery,
): Promise<string | null> {
  const { catalogue, config, log } = ctx.core;
  const plan = catalogue.plans.find((each) => each.id === effect.payload['plan']);
  const context = {
    payload: effect.payload,
    planName: plan?.name ?? null,
    appUrl: config.http.appUrl,
  };
  const mail = renderMail(effect.kind, context);
  if (mail === null) throw new Error(`There is no template for "${effect.kind}"`);
  const to = await addressOf(ctx, effect.payload);
  if (to === null) return 'the customer has no e-mail address';
  if (mailer === null) {
    log.info({ mail: { to, ...mail }, kind: effect.kind }, 'mail (no SMTP_URL is set)');
    return null;
  }
  const domain = /@([\w.-]+)/.exec(config.mail.from)?.[1] ?? 'localhost';
  await mailer.send({ to, ...mail, messageId: `<${stableId(effect)}@${domain}>` }, signal);
  return null;
}

/** The address in our own records, else the one that Stripe has. */
async function addressOf(
  ctx: EngineContext,
  payload: Record<string, unknown>,
): Promise<string | null> {
  const db = ctx.core.database.knex;
  const { userId, customerId } = payload;
  const known =
    (typeof customerId === 'string' ? await ctx.reads.customer(customerId) : null) ??
    (typeof userId === 'string' ? await findCustomerByUser(db, userId) : null);
  if (known?.email || typeof customerId !== 'string') return known?.email ?? null;
  try {
    const customer = await ctx.reader.read((stripe) => stripe.retrieveCustomer(customerId));
    return customer.deleted ? null : customer.email;
  } catch (error) {
    if (isGatewayError(error, 'not_found')) return null;
    throw error;
  }
}
