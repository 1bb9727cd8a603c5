import type { BillingService, CreateSubscriptionParams, ItemsChange } from '../contracts.ts';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { rehearse } from '../kernel/journal.ts';
import { automaticTax } from '../taxes/automatic.ts';
import { cancelSubscription, setCancellation } from './cancel.ts';
import { reschedule } from './due-dates.ts';
import { createInvoice, payInvoice } from './one-off.ts';
import { finishResume, pauseSubscription } from './pause.ts';
import { onPayment, onSetupSucceeded } from './payment-news.ts';
import { createSubscription, type NewSubscription } from './subscription-create.ts';
import { applyPendingUpdate, updateSubscription } from './subscription-update.ts';
import { recompute } from './totals.ts';

function newSubscription(params: CreateSubscriptionParams): NewSubscription {
  return {
    ...params,
    trialFromPlan: false,
    currency: params.currency ?? null,
    paymentBehavior: 'allow_incomplete',
    offSession: false,
    collectionMethod: params.collectionMethod ?? 'charge_automatically',
    daysUntilDue: params.daysUntilDue ?? null,
    defaultTaxRates: params.defaultTaxRates ?? [],
    decorate(subscription) {
      subscription.default_payment_method = params.defaultPaymentMethod;
      subscription.description = params.description;
      subscription.automatic_tax = automaticTax(params.automaticTax ?? false);
    },
  };
}

function updateItems(
  ctx: Context,
  subscription: Parameters<BillingService['updateItems']>[1],
  change: ItemsChange,
): typeof subscription {
  const named = new Set(change.items.flatMap((item) => (item.id === undefined ? [] : [item.id])));
  const gone = change.replace
    ? subscription.items.data
        .filter((item) => !named.has(item.id))
        .map((item) => ({ id: item.id, deleted: true }))
    : [];
  updateSubscription(ctx, subscription, {
    items: [...change.items, ...gone],
    prorationBehavior: change.prorationBehavior,
    prorationDate: change.prorationDate,
    resetAnchor: change.billingCycleAnchor === 'now',
    trialEnd: null,
    paymentBehavior: 'allow_incomplete',
    offSession: true,
    decorate: () => undefined,
  });
  return subscription;
}

/** What the billing engine does for the other parts. */
export const billing: BillingService = {
  createSubscription: (ctx, params) => createSubscription(ctx, newSubscription(params)),
  quoteSubscription: (ctx, params) =>
    rehearse(ctx, params.customer, () => {
      const subscription = createSubscription(ctx, newSubscription(params));
      const invoice = ctx.store.find('invoice', idOf(subscription.latest_invoice));
      return {
        amountDue: invoice?.amount_due ?? 0,
        currency: subscription.currency,
        subtotal: invoice?.subtotal ?? 0,
        total: invoice?.total ?? 0,
      };
    }),
  onPayment,
  onSetupSucceeded,
  payInvoice,
  createInvoice,
  cancelSubscription,
  updateItems,
  setCancellation,
  recompute,
  pauseSubscription,
  finishResume,
  applyPendingUpdate,
  reschedule,
};
