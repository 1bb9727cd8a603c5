import { createMailer, type Mailer } from '../adapters/mailer.ts';
import { isGatewayError } from '../adapters/stripe-gateway.ts';
import { findCustomerByStripeId, findCustomerByUser } from '../db/customers.ts';
import { claimEffects, markDelivered, postponeEffect, type OutboxRow } from '../db/outbox.ts';
import { carryOutFinalAction } from './dunning.ts';
import type { EngineContext } from './engine-context.ts';
import { backoff } from './engine-options.ts';
import { readEntitlements } from './entitlements.ts';
import { createLoop, type Loop } from './loop.ts';
import { renderMail } from './mail-templates.ts';
import { StripeOutage } from './read-stripe.ts';
import { refuseTrial } from './refuse-trial.ts';
import type { SubjectRunner } from './subject-runner.ts';
import { sendTeamWebhook, stableId, WebhookRefused } from './team-webhooks.ts';

/** Effects carried out at the same time. */
const AT_ONCE = 10;

/** Carries out what the outbox holds: mail, the team's webhooks, the end of dunning. */
export function createEffectDelivery(ctx: EngineContext, runner: SubjectRunner): Loop {
  const { mail } = ctx.core.config;
  const mailer = mail.smtpUrl ? createMailer({ smtpUrl: mail.smtpUrl, from: mail.from }) : null;

  async function round(): Promise<number> {
    const terms = { now: Date.now(), lease: ctx.options.effectLease };
    const effects = await claimEffects(ctx.core.database.knex, AT_ONCE, terms);
    await Promise.all(effects.map((effect) => settle(effect)));
    return effects.length;
  }

  async function settle(effect: OutboxRow): Promise<void> {
    const db = ctx.core.database.knex;
    try {
      const note = await carryOut(ctx, { runner, mailer }, effect);
      ctx.core.metrics.effects.inc({ kind: effect.kind, outcome: 'carried_out' });
      await ctx.probe('after_delivery');
      await markDelivered(db, effect.id, { at: Date.now(), note });
    } catch (error) {
      const { objectId, kind } = effect;
      ctx.core.metrics.effects.inc({ kind, outcome: 'failed' });
      ctx.core.log.warn({ err: error, objectId, kind }, 'an effect could not be carried out');
      await ctx.probe('before_postpone_effect');
      await postponeEffect(db, effect.id, failureOf(ctx, effect, error));
    }
  }

  const loop = createLoop({
    round: async () => (await round()) > 0,
    rest: () => ctx.options.poll,
    failed: (error) => ctx.core.log.warn({ err: error }, 'could not look after the outbox'),
    afterError: Math.min(ctx.options.poll, 500),
  });
  return {
    start: loop.start,
    wake: loop.wake,
    async stop() {
      await loop.stop();
      mailer?.close();
    },
  };
}

interface Means {
  runner: SubjectRunner;
  /** null: mail goes to the log. */
  mailer: Mailer | null;
}

/** Carries out one effect; returns a note when there was nothing to do. Throws to have it tried again. */
async function carryOut(
  ctx: EngineContext,
  means: Means,
  effect: OutboxRow,
): Promise<string | null> {
  if (effect.kind.startsWith('mail.')) return sendMail(ctx, means.mailer, effect);
  if (effect.kind.startsWith('webhook.')) {
    const target = ctx.core.config.outgoingWebhook;
    if (target === null) return 'no receiver is configured any more';
    await sendTeamWebhook(target, effect);
    return null;
  }
  if (effect.kind === 'entitlements.read') return readEntitled(ctx, effect);
  if (effect.kind === 'dunning.final_action') {
    return carryOutFinalAction(ctx, means.runner, effect.payload);
  }
  if (effect.kind === 'trial.refuse') return refuseTrial(ctx, means.runner, effect.payload);
  throw new Error(`There is nothing that carries out "${effect.kind}"`);
}

/** Stripe said that a customer's features changed: it is asked which they are, and the other processes are told. */
async function readEntitled(ctx: EngineContext, { payload }: OutboxRow): Promise<string | null> {
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
  effect: OutboxRow,
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
  await mailer.send({ to, ...mail, messageId: `<${stableId(effect)}@${domain}>` });
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
    (typeof userId === 'string' ? await findCustomerByUser(db, userId) : null) ??
    (typeof customerId === 'string' ? await findCustomerByStripeId(db, customerId) : null);
  if (known?.email || typeof customerId !== 'string') return known?.email ?? null;
  try {
    const customer = await ctx.reader.read((stripe) => stripe.retrieveCustomer(customerId));
    return customer.deleted ? null : customer.email;
  } catch (error) {
    if (isGatewayError(error, 'not_found')) return null;
    throw error;
  }
}

function failureOf(ctx: EngineContext, effect: OutboxRow, error: unknown) {
  const now = Date.now();
  const outage = error instanceof StripeOutage;
  const attempts = outage ? effect.attempts - 1 : effect.attempts;
  const asked = error instanceof WebhookRefused ? (error.retryAfter ?? 0) * 1000 : 0;
  const wait = Math.max(backoff(effect.attempts, ctx.options), asked);
  return {
    error: (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).slice(
      0,
      1_000,
    ),
    attempts,
    nextAttemptAt: outage ? error.retryAt : now + Math.min(wait, ctx.options.retryMax * 1.25),
    dead: attempts >= ctx.options.maxAttempts,
  };
}
