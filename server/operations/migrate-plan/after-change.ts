import { findCustomerByStripeId } from '../../../db/customers.ts';
import { findSubscription } from '../../../db/subscriptions.ts';
import { enqueueEffects } from '../../../db/outbox.ts';
import type { MigrationItem } from '../../../db/plan-migrations.ts';
import type { EffectPayloads } from '../../../state/effect-kinds.ts';
import { planOfPrice } from '../../../state/catalogue.ts';
import { intervalWords } from '../../../state/intervals.ts';
import { costsOf, unitAmountIn, type PriceCosts } from '../../../state/price-costs.ts';
import type { MigrationTarget } from '../../../state/plan-migration.ts';
import type { MigrationRun } from './change-one.ts';

/** Lets the processor read a subscription that was changed, so that the database is right at once. */
export async function readBack(run: MigrationRun, item: MigrationItem): Promise<void> {
  const { services, id } = run;
  const { subscriptionId, customerId } = item;
  try {
    await services.engine.syncSubscription({
      subscriptionId,
      customerId,
      cause: {
        type: 'request',
        id: `${id}-${subscriptionId}`,
        actor: 'system',
        at: services.clock.now(),
      },
    });
  } catch (error) {
    // The change is made; its webhook or the catch-up will tell.
    services.log.warn(
      { err: error, subscriptionId },
      'could not read a migrated subscription back',
    );
  }
}

/** Puts the notice of each change into the outbox: once per run and subscription, however often the run is resumed. */
export async function notifyCustomers(
  run: MigrationRun,
  items: AsyncIterable<MigrationItem>,
): Promise<void> {
  const { to } = run.rule;
  if (to === null) return;
  const price = costsOf(await run.ask((stripe) => stripe.retrieveFullPrice(to.priceId)));
  for await (const item of items) {
    if (item.status === 'done') await notify(run, item, { to, price });
  }
}

async function notify(
  { services, id }: MigrationRun,
  item: MigrationItem,
  { to, price }: { to: MigrationTarget; price: PriceCosts },
): Promise<void> {
  const db = services.database.knex;
  const effectiveAt = item.result?.['effectiveAt'];
  if (typeof effectiveAt !== 'number') return;
  const stored = await findSubscription(db, item.subscriptionId);
  const currency = stored?.facts.currency ?? to.currencies[0] ?? '';
  const payload: EffectPayloads['mail.price_change'] = {
    userId: (await findCustomerByStripeId(db, item.customerId))?.userId ?? null,
    customerId: item.customerId,
    plan: planOfPrice(services.catalogue, to.priceId)?.plan.id ?? null,
    effectiveAt: new Date(effectiveAt).toISOString(),
    unitAmount: unitAmountIn(price, currency),
    currency,
    interval: intervalWords({ interval: to.interval, count: to.intervalCount }),
    usageBased: to.metered ? 'yes' : null,
  };
  const effect = {
    objectId: `${id}:${item.subscriptionId}`,
    kind: 'mail.price_change' as const,
    payload,
  };
  await enqueueEffects(db, [effect], Date.now());
}
