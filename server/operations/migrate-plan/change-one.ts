import type { Stripe } from 'stripe';
import type { ItemChange, MigrationChange } from '../../../adapters/stripe-gateway.ts';
import { saveMigrationItem, type MigrationItem } from '../../../db/plan-migrations.ts';
import {
  migrationStep,
  periodEndFrom,
  type MigrationRule,
  type MigrationStep,
} from '../../../state/plan-migration.ts';
import { readSubscription } from '../../../state/subscription-facts.ts';
import type { SubscriptionFacts } from '../../../state/types.ts';
import { sleep } from '../../lib/limit.ts';
import type { Services } from '../../lib/services.ts';
import { payerOf } from './payer-of.ts';
import { tryChange, type Answer, type Ask } from './ask-stripe.ts';
import type { MigrationRequest } from './request.ts';

/** What the steps of one run share. */
export interface MigrationRun {
  services: Services;
  request: MigrationRequest;
  rule: MigrationRule;
  ask: Ask;
  /** What time it is for a subscription, in ms, whole seconds: that of its test clock, if it is on one. */
  now: (subscription: Stripe.Subscription) => Promise<number>;
  /** Id in the ledger; null in a dry run. */
  id: string;
}

export type PlannedStep = Extract<MigrationStep, { do: 'change' | 'schedule' }>;

export const ALREADY_THERE = 'it is there already';

/** Tries at one subscription before the run gives it up for this time. */
const MAX_TRIES = 12;

/**
 * Brings one subscription to where the run wants it, exactly once whatever happens in between: each try begins
 * with a look at Stripe, what is about to be asked is in the ledger before it is asked, and a try whose outcome
 * is unknown is made again under the same idempotency key.
 */
export async function changeOne(run: MigrationRun, item: MigrationItem): Promise<MigrationItem> {
  let current = item;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const subscription = await run.ask((stripe) =>
      stripe.retrieveSubscription(current.subscriptionId),
    );
    const facts = readSubscription(subscription);
    const payer = await payerOf(run.services, facts);
    if (payer.accountId === null) {
      return settle(run, current, { status: 'skipped', reason: payer.why });
    }
    const step = migrationStep(facts, run.rule, scheduleEnds(subscription));
    if (step.do === 'skip') return settle(run, current, { status: 'skipped', reason: step.why });
    if (step.do === 'nothing') {
      // Another process was there before.
      if (current.status === 'pending') {
        return settle(run, current, { status: 'skipped', reason: ALREADY_THERE });
      }
      const result = { ...current.result, ...outcomeOf(subscription, current.before) };
      return settle(run, current, { status: 'done', result, reason: null });
    }
    const quantity =
      step.do === 'change' || step.do === 'schedule' ? quantityFor(run, step, facts.id) : null;
    if (quantity === undefined) {
      const reason = 'the file of quantities does not name it';
      return settle(run, current, { status: 'skipped', reason });
    }
    const now = await run.now(subscription);
    if (current.status !== 'working') current = await begin(run, current, { facts, now });
    const answer = await takeStep(run, {
      item: current,
      ...payer,
      subscription,
      step,
      quantity,
      now,
    });
    if (answer.kind === 'ok') {
      // Round again: what Stripe says now is what counts, and there may be a second step.
      current = { ...current, result: { ...current.result, ...answer.value } };
      await saveMigrationItem(run.services.database.knex, run.id, current);
    } else if (answer.kind === 'refused') {
      const attempt = current.attempt + 1;
      return settle(run, { ...current, attempt }, { status: 'failed', reason: answer.reason });
    } else {
      if (answer.fresh) current = { ...current, attempt: current.attempt + 1 };
      await saveMigrationItem(run.services.database.knex, run.id, current);
      await sleep(Math.max(50, answer.retryAt - Date.now()));
    }
  }
  return settle(run, current, { status: 'failed', reason: 'Stripe gave no clear answer' });
}

async function begin(
  run: MigrationRun,
  item: MigrationItem,
  { facts, now }: { facts: SubscriptionFacts; now: number },
): Promise<MigrationItem> {
  const begun: MigrationItem = {
    ...item,
    status: 'working',
    prorationAt: now,
    before: {
      quantity: facts.items.find(({ priceId }) => priceId === run.rule.from)?.quantity ?? null,
      invoice: facts.latestInvoiceId,
      billingMode: facts.billingMode,
    },
  };
  await saveMigrationItem(run.services.database.knex, run.id, begun);
  return begun;
}

async function settle(
  run: MigrationRun,
  item: MigrationItem,
  end: Pick<MigrationItem, 'status' | 'reason'> & { result?: Record<string, unknown> },
): Promise<MigrationItem> {
  const settled = { ...item, ...end };
  await saveMigrationItem(run.services.database.knex, run.id, settled);
  return settled;
}

type Done = Record<string, unknown>;

