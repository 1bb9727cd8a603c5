import type Stripe from 'stripe';
import { call } from './errors.ts';
import type { ItemChange } from './previews.ts';

export type ProrationBehavior = 'always_invoice' | 'create_prorations' | 'none';

/** A change that the seller makes, without the customer there. */
export interface MigrationChange {
  subscriptionId: string;
  items: ItemChange[];
  proration: ProrationBehavior;
  /** Seconds; only with a proration. */
  prorationDate: number | null;
  /** A new period begins now. */
  restartPeriod: boolean;
  /** False for subscriptions whose invoices are sent: nothing is charged that could fail. */
  charged: boolean;
}

/** What `migrate-plan` asks of Stripe. */
export function migrationCalls(stripe: Stripe) {
  return {
    /** A page (100) of the subscriptions on a price that have not ended. Those of a test clock are listed for it alone. */
    subscriptionsOnPrice: (
      where: { priceId: string; testClock: string | null },
      startingAfter: string | null,
    ): Promise<Stripe.ApiList<Stripe.Subscription>> =>
      call(() =>
        stripe.subscriptions.list({
          price: where.priceId,
          test_clock: where.testClock ?? undefined,
          limit: 100,
          starting_after: startingAfter ?? undefined,
        }),
      ),

    /** The invoice that such a change makes at once; without proration, the next renewal's. */
    previewMigration: (change: MigrationChange): Promise<Stripe.Invoice> =>
      call(() =>
        stripe.invoices.createPreview({
          subscription: change.subscriptionId,
          subscription_details: changeParams(change),
        }),
      ),

    /** All or nothing: `card_declined` leaves the subscription as it was. */
    migrateSubscription: (
      change: MigrationChange,
      idempotencyKey: string,
    ): Promise<Stripe.Subscription> =>
      call(() =>
        stripe.subscriptions.update(
          change.subscriptionId,
          {
            ...changeParams(change),
            payment_behavior: change.charged ? 'error_if_incomplete' : undefined,
          },
          { idempotencyKey },
        ),
      ),

    /** Classic to flexible billing; there is no way back. */
    useFlexibleBilling: (id: string, idempotencyKey: string): Promise<Stripe.Subscription> =>
      call(() =>
        stripe.subscriptions.migrate(
          id,
          { billing_mode: { type: 'flexible' } },
          { idempotencyKey },
        ),
      ),
  };
}

function changeParams(change: MigrationChange) {
  return {
    items: change.items,
    proration_behavior: change.proration,
    proration_date: change.proration === 'none' ? undefined : (change.prorationDate ?? undefined),
    billing_cycle_anchor: change.restartPeriod ? { type: 'now' as const } : undefined,
  };
}

export type MigrationCalls = ReturnType<typeof migrationCalls>;
