import type Stripe from 'stripe';
import { invalidRequest } from '../kernel/errors.ts';
import { p } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { cancelUsage, recordUsage, type UsageResult } from '../usage/record.ts';
import { reportProblems } from '../usage/problems.ts';

const creation = {
  event_name: p.required(p.upTo(100)),
  payload: p.required(p.stringMap),
  identifier: p.str,
  timestamp: p.timestamp,
};
const adjustment = {
  event_name: p.required(p.upTo(100)),
  type: p.required(p.oneOf(['cancel'])),
  cancel: p.obj({ identifier: p.str }),
};

/** Usage: `/v1/billing/meter_events` and `/v1/billing/meter_event_adjustments`. */
export function registerMeterEvents(registry: Registry): void {
  registry.post('/v1/billing/meter_events', creation, (ctx, params): Stripe.Billing.MeterEvent => {
    const result = recordUsage(ctx, {
      eventName: params.event_name,
      identifier: params.identifier,
      timestamp: params.timestamp,
      payload: textValues(params.payload),
    });
    refuseBadTime(result);
    reportProblems(ctx, [result]);
    const {
      id: _id,
      customer: _customer,
      value: _value,
      canceled: _canceled,
      ...event
    } = result.record;
    return event;
  });
  registry.post(
    '/v1/billing/meter_event_adjustments',
    adjustment,
    (ctx, params): Stripe.Billing.MeterEventAdjustment => {
      const identifier = params.cancel?.identifier;
      if (identifier === undefined) {
        throw invalidRequest('Missing required param: cancel[identifier].', {
          param: 'cancel[identifier]',
          code: 'parameter_missing',
        });
      }
      cancelUsage(ctx, params.event_name, identifier);
      return {
        object: 'billing.meter_event_adjustment',
        cancel: { identifier },
        event_name: params.event_name,
        livemode: false,
        status: 'pending',
        type: 'cancel',
      };
    },
  );
}

/** Unset keys are left out. */
export function textValues(payload: Record<string, string | null>): Record<string, string> {
  const given = Object.entries(payload).filter(
    (entry): entry is [string, string] => entry[1] !== null,
  );
  return Object.fromEntries(given);
}

/** A time out of bounds is refused at once by the endpoints that take single events. */
export function refuseBadTime(result: UsageResult): void {
  if (result.problem === 'timestamp_in_future') {
    throw invalidRequest(
      'The timestamp of a meter event must be at most 5 minutes in the future.',
      { param: 'timestamp' },
    );
  }
  if (result.problem === 'timestamp_too_far_in_past') {
    throw invalidRequest(
      'The timestamp of a meter event must be within the past 35 calendar days.',
      { param: 'timestamp' },
    );
  }
}
