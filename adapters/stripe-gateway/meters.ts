import type Stripe from 'stripe';
import { call, isGatewayError } from './errors.ts';

export interface MeterEvent {
  meter: string;
  customerId: string;
  /** Whole; negative takes usage back. */
  quantity: number;
  /** Seconds. */
  timestamp: number;
  /** Stripe takes an identifier once (for a day at least). */
  identifier: string;
}

/** Usage: meters, their events and what Stripe made of them. */
export function meterCalls(stripe: Stripe) {
  return {
    /** `duplicate` when Stripe has an event of this identifier already, which is as good. */
    sendMeterEvent: async (
      event: MeterEvent,
      idempotencyKey: string,
    ): Promise<'accepted' | 'duplicate'> => {
      try {
        await call(() => stripe.billing.meterEvents.create(eventParams(event), { idempotencyKey }));
        return 'accepted';
      } catch (error) {
        if (isDuplicate(error, event.identifier)) return 'duplicate';
        throw error;
      }
    },

    /** What Stripe counts for a customer from `from` (included) to `until` (not), in seconds on the minute. */
    meterTotal: async (
      meterId: string,
      customerId: string,
      span: { from: number; until: number },
    ): Promise<number> => {
      const page = await call(() =>
        stripe.billing.meters
          .listEventSummaries(meterId, {
            customer: customerId,
            start_time: span.from,
            end_time: span.until,
            limit: 100,
          })
          .autoPagingToArray({ limit: 1_000 }),
      );
      return page.reduce((sum, summary) => sum + summary.aggregated_value, 0);
    },

    /** Lookup keys of the features that a customer is entitled to. */
    activeEntitlements: async (customerId: string): Promise<string[]> => {
      const all = await call(() =>
        stripe.entitlements.activeEntitlements
          .list({ customer: customerId, limit: 100 })
          .autoPagingToArray({ limit: 1_000 }),
      );
      return all.map((entitlement) => entitlement.lookup_key);
    },
  };
}

function eventParams(event: MeterEvent): Stripe.Billing.MeterEventCreateParams {
  return {
    event_name: event.meter,
    identifier: event.identifier,
    timestamp: event.timestamp,
    payload: { stripe_customer_id: event.customerId, value: String(event.quantity) },
  };
}

// Stripe gives it no code of its own: a plain 400 whose words name the identifier.
function isDuplicate(error: unknown, identifier: string): boolean {
  return (
    isGatewayError(error, 'invalid', 'conflict') &&
    error.status === 400 &&
    error.message.includes(identifier) &&
    /already exists/i.test(error.message)
  );
}

export type MeterCalls = ReturnType<typeof meterCalls>;
