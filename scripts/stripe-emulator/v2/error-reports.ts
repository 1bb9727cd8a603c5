import type { Context } from '../kernel/context.ts';
import { randomText } from '../kernel/ids.ts';
import type { UsageProblem, UsageResult } from '../usage/record.ts';
import type { ThinEvent } from './thin-events.ts';

const TEXTS: Record<UsageProblem, string> = {
  archived_meter: 'The meter of this event is deactivated.',
  meter_event_customer_not_found: 'No customer found for the id in the payload.',
  meter_event_invalid_value: 'The value of the event is missing or not a decimal number.',
  meter_event_no_customer_defined: 'The payload names no customer.',
  no_meter: 'There is no meter with this event name.',
  timestamp_in_future: 'The timestamp is more than 5 minutes in the future.',
  timestamp_too_far_in_past: 'The timestamp is more than 35 days in the past.',
};

type Problem = UsageResult & { problem: UsageProblem };

/** The thin events that report usage which was accepted but could not be counted: one per meter. */
export function errorReports(ctx: Context, results: readonly UsageResult[]): ThinEvent[] {
  const failed = results.filter((result): result is Problem => result.problem !== null);
  const meters = new Map<string | null, Problem[]>();
  for (const result of failed) {
    const key = result.problem === 'no_meter' ? null : (result.meter?.id ?? null);
    meters.set(key, [...(meters.get(key) ?? []), result]);
  }
  return [...meters].map(([meter, problems]) => report(ctx, meter, problems));
}

function report(ctx: Context, meter: string | null, problems: readonly Problem[]): ThinEvent {
  const now = new Date().toISOString();
  const codes = [...new Set(problems.map(({ problem }) => problem))];
  const count = problems.length;
  return {
    id: `evt_test_${randomText(24)}`,
    object: 'v2.core.event',
    type: `v1.billing.meter.${meter === null ? 'no_meter_found' : 'error_report_triggered'}`,
    created: now,
    livemode: false,
    context: null,
    reason:
      ctx.request === null
        ? null
        : {
            type: 'request',
            request: { id: ctx.request.id, idempotency_key: ctx.request.idempotencyKey },
          },
    related_object:
      meter === null
        ? null
        : { id: meter, type: 'billing.meter', url: `/v1/billing/meters/${meter}` },
    data: {
      developer_message_summary: `There ${count === 1 ? 'is 1 invalid event' : `are ${count} invalid events`}`,
      reason: {
        error_count: count,
        error_types: codes.map((code) => {
          const same = problems.filter(({ problem }) => problem === code);
          return {
            code,
            error_count: same.length,
            sample_errors: same.slice(0, 5).map(({ record }) => ({
              error_message: TEXTS[code],
              request: { identifier: record.identifier },
            })),
          };
        }),
      },
      validation_start: now,
      validation_end: now,
    },
  };
}
