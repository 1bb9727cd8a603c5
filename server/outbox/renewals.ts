import type Stripe from 'stripe';
import { isGatewayError } from '../../adapters/stripe-gateway.ts';
import { leadJob, readCursor, saveCursor } from '../../db/cursors.ts';
import { enqueueEffects } from '../../db/outbox.ts';
import { renewalsUntil } from '../../db/renewals.ts';
import type { SubscriptionRow } from '../../db/subscriptions.ts';
import type { Effect } from '../../state/effect-kinds.ts';
import { subscriptionData } from '../../state/effects.ts';
import { planItem } from '../../state/plan-change.ts';
import { createLoop, type Loop } from '../lib/poll-loop.ts';
import type { EngineContext } from '../sync/context.ts';

/** Its cursor is the period's end up to which renewals were looked at, in ms. */
export const RENEWALS_JOB = 'renewals';
const DAY = 86_400_000;
const PAGE = 100;
/** Where no notice is sent, cards are still looked at. */
const CARD_DAYS = 14;

export function renewalDays({ core }: { core: Pick<EngineContext['core'], 'config'> }): number {
  return core.config.mail.renewalNoticeDays || CARD_DAYS;
}

/**
 * Looks ahead at renewals, each once: a yearly plan gets a notice, and a card that will have expired by then is asked to be
 * replaced. A period that is shorter than the time ahead is not looked at.
 */
export function createRenewalLoop(ctx: EngineContext): Loop {
  const { core, options, owner } = ctx;
  const every = options.renewalsEvery;
  return createLoop({
    async round() {
      if (every <= 0) return false;
      const terms = { owner, duration: Math.max(2 * every, 10_000) };
      if (await leadJob(core.database.knex, RENEWALS_JOB, terms)) await lookAhead(ctx);
      return false;
    },
    rest: () => (every > 0 ? every : DAY),
    failed: (error) => core.log.warn({ err: error }, 'could not look ahead at renewals'),
    afterError: Math.max(every, 1_000),
  });
}

/** One round: all renewals that have come within reach since the last one. */
export async function lookAhead(ctx: EngineContext): Promise<void> {
  const db = ctx.core.database.knex;
  const now = ctx.clock.now();
  const until = now + renewalDays(ctx) * DAY;
  const stored = Number((await readCursor(db, RENEWALS_JOB)) ?? now);
  // A test clock that was replaced may be years behind.
  let after = { at: Math.min(Math.max(stored, now), until), id: '' };
  for (;;) {
    const rows = await renewalsUntil(db, after, { until, limit: PAGE });
    for (const row of rows) await tell(ctx, row);
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) break;
    after = { at: last.facts.currentPeriodEnd ?? until, id: last.id };
  }
  await saveCursor(db, RENEWALS_JOB, String(until));
}

async function tell(ctx: EngineContext, row: SubscriptionRow): Promise<void> {
  const end = row.facts.currentPeriodEnd;
  if (end === null) return;
  const data = { ...subscriptionData({ event: null, after: row }), renewsAt: iso(end) };
  const effects: Effect[] = [];
  const isYearly = planItem(ctx.core.catalogue, row.facts)?.interval === 'year';
  if (isYearly && ctx.core.config.mail.renewalNoticeDays > 0) {
    const objectId = `${row.id}:${end}`;
    effects.push({ objectId, kind: 'mail.renewal_notice', payload: data });
  }
  const card = await cardOf(ctx, row);
  const expires = card?.card && new Date(Date.UTC(card.card.exp_year, card.card.exp_month) - 1);
  if (expires && expires.getTime() < end) {
    const last4 = card.card?.last4 ?? null;
    effects.push({
      objectId: `${card.id}:${card.card?.exp_year}-${card.card?.exp_month}`,
      kind: 'mail.card_expiring',
      payload: { ...data, paymentMethodId: card.id, last4, expires: expires.toISOString() },
    });
  }
  if ((await enqueueEffects(ctx.core.database.knex, effects, Date.now())) > 0) ctx.effectsWaiting();
}

/** What the renewal will be charged to. */
async function cardOf(
  ctx: EngineContext,
  { customerId, facts }: SubscriptionRow,
): Promise<Stripe.PaymentMethod | null> {
  try {
    const own = facts.defaultPaymentMethodId;
    if (own !== null) return await ctx.reader.read((stripe) => stripe.retrievePaymentMethod(own));
    const customer = await ctx.reader.read((stripe) => stripe.retrieveCustomer(customerId));
    if (customer.deleted) return null;
    const method = customer.invoice_settings.default_payment_method;
    return typeof method === 'string' ? null : method;
  } catch (error) {
    // Removed in the meantime.
    if (isGatewayError(error, 'not_found')) return null;
    throw error;
  }
}

const iso = (at: number): string => new Date(at).toISOString();
