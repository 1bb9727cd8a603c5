import type { Mailer } from '../../../adapters/mailer.ts';
import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import { customersByStripeId, findCustomerByUser } from '../../../db/customers.ts';
import { keepSentMail } from '../../../db/mails.ts';
import { hasEffect } from '../../../db/outbox.ts';
import { findSubscription } from '../../../db/subscriptions.ts';
import type { EffectPayloads, MailKind, Recipient } from '../../../state/effect-kinds.ts';
import { asOfNow, whyNotSent, type Present } from '../../../state/mail-relevance.ts';
import type { StoredSubscription } from '../../../state/types.ts';
import type { EngineContext } from '../../sync/context.ts';
import { renderMail } from './mail-templates.ts';
import { stableId } from './outgoing-webhook.ts';

interface MailDelivery {
  effect: { objectId: string; kind: MailKind; payload: EffectPayloads[MailKind] };
  signal: AbortSignal;
}

/** Sends a mail, if what it says is still true; else returns why not. `mailer` null: it goes to the log. */
export async function sendMail(
  ctx: EngineContext,
  mailer: Mailer | null,
  { effect, signal }: MailDelivery,
): Promise<string | null> {
  const { catalogue, config, log } = ctx.core;
  const present = await presentOf(ctx, effect.payload);
  const why = whyNotSent(effect.kind, effect.payload, present);
  if (why !== null) return why;
  const plan = catalogue.plans.find((each) => each.id === effect.payload.plan);
  const { kind, payload } = asOfNow(effect.kind, effect.payload, present);
  const { subscription } = present;
  const isTrial = kind === 'mail.trial_ending' && subscription !== null;
  const mail = renderMail(kind, {
    payload: isTrial ? { ...payload, ...(await chargeOf(ctx, subscription)) } : payload,
    planName: plan?.name ?? null,
    accountUrl: `${config.http.appUrl}/billing`,
  });
  const to = await addressOf(ctx, effect.payload);
  if (to === null) return 'the customer has no e-mail address';
  if (mailer === null) {
    log.info({ mail: { to, ...mail }, kind }, 'mail (no SMTP_URL is set)');
  } else {
    const domain = /@([\w.-]+)/.exec(config.mail.from)?.[1] ?? 'localhost';
    await mailer.send({ to, ...mail, messageId: `<${stableId(effect)}@${domain}>` }, signal);
  }
  await keepSentMail(ctx.core.database.knex, effect, { to, ...mail });
  return null;
}

async function presentOf(ctx: EngineContext, payload: EffectPayloads[MailKind]): Promise<Present> {
  const db = ctx.core.database.knex;
  const subscriptionId = 'subscriptionId' in payload ? payload.subscriptionId : null;
  const invoiceId = 'invoiceId' in payload ? payload.invoiceId : null;
  const isCanceledByUs = ctx.core.config.dunning.finalAction === 'cancel' && Boolean(invoiceId);
  const [subscription, isEnding] = await Promise.all([
    subscriptionId ? findSubscription(db, subscriptionId) : null,
    isCanceledByUs ? hasEffect(db, 'dunning.final_action', String(invoiceId)) : false,
  ]);
  return { subscription, isEnding, now: ctx.clock.now() };
}

/** What is charged when the trial ends, as Stripe counts it, and whether there is something to charge. */
async function chargeOf(
  ctx: EngineContext,
  { id, customerId, facts }: StoredSubscription,
): Promise<Pick<EffectPayloads['mail.trial_ending'], 'amountDue' | 'currency' | 'hasMethod'>> {
  try {
    const [invoice, customer] = await Promise.all([
      ctx.reader.read((stripe) => stripe.previewRenewal(id)),
      ctx.reader.read((stripe) => stripe.retrieveCustomer(customerId)),
    ]);
    const ofCustomer = customer.deleted ? null : customer.invoice_settings.default_payment_method;
    return {
      amountDue: invoice.amount_due,
      currency: invoice.currency,
      hasMethod: facts.defaultPaymentMethodId !== null || ofCustomer !== null,
    };
  } catch (error) {
    // Nothing is going to be charged, or it is not known what.
    if (isGatewayError(error, 'not_found', 'invalid')) return {};
    throw error;
  }
}

/** The address in our own records, else the one that Stripe has. */
async function addressOf(
  ctx: EngineContext,
  { userId, customerId }: Recipient,
): Promise<string | null> {
  const db = ctx.core.database.knex;
  const known =
    (customerId ? (await customersByStripeId(db, [customerId])).get(customerId) : null) ??
    (userId ? await findCustomerByUser(db, userId) : null);
  if (known?.email || !customerId) return known?.email ?? null;
  try {
    const customer = await ctx.reader.read((stripe) => stripe.retrieveCustomer(customerId));
    return customer.deleted ? null : customer.email;
  } catch (error) {
    if (isGatewayError(error, 'not_found')) return null;
    throw error;
  }
}
