import type { Mailer } from '../../../adapters/mailer.ts';
import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import { findCustomerByUser } from '../../../db/customers.ts';
import { listMails, type SentMail } from '../../../db/mails.ts';
import { findTransition } from '../../../db/transitions.ts';
import type {
  EffectPayloads,
  MailKind,
  NextPayment,
  Recipient,
} from '../../../state/effect-kinds.ts';
import { asOfNow, whyNotSent, type Present } from '../../../state/mail-relevance.ts';
import type { StoredSubscription } from '../../../state/types.ts';
import type { EngineContext } from '../../sync/context.ts';
import { contextOf } from '../mails/context.ts';
import { renderMail } from '../mails/render.ts';
import type { Lookups } from './lookups.ts';
import { stableId } from './outgoing-webhook.ts';

interface MailDelivery {
  effect: { objectId: string; kind: MailKind; payload: EffectPayloads[MailKind] };
  signal: AbortSignal;
}

interface MailMeans {
  /** null: it goes to the log. */
  mailer: Mailer | null;
  lookups: Lookups;
}

/** Sends a mail, if what it says is still true, and returns what it said; else why it was not sent. */
export async function sendMail(
  ctx: EngineContext,
  { mailer, lookups }: MailMeans,
  { effect, signal }: MailDelivery,
): Promise<string | SentMail> {
  const { config, log } = ctx.core;
  const present = await presentOf(ctx, lookups, effect.payload);
  const why =
    whyNotSent(effect.kind, effect.payload, present) ?? (await whyNotTrue(ctx, effect, present));
  if (why !== null) return why;
  const { kind, payload } = asOfNow(effect.kind, effect.payload, present);
  const { subscription } = present;
  const charge = ASKS_FOR_CHARGE.has(kind) && subscription ? await chargeOf(ctx, subscription) : {};
  const reader = await readerOf(ctx, lookups, effect.payload);
  if (reader.email === null) return 'the customer has no e-mail address';
  const { email: to } = reader;
  const mail = renderMail(kind, {
    ...contextOf(ctx.core, effect.payload.plan, reader),
    payload: { ...payload, ...charge },
  });
  if (mailer === null) {
    // The body may have the link of an invoice in it.
    log.info({ mail: { to, subject: mail.subject }, kind }, 'mail (no SMTP_URL is set)');
  } else {
    const domain = /@([\w.-]+)/.exec(config.mail.from)?.[1] ?? 'localhost';
    const messageId = `<${stableId(effect)}@${domain}>`;
    await mailer.send({ to, ...mail, replyTo: config.shop.supportEmail, messageId }, signal);
  }
  return { to, ...mail };
}

/** Mails that name the next payment, which Stripe is asked for when they are sent. */
const ASKS_FOR_CHARGE: ReadonlySet<MailKind> = new Set([
  'mail.trial_ending',
  'mail.plan_changed',
  'mail.renewal_notice',
]);

/** Why a change of plan is not told: it never was, or the mail of its price told of it. */
async function whyNotTrue(
  { core }: EngineContext,
  { kind, payload }: MailDelivery['effect'],
  { subscription }: Present,
): Promise<string | null> {
  if (kind !== 'mail.plan_changed' || !subscription) return null;
  const db = core.database.knex;
  const { number } = payload as EffectPayloads['mail.plan_changed'];
  const line = await findTransition(db, subscription.id, number);
  if (line?.evidence === 'disproved') return 'the events of Stripe showed that it never was';
  if (line?.event !== 'period_ended' || payload.userId === null) return null;
  const query = { accountId: payload.userId, kind: 'mail.price_change', limit: 20 };
  const told = await listMails(db, query);
  const isTold = told.some(({ objectId }) => objectId.endsWith(`:${subscription.id}`));
  return isTold ? 'another mail told of the new price' : null;
}

async function presentOf(
  ctx: EngineContext,
  lookups: Lookups,
  payload: EffectPayloads[MailKind],
): Promise<Present> {
  const subscriptionId = 'subscriptionId' in payload ? payload.subscriptionId : null;
  const invoiceId = 'invoiceId' in payload ? payload.invoiceId : null;
  const isCanceledByUs = ctx.core.config.dunning.finalAction === 'cancel' && Boolean(invoiceId);
  const [subscription, isEnding] = await Promise.all([
    subscriptionId ? lookups.subscription(subscriptionId) : null,
    isCanceledByUs ? lookups.endsDunning(String(invoiceId)) : null,
  ]);
  return { subscription, isEnding: isEnding === true, now: ctx.clock.now() };
}

/** What is charged when the trial ends, as Stripe counts it, and whether there is something to charge. */
async function chargeOf(
  ctx: EngineContext,
  { id, customerId, facts }: StoredSubscription,
): Promise<NextPayment> {
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

interface Reader {
  email: string | null;
  locale: string | null;
}

/** Address and language in our own records, else those that Stripe has. */
async function readerOf(
  ctx: EngineContext,
  lookups: Lookups,
  { userId, customerId }: Recipient,
): Promise<Reader> {
  const known =
    (customerId ? await lookups.customer(customerId) : null) ??
    (userId ? await findCustomerByUser(ctx.core.database.knex, userId) : null);
  const { email = null, locale = null } = known ?? {};
  if (email || !customerId) return { email, locale };
  try {
    const customer = await ctx.reader.read((stripe) => stripe.retrieveCustomer(customerId));
    if (customer.deleted) return { email: null, locale };
    return { email: customer.email, locale: customer.preferred_locales?.[0] ?? locale };
  } catch (error) {
    if (isGatewayError(error, 'not_found')) return { email: null, locale };
    throw error;
  }
}
