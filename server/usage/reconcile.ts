import { addsUp } from '../../state/aggregation.ts';
import { AppError } from '../http/errors.ts';
import type { Services } from '../lib/services.ts';
import { usagePeriod } from '../../state/usage-period.ts';

const DAY = 86_400_000;
const MINUTE = 60_000;

export interface Reconciliation {
  meter: string;
  /** In ms. Of what adds up whole UTC days: the present period and the rest of its first day; else whole minutes. */
  from: number;
  until: number;
  recorded: number;
  acknowledged: number;
  /** What Stripe counts; it may take a moment to count what it has just acknowledged. */
  atStripe: number;
  /** `atStripe` without what was acknowledged; 0 when all is well. */
  difference: number;
}

/** Compares a user's usage of this period with the meter's event summaries at Stripe. */
export async function reconcileUsage(
  services: Services,
  who: { userId: string; meter: string },
): Promise<Reconciliation> {
  const account = await services.usage.account(who.userId);
  const meter = await services.usage.meters.find(who.meter);
  if (!account) throw new AppError('not_found', 'This user has no Stripe customer.');
  if (!meter) throw new AppError('unknown_meter', `Stripe has no meter "${who.meter}".`);
  const now = services.clock.now();
  const step = addsUp(services.usage.aggregationOf(who.meter)) ? DAY : MINUTE;
  const from = Math.floor(usagePeriod(account, now).from / step) * step;
  const until = Math.floor(now / step) * step + step;
  const { recorded, acknowledged } = await services.usage.totals(who, { from, until });
  const span = { from: from / 1000, until: until / 1000 };
  const { customerId } = account;
  const atStripe = await services.engine.reader.read((stripe) =>
    stripe.meterTotal(meter.id, customerId, span),
  );
  const difference = atStripe - acknowledged;
  if (difference !== 0) {
    services.log.warn({ ...who, acknowledged, atStripe }, 'Stripe counts other usage than it took');
  }
  return { meter: who.meter, from, until, recorded, acknowledged, atStripe, difference };
}
