import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { listStored } from '../kernel/lists.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import {
  applyPhase,
  end,
  plan,
  registerScheduleJobs,
  release,
  start,
} from '../schedules/engine.ts';
import {
  createParams,
  updateParams,
  type CreateParams,
  type DefaultSettings,
  type UpdateParams,
} from '../schedules/params.ts';
import { automaticTax } from '../taxes/automatic.ts';
import { attachSchedule, newSchedule } from '../schedules/from-subscription.ts';
import { buildPhases, phaseAt } from '../schedules/phases.ts';
import { defaultMode } from '../billing/subscription-object.ts';
import { billingMode } from './subscriptions.ts';

type Schedule = Stripe.SubscriptionSchedule;
const url = '/v1/subscription_schedules';
const page = {
  limit: p.int,
  starting_after: p.str,
  ending_before: p.str,
  created: p.timeRange,
  customer: p.str,
  customer_account: p.unserved,
  canceled_at: p.timeRange,
  completed_at: p.timeRange,
  released_at: p.timeRange,
  scheduled: p.bool,
};

/** Subscription schedules: `/v1/subscription_schedules`. */
export function registerSubscriptionSchedules(registry: Registry): void {
  registerScheduleJobs(registry);
  registry.post('/v1/subscription_schedules', createParams, (ctx, params) =>
    params.from_subscription === undefined
      ? createSchedule(ctx, params)
      : fromSubscription(ctx, params, params.from_subscription),
  );
  registry.get('/v1/subscription_schedules', page, (ctx, params) =>
    listStored(ctx, 'subscription_schedule', {
      url,
      page: params,
      ...(params.customer === undefined
        ? {}
        : { by: ['customer', params.customer] as ['customer', string] }),
      where: (schedule) => params.scheduled !== true || schedule.status === 'not_started',
    }),
  );
  registry.get('/v1/subscription_schedules/:id', {}, (ctx, _params, { id }) =>
    ctx.store.need('subscription_schedule', id),
  );
  registry.post('/v1/subscription_schedules/:id', updateParams, (ctx, params, { id }) =>
    updateSchedule(ctx, ctx.store.need('subscription_schedule', id), params),
  );
  registry.post(
    '/v1/subscription_schedules/:id/release',
    { preserve_cancel_date: p.unserved },
    (ctx, _params, { id }) => {
      const schedule = ctx.store.need('subscription_schedule', id);
      refuseEnded(schedule, 'release');
      return release(ctx, schedule, ctx.nowFor(idOf(schedule.customer)));
    },
  );
  registry.post(
    '/v1/subscription_schedules/:id/cancel',
    { invoice_now: p.bool, prorate: p.bool },
    (ctx, params, { id }) => {
      const schedule = ctx.store.need('subscription_schedule', id);
      refuseEnded(schedule, 'cancel');
      const subscription = ctx.store.find('subscription', idOf(schedule.subscription));
      end(ctx, schedule, 'subscription_schedule.canceled');
      if (subscription !== undefined && subscription.status !== 'canceled') {
        ctx.services.billing.cancelSubscription(ctx, subscription, {
          invoiceNow: params.invoice_now ?? true,
          prorate: params.prorate ?? true,
          reason: 'cancellation_requested',
        });
      }
      return schedule;
    },
  );
}

function refuseEnded(schedule: Schedule, verb: string): void {
  if (schedule.status === 'active' || schedule.status === 'not_started') return;
  throw invalidRequest(
    `You cannot ${verb} a subscription schedule that is currently in the \`${schedule.status}\` status.${verb === 'update' ? '' : ' It must be in one of the following statuses: `not_started`, `active`.'}`,
    verb === 'update' ? {} : { param: 'schedule' },
  );
}

function fromSubscription(ctx: Context, params: CreateParams, id: string): Schedule {
  const { from_subscription: _from, ...others } = params;
  if (Object.values(others).some((value) => value !== undefined)) {
    throw invalidRequest(
      'You cannot set other parameters when creating a subscription schedule with `from_subscription`.',
      {
        param: 'from_subscription',
      },
    );
  }
  const subscription = ctx.store.need('subscription', id, 'from_subscription');
  if (subscription.schedule !== null) {
    throw invalidRequest(
      `You cannot migrate a subscription that is already attached to a schedule: \`${idOf(subscription.schedule)}\`.`,
      { param: 'from_subscription' },
    );
  }
  if (subscription.status === 'canceled' || subscription.status === 'incomplete_expired') {
    throw invalidRequest(
      `You cannot migrate a subscription in the \`${subscription.status}\` status.`,
      { param: 'from_subscription' },
    );
  }
  return attachSchedule(ctx, subscription);
}

