import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { randomText } from '../kernel/ids.ts';
import type { MeterEventRecord } from '../kernel/objects.ts';

/** Why an accepted event counts for nothing: what the thin error report calls it. */
export type UsageProblem =
  | 'archived_meter'
  | 'meter_event_customer_not_found'
  | 'meter_event_invalid_value'
  | 'meter_event_no_customer_defined'
  | 'no_meter'
  | 'timestamp_in_future'
  | 'timestamp_too_far_in_past';

/** One reported event; `timestamp` in Unix seconds. */
export interface UsageReport {
  readonly eventName: string;
  readonly identifier: string | undefined;
  readonly timestamp: number | undefined;
  readonly payload: Record<string, string>;
}

export type UsageResult =
  | {
      readonly record: MeterEventRecord;
      readonly problem: null;
      readonly meter: Stripe.Billing.Meter;
    }
  | {
      readonly record: MeterEventRecord;
      readonly problem: UsageProblem;
      readonly meter: Stripe.Billing.Meter | null;
    };

const DAY = 86_400;

/**
 * Takes in one usage event. A repeated identifier throws Stripe's 400; other faults are a problem in the result,
 * because Stripe accepts such events and reports them later.
 */
export function recordUsage(ctx: Context, report: UsageReport): UsageResult {
  const identifier = report.identifier ?? randomText(32);
  const id = `meter event ${identifier}`;
  if (ctx.store.find('billing.meter_event', id) !== undefined) {
    throw invalidRequest(`An event already exists with identifier ${identifier}.`);
  }
  const meter = meterNamed(ctx, report.eventName);
  const customer =
    report.payload[meter?.customer_mapping.event_payload_key ?? 'stripe_customer_id'];
  const now = ctx.nowFor(customer);
  const record: MeterEventRecord = {
    id,
    object: 'billing.meter_event',
    canceled: false,
    created: now,
    customer: customer ?? '',
    event_name: report.eventName,
    identifier,
    livemode: false,
    payload: report.payload,
    timestamp: report.timestamp ?? now,
    value: 0,
  };
  if (meter === null) return { record, problem: 'no_meter', meter };
  const problem = problemOf(ctx, record, { meter, now });
  if (problem !== null) return { record, problem, meter };
  record.value = Number(report.payload[meter.value_settings.event_payload_key] ?? 0);
  ctx.add('billing.meter_event', record);
  return { record, problem, meter };
}

function problemOf(
  ctx: Context,
  record: MeterEventRecord,
  { meter, now }: { meter: Stripe.Billing.Meter; now: number },
): UsageProblem | null {
  if (meter.status !== 'active') return 'archived_meter';
  if (record.customer === '') return 'meter_event_no_customer_defined';
  if (ctx.store.find('customer', record.customer) === undefined)
    return 'meter_event_customer_not_found';
  if (record.timestamp > now + 300) return 'timestamp_in_future';
  if (record.timestamp < now - 35 * DAY) return 'timestamp_too_far_in_past';
  const value = record.payload[meter.value_settings.event_payload_key];
  const counted = meter.default_aggregation.formula === 'count';
  if (value === undefined) return counted ? null : 'meter_event_invalid_value';
  return /^-?\d+(\.\d{1,12})?$/.test(value) ? null : 'meter_event_invalid_value';
}

/** The meter of an event name; an active one before an archived one. */
export function meterNamed(ctx: Context, eventName: string): Stripe.Billing.Meter | null {
  let archived: Stripe.Billing.Meter | null = null;
  for (const meter of ctx.store.of('billing.meter').newestFirst()) {
    if (meter.event_name !== eventName) continue;
    if (meter.status === 'active') return meter;
    archived ??= meter;
  }
  return archived;
}

/** Takes a recorded event back, within 24 hours of its arrival. */
export function cancelUsage(ctx: Context, eventName: string, identifier: string): void {
  const record = ctx.store.find('billing.meter_event', `meter event ${identifier}`);
  if (record === undefined || record.event_name !== eventName) {
    throw invalidRequest(`No meter event found with identifier ${identifier}.`, {
      param: 'cancel[identifier]',
      code: 'resource_missing',
    });
  }
  if (record.canceled) throw invalidRequest(`The meter event ${identifier} was already cancelled.`);
  if (ctx.nowFor(record.customer) - record.created > DAY) {
    throw invalidRequest('Meter events can only be cancelled within 24 hours of their receipt.');
  }
  record.canceled = true;
  ctx.account.revision += 1;
}
