import { formulaOf, type Aggregation } from '../../state/aggregation.ts';
import type { KnownMeter, MeterDirectory } from '../lib/usage-types.ts';
import type { StripeGateway } from '../../adapters/stripe-gateway.ts';

const MAX_AGE_MS = 10 * 60_000;

/**
 * Stripe accepts events of meters that do not exist and forgets them, and counts them by the meter's formula; so nothing is
 * sent that would count in another way than the plans file says.
 */
export function createMeterDirectory(
  stripe: Pick<StripeGateway, 'listMeters'>,
  aggregations: ReadonlyMap<string, Aggregation>,
): MeterDirectory {
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
        ordered.map((meter) => {
          const formula = formulaOf(aggregations.get(meter.event_name) ?? 'sum');
          return [meter.event_name, { id: meter.id, problem: problemOf(meter, formula) }];
        }),
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

interface MeterSettings {
  status: string | null;
  default_aggregation: { formula: string };
  event_time_window: string | null;
  customer_mapping: { event_payload_key: string };
  value_settings: { event_payload_key: string };
}

function problemOf(meter: MeterSettings, formula: 'sum' | 'last'): string | null {
  if (meter.status !== 'active') return 'the meter is archived at Stripe: reactivate it';
  if (meter.default_aggregation.formula !== formula) {
    return `the meter's formula is "${meter.default_aggregation.formula}"; make one with "${formula}"`;
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