function createSchedule(ctx: Context, params: CreateParams): Schedule {
  if (params.customer === undefined) throw missing('customer');
  if (params.phases === undefined || params.phases.length === 0) throw missing('phases');
  ctx.store.need('customer', params.customer, 'customer');
  const now = ctx.nowFor(params.customer);
  const begins =
    params.start_date === undefined || params.start_date === 'now' ? now : params.start_date;
  const phases = buildPhases(ctx, params.phases, { start: begins });
  const mode =
    params.billing_mode === undefined ? defaultMode(ctx) : billingMode(params.billing_mode);
  const schedule = newSchedule(ctx, { customer: params.customer, mode });
  schedule.phases = phases;
  schedule.end_behavior = params.end_behavior ?? 'release';
  schedule.metadata = mergeMetadata({}, params.metadata);
  applyDefaults(schedule, params.default_settings);
  ctx.emit('subscription_schedule.created', schedule);
  if (begins <= now) start(ctx, schedule, now);
  else plan(ctx, schedule);
  return schedule;
}

function missing(param: string): Error {
  return invalidRequest(`Missing required param: ${param}.`, { param, code: 'parameter_missing' });
}

function applyDefaults(schedule: Schedule, given: DefaultSettings | undefined): void {
  if (given === undefined) return;
  const settings = schedule.default_settings;
  if (given.automatic_tax !== undefined)
    settings.automatic_tax = automaticTax(given.automatic_tax.enabled);
  settings.billing_cycle_anchor = given.billing_cycle_anchor ?? settings.billing_cycle_anchor;
  settings.collection_method = given.collection_method ?? settings.collection_method;
  settings.default_payment_method = given.default_payment_method ?? settings.default_payment_method;
  if (given.description !== undefined) settings.description = given.description;
  if (given.invoice_settings?.days_until_due !== undefined) {
    settings.invoice_settings.days_until_due = given.invoice_settings.days_until_due;
  }
}

function updateSchedule(ctx: Context, schedule: Schedule, params: UpdateParams): Schedule {
  refuseEnded(schedule, 'update');
  const now = ctx.nowFor(idOf(schedule.customer));
  const phases =
    params.phases === undefined
      ? undefined
      : newPhases(ctx, schedule, { given: params.phases, now });
  ctx.update('subscription_schedule', schedule, {
    event: 'subscription_schedule.updated',
    apply() {
      if (phases !== undefined) schedule.phases = phases;
      schedule.end_behavior = params.end_behavior ?? schedule.end_behavior;
      schedule.metadata = mergeMetadata(schedule.metadata ?? {}, params.metadata);
      applyDefaults(schedule, params.default_settings);
      const current = schedule.status === 'active' ? phaseAt(schedule, now) : undefined;
      if (current !== undefined)
        schedule.current_phase = { start_date: current.start_date, end_date: current.end_date };
    },
  });
  const current = schedule.status === 'active' ? phaseAt(schedule, now) : undefined;
  if (phases !== undefined && current !== undefined) {
    applyPhase(ctx, schedule, {
      phase: current,
      prorationBehavior: params.proration_behavior ?? 'create_prorations',
    });
  }
  plan(ctx, schedule);
  return schedule;
}

/** A subscription keeps the currency that it has. */
const currencyOf = ({ phases }: Schedule) => phases[0]?.currency;

type GivenPhases = NonNullable<UpdateParams['phases']>;

/** The current phase may not move its start; phases that are over may be left out. */
function newPhases(
  ctx: Context,
  schedule: Schedule,
  { given, now }: { given: GivenPhases; now: number },
): Schedule['phases'] {
  const first = given[0]?.start_date;
  const current = schedule.current_phase;
  if (current === null) {
    const begins = first === 'now' ? now : (first ?? schedule.phases[0]?.start_date ?? now);
    return buildPhases(ctx, given, { start: begins, currency: currencyOf(schedule) });
  }
  const known = schedule.phases.map((phase) => phase.start_date);
  if (first === undefined) throw missing('phases[0][start_date]');
  if (first === 'now' || !known.includes(first) || first > current.start_date) {
    throw invalidRequest('You can not modify the start date of the current phase.', {
      param: 'phases[0][start_date]',
    });
  }
  return buildPhases(ctx, given, { start: first, currency: currencyOf(schedule) });
}
