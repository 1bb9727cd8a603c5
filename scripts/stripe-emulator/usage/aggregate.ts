import type Stripe from 'stripe';
import type { UsageService } from '../contracts.ts';
import type { Context } from '../kernel/context.ts';
import type { MeterEventRecord } from '../kernel/objects.ts';

/** Whose usage, on which meter, from when (included) until when (excluded), in Unix seconds. */
export interface UsageWindow {
  readonly customer: string;
  readonly meter: Stripe.Billing.Meter;
  readonly from: number;
  readonly until: number;
}

/** The meter's one number for a window: sum, count, or last value. */
export function aggregate(ctx: Context, window: UsageWindow): number {
  return combine(window.meter, eventsIn(ctx, window));
}

/** The counted events of a window, oldest arrival first. */
export function eventsIn(ctx: Context, window: UsageWindow): MeterEventRecord[] {
  const { customer, meter, from, until } = window;
  return ctx.store
    .by('billing.meter_event', 'customer', customer)
    .filter(
      (event) =>
        !event.canceled &&
        event.event_name === meter.event_name &&
        event.timestamp >= from &&
        event.timestamp < until,
    );
}

/** Combines events by the meter's formula; `last` goes by timestamp, later arrivals winning ties. */
export function combine(meter: Stripe.Billing.Meter, events: readonly MeterEventRecord[]): number {
  const { formula } = meter.default_aggregation;
  if (formula === 'count') return events.length;
  if (formula === 'last') {
    let last: MeterEventRecord | undefined;
    for (const event of events)
      if (last === undefined || event.timestamp >= last.timestamp) last = event;
    return last?.value ?? 0;
  }
  const sum = events.reduce((total, event) => total + event.value, 0);
  return Number(sum.toFixed(12));
}

/** Usage as the invoice engine asks for it: by price, as a quantity that is never negative. */
export const usageService: UsageService = {
  quantity(ctx, { customer, price, from, until }) {
    const meter = ctx.store.find('billing.meter', price.recurring?.meter);
    if (meter === undefined) return 0;
    return Math.max(0, aggregate(ctx, { customer, meter, from, until }));
  },
};