async function takeStep(
  run: MigrationRun,
  work: {
    item: MigrationItem;
    accountId: string;
    subscription: Stripe.Subscription;
    step: Exclude<MigrationStep, { do: 'skip' | 'nothing' }>;
    quantity: number | null;
    now: number;
  },
): Promise<Answer<Done>> {
  const { item, subscription, step, quantity } = work;
  const { services } = run;
  const { id } = subscription;
  const key = (what: string) => `tenure-migrate-${run.id}-${id}-${item.attempt}-${what}`;
  if (step.do === 'billing_mode') {
    return asDone(
      await tryChange(services, (stripe) => stripe.useFlexibleBilling(id, key('mode'))),
      { billingMode: 'flexible' },
    );
  }
  if (step.do === 'release') {
    const { scheduleId } = step;
    return asDone(
      await tryChange(services, (stripe) => stripe.releaseSchedule(scheduleId, key('release'))),
      {},
    );
  }
  if (step.do === 'change') {
    const change = changeOf(run, { subscription, step, quantity, prorationAt: item.prorationAt });
    return asDone(
      await tryChange(services, (stripe) => stripe.migrateSubscription(change, key('change'))),
      { quantity, effectiveAt: item.prorationAt },
    );
  }
  const schedule = await tryChange(services, async (stripe) => {
    const there = subscription.schedule;
    if (there === null) return stripe.createSchedule(id, key('schedule'));
    return stripe.retrieveSchedule(typeof there === 'string' ? there : there.id);
  });
  if (schedule.kind !== 'ok') return schedule;
  const startsAt = startOf(run, { subscription, step, now: work.now });
  const next = {
    items: nextItems(subscription, { step, quantity, from: run.rule.from }),
    interval: step.to.interval,
    intervalCount: step.to.intervalCount,
    startsAt,
  };
  return asDone(
    await tryChange(services, (stripe) =>
      stripe.scheduleNextPhase(
        { schedule: schedule.value, userId: work.accountId },
        next,
        key('phase'),
      ),
    ),
    { quantity, effectiveAt: startsAt * 1000 },
  );
}

function asDone(answer: Answer<unknown>, value: Done): Answer<Done> {
  return answer.kind === 'ok' ? { kind: 'ok', value } : answer;
}

/** Whether the schedule of a subscription cancels it when it has run out. */
export function scheduleEnds({ schedule }: Stripe.Subscription): boolean {
  return typeof schedule === 'object' && schedule?.end_behavior === 'cancel';
}

/** Null for a metered price; undefined when the number for this subscription was not given. */
export function quantityFor(
  { request }: Pick<MigrationRun, 'request'>,
  step: PlannedStep,
  subscriptionId: string,
): number | null | undefined {
  if (request.quantities !== null && request.quantities[subscriptionId] === undefined) {
    return undefined;
  }
  if (step.to.metered) return null;
  return request.quantities?.[subscriptionId] ?? request.quantity ?? step.item.quantity ?? 1;
}

/** What Stripe is asked for a change now. */
export function changeOf(
  { request }: Pick<MigrationRun, 'request'>,
  wanted: {
    subscription: Stripe.Subscription;
    step: PlannedStep;
    quantity: number | null;
    prorationAt: number | null;
  },
): MigrationChange {
  const { subscription, step, quantity, prorationAt } = wanted;
  const price = { price: step.to.priceId, ...(quantity === null ? {} : { quantity }) };
  const items: ItemChange[] = step.replaceItem
    ? [
        { id: step.item.id, deleted: true },
        { ...price, ...taxesOf(subscription, step.item.id) },
      ]
    : [{ id: step.item.id, ...price }];
  return {
    subscriptionId: subscription.id,
    items,
    proration: step.prorate ? request.proration : 'none',
    prorationDate: prorationAt === null ? null : prorationAt / 1000,
    restartPeriod: step.restartPeriod,
    charged: subscription.collection_method === 'charge_automatically',
  };
}

/** When a change with the period takes effect, in seconds: at the first end of a period after the notice. */
export function startOf(
  { request }: Pick<MigrationRun, 'request'>,
  {
    subscription,
    step,
    now,
  }: { subscription: Stripe.Subscription; step: PlannedStep; now: number },
): number {
  const end = (step.item.periodEnd ?? now) / 1000;
  return periodEndFrom(
    {
      end,
      anchor: subscription.billing_cycle_anchor,
      interval: step.item.interval,
      intervalCount: step.item.intervalCount,
    },
    request.noticeDays === 0 ? end : now / 1000 + request.noticeDays * 86_400,
  );
}

/** A phase names every item: what is not named ends. */
function nextItems(
  subscription: Stripe.Subscription,
  { step, quantity, from }: { step: PlannedStep; quantity: number | null; from: string },
) {
  return subscription.items.data.map((item) => ({
    ...(item.price.id === from
      ? { price: step.to.priceId, quantity: quantity ?? undefined }
      : { price: item.price.id, quantity: item.quantity }),
    ...taxesOf(subscription, item.id),
  }));
}

function taxesOf(subscription: Stripe.Subscription, itemId: string): { tax_rates?: string[] } {
  const rates = subscription.items.data.find(({ id }) => id === itemId)?.tax_rates ?? [];
  return rates.length > 0 ? { tax_rates: rates.map(({ id }) => id) } : {};
}

/** What came of it, as Stripe shows it: the invoice that the change made, if it made one. */
function outcomeOf(subscription: Stripe.Subscription, before: Done | null): Done {
  const invoice = subscription.latest_invoice;
  if (typeof invoice !== 'object' || invoice === null || before === null) return {};
  if (invoice.id === before['invoice']) return { charged: 0, currency: invoice.currency };
  return { charged: invoice.total, currency: invoice.currency, invoice: invoice.id };
}
