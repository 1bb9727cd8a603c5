import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import type { MeterEventRecord } from '../kernel/objects.ts';
import { listStored, pageOf } from '../kernel/lists.ts';
import { p, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { combine, eventsIn } from '../usage/aggregate.ts';
import { meterNamed } from '../usage/record.ts';

const creation = {
  default_aggregation: p.required(
    p.obj({ formula: p.required(p.oneOf(['count', 'last', 'sum'])) }),
  ),
  display_name: p.required(p.upTo(250)),
  event_name: p.required(p.upTo(100)),
  customer_mapping: p.obj({
    event_payload_key: p.required(p.str),
    type: p.required(p.oneOf(['by_id'])),
  }),
  event_time_window: p.oneOf(['day', 'hour']),
  value_settings: p.obj({ event_payload_key: p.required(p.str) }),
};
const cursor = { limit: p.int, starting_after: p.str, ending_before: p.str };
const summaries = {
  ...cursor,
  customer: p.required(p.str),
  start_time: p.required(p.timestamp),
  end_time: p.required(p.timestamp),
  value_grouping_window: p.oneOf(['day', 'hour']),
};

/** Billing meters: `/v1/billing/meters`. */
export function registerMeters(registry: Registry): void {
  const url = '/v1/billing/meters';
  registry.post('/v1/billing/meters', creation, createMeter);
  registry.get(
    '/v1/billing/meters',
    { ...cursor, status: p.oneOf(['active', 'inactive']) },
    (ctx, params) =>
      listStored(ctx, 'billing.meter', {
        url,
        page: params,
        where: (meter) => params.status === undefined || meter.status === params.status,
      }),
  );
  registry.get('/v1/billing/meters/:id', {}, (ctx, _params, { id }) =>
    ctx.store.need('billing.meter', id),
  );
  registry.post('/v1/billing/meters/:id', { display_name: p.str }, (ctx, params, { id }) => {
    const meter = ctx.store.need('billing.meter', id);
    return ctx.update('billing.meter', meter, {
      event: 'billing.meter.updated',
      apply() {
        if (params.display_name !== undefined) meter.display_name = params.display_name;
        meter.updated = ctx.now();
      },
    });
  });
  registry.post('/v1/billing/meters/:id/deactivate', {}, (ctx, _params, { id }) =>
    switchMeter(ctx, ctx.store.need('billing.meter', id), 'inactive'),
  );
  registry.post('/v1/billing/meters/:id/reactivate', {}, (ctx, _params, { id }) =>
    switchMeter(ctx, ctx.store.need('billing.meter', id), 'active'),
  );
  registry.get('/v1/billing/meters/:id/event_summaries', summaries, (ctx, params, { id }) =>
    listSummaries(ctx, ctx.store.need('billing.meter', id), params),
  );
}

function createMeter(ctx: Context, params: Values<typeof creation>): Stripe.Billing.Meter {
  if (meterNamed(ctx, params.event_name)?.status === 'active') {
    throw invalidRequest(
      `There is already an active meter with the event name '${params.event_name}'. You can deactivate the existing meter or use a different event name.`,
      { param: 'event_name' },
    );
  }
  const now = ctx.now();
  const meter = ctx.add('billing.meter', {
    id: ctx.store.newId('billing.meter'),
    object: 'billing.meter',
    created: now,
    customer_mapping: {
      event_payload_key: params.customer_mapping?.event_payload_key ?? 'stripe_customer_id',
      type: 'by_id',
    },
    default_aggregation: { formula: params.default_aggregation.formula },
    display_name: params.display_name,
    event_name: params.event_name,
    event_time_window: params.event_time_window ?? null,
    livemode: false,
    status: 'active',
    status_transitions: { deactivated_at: null },
    updated: now,
    value_settings: { event_payload_key: params.value_settings?.event_payload_key ?? 'value' },
  });
  ctx.emit('billing.meter.created', meter);
  return meter;
}

function switchMeter(
  ctx: Context,
  meter: Stripe.Billing.Meter,
  status: 'active' | 'inactive',
): Stripe.Billing.Meter {
  if (meter.status === status) {
    throw invalidRequest(
      `This meter is already ${status === 'active' ? 'active' : 'deactivated'}.`,
    );
  }
  const event = status === 'active' ? 'billing.meter.reactivated' : 'billing.meter.deactivated';
  return ctx.update('billing.meter', meter, {
    event,
    apply() {
      meter.status = status;
      meter.status_transitions = { deactivated_at: status === 'active' ? null : ctx.now() };
      meter.updated = ctx.now();
    },
  });
}

const SECONDS = { hour: 3600, day: 86_400 };

function listSummaries(
  ctx: Context,
  meter: Stripe.Billing.Meter,
  params: Values<typeof summaries>,
): Stripe.ApiList<Stripe.Billing.MeterEventSummary> {
  const { start_time: start, end_time: end, value_grouping_window: grouping } = params;
  const step = grouping === undefined ? 60 : SECONDS[grouping];
  for (const [param, time] of [
    ['start_time', start],
    ['end_time', end],
  ] as const) {
    if (time % step !== 0) {
      throw invalidRequest(`The ${param} must align with ${grouping ?? 'minute'} boundaries.`, {
        param,
      });
    }
  }
  if (end <= start)
    throw invalidRequest('The end_time must be after the start_time.', { param: 'end_time' });
  ctx.store.need('customer', params.customer, 'customer');
  const events = eventsIn(ctx, { customer: params.customer, meter, from: start, until: end });
  const width = grouping === undefined ? end - start : step;
  const groups = new Map<number, MeterEventRecord[]>();
  for (const event of events) {
    const index = Math.floor((event.timestamp - start) / width);
    groups.set(index, [...(groups.get(index) ?? []), event]);
  }
  const all = [...groups].map(([index, group]) => ({
    id: `mtrusg_${meter.id.slice(4, 12)}${start + index * width}`,
    object: 'billing.meter_event_summary' as const,
    aggregated_value: combine(meter, group),
    end_time: Math.min(end, start + (index + 1) * width),
    livemode: false,
    meter: meter.id,
    start_time: start + index * width,
  }));
  const newest = all.toSorted((a, b) => b.start_time - a.start_time);
  return pageOf(newest, { url: `/v1/billing/meters/${meter.id}/event_summaries`, page: params });
}
