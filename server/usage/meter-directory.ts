import type { KnownMeter, MeterDirectory } from '../lib/usage-types.ts';
import type { StripeGateway } from '../../adapters/stripe-gateway.ts';

const MAX_AGE_MS = 10 * 60_000;

/**
 * Stripe accepts events of meters that do not exist and forgets them, and counts events instead of adding
 * quantities where the meter says so; so nothing is sent that would not be added up.
 */
export function createMeterDirectory(stripe: Pick<StripeGateway, 'listMeters'>): MeterDirectory {
  let known = new Map<string, KnownMeter>();
  let readAt = 0;
  let reading: Promise<void> | null = null;

  async function read(): Promise<void> {
    try {
      const meters = await stripe.listMeters();
      // An archived meter may have the name of an active one.
      const ordered = meters.toSorted(
        (a, b) => Number(b.status !== 'active') - Number(a.status !== 'active'),
      );
      known = new Map(
        ordered.map((meter) => [meter.event_name, { id: meter.id, problem: problemOf(meter) }]),
      );
      readAt = Date.now();
    } finally {
      reading = null;
    }
  }

  return {
    async find(meter) {
      const found = known.get(meter);
      const fresh = Date.now() - readAt < MAX_AGE_MS;
      if (found?.problem !== null || !fresh) await (reading ??= read());
      return known.get(meter) ?? null;
    },
    forget: () => {
      readAt = 0;
    },
  };
}

function problemOf(meter: {
  status: string | null;
  default_aggregation: { formula: string };
  event_time_window: string | null;
  customer_mapping: { event_payload_key: string };
  value_settings: { event_payload_key: string };
}): string | null {
  if (meter.status !== 'active') return 'the meter is archived at Stripe: reactivate it';
  if (meter.default_aggregation.formula !== 'sum') {
    return `the meter's formula is "${meter.default_aggregation.formula}"; make one with "sum"`;
  }
  if (meter.event_time_window !== null) {
    return 'the meter takes pre-aggregated events, of which a later one replaces an earlier; make one that takes raw events';
  }
  if (
    meter.customer_mapping.event_payload_key !== 'stripe_customer_id' ||
    meter.value_settings.event_payload_key !== 'value'
  ) {
    return 'the meter has payload keys of its own; make one with stripe_customer_id and value';
  }
  return null;
}
