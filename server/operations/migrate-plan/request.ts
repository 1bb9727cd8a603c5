import type { Stripe } from 'stripe';
import { isGatewayError, type ProrationBehavior } from '../../../adapters/stripe-gateway.ts';
import { costsOf } from '../../../state/price-costs.ts';
import type { MigrationRule, MigrationTarget } from '../../../state/plan-migration.ts';
import type { Services } from '../../lib/services.ts';

/** What `migrate-plan` is asked for. */
export interface MigrationRequest {
  from: string;
  /** Null: only the billing mode changes. */
  to: string | null;
  at: 'now' | 'period_end';
  proration: ProrationBehavior;
  /** Days between the notice and the change; the change waits for a later period's end if need be. */
  noticeDays: number;
  /** Seats for everybody; null keeps what each has. */
  quantity: number | null;
  /** Seats by subscription id; others are left out. Null: all are meant. */
  quantities: Record<string, number> | null;
  toFlexible: boolean;
  /** Mails each customer when and how the price changes. */
  notify: boolean;
  /** Afterwards the old price is not sold any more. */
  retire: boolean;
}

/** The request cannot be run; the message says why, and what to do. */
export class MigrationRefused extends Error {
  override name = 'MigrationRefused';
}

/** Looks at both prices; throws MigrationRefused when the move makes no sense. */
export async function migrationRule(
  services: Services,
  request: MigrationRequest,
): Promise<MigrationRule> {
  const { from, to, at, toFlexible } = request;
  if (to === null && !toFlexible) {
    throw new MigrationRefused('Say where to: --to PRICE, or --billing-mode flexible.');
  }
  if (to === from) throw new MigrationRefused('--from and --to are the same price.');
  const old = await priceAt(services, from, '--from');
  if (to === null) return { from, to, at, toFlexible };
  const target = targetOf(await priceAt(services, to, '--to'), old);
  return { from, to: target, at, toFlexible };
}

/** The same request in the same words, so that a run that was killed is found again. */
export function canonicalRequest(request: MigrationRequest): string {
  const entries = Object.entries(request).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(Object.fromEntries(entries));
}

async function priceAt(services: Services, id: string, option: string): Promise<Stripe.Price> {
  try {
    return await services.stripe.retrieveFullPrice(id);
  } catch (error) {
    if (!isGatewayError(error, 'not_found')) throw error;
    throw new MigrationRefused(
      `There is no price ${id} in this account (${option}). Is it another account’s, or of the other mode?`,
    );
  }
}

function targetOf(to: Stripe.Price, from: Stripe.Price): MigrationTarget {
  if (!to.recurring) throw new MigrationRefused(`${to.id} is a one-time price.`);
  if (!to.active) throw new MigrationRefused(`${to.id} is archived: it cannot be sold.`);
  const currencies = Object.keys(costsOf(to).costs);
  const before = Object.keys(costsOf(from).costs);
  if (!before.some((currency) => currencies.includes(currency))) {
    throw new MigrationRefused(
      `${to.id} is in ${currencies.join(', ')} and ${from.id} in ${before.join(', ')}: a subscription keeps its currency.`,
    );
  }
  return {
    priceId: to.id,
    interval: to.recurring.interval as MigrationTarget['interval'],
    intervalCount: to.recurring.interval_count,
    metered: to.recurring.usage_type === 'metered',
    currencies,
  };
}
