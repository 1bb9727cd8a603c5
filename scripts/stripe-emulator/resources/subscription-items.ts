import type Stripe from 'stripe';
import type { ItemUpdate } from '../billing/items-change.ts';
import { updateSubscription } from '../billing/subscription-update.ts';
import type { Context } from '../kernel/context.ts';
import { pageOf } from '../kernel/lists.ts';
import { p, PAGE, paramsOf, type Values } from '../kernel/params.ts';
import { invalidRequest } from '../kernel/errors.ts';
import type { Registry } from '../kernel/registry.ts';
import { priceOf } from './subscription-fields.ts';
import { itemFields, paymentBehavior, prorationBehavior } from './subscription-params.ts';

const how = {
  payment_behavior: paymentBehavior,
  proration_behavior: prorationBehavior,
  proration_date: p.timestamp,
};
const createParams = paramsOf<Stripe.SubscriptionItemCreateParams>()({
  ...itemFields,
  ...how,
  subscription: p.required(p.str),
});
const updateParams = paramsOf<Stripe.SubscriptionItemUpdateParams>()({
  ...itemFields,
  ...how,
  off_session: p.bool,
});
const deleteParams = paramsOf<Stripe.SubscriptionItemDeleteParams>()({
  ...how,
  clear_usage: p.unserved,
});

/** `/v1/subscription_items` */
export function registerSubscriptionItems(registry: Registry): void {
  registry.post('/v1/subscription_items', createParams, create);
  registry.get(
    '/v1/subscription_items',
    { ...PAGE, subscription: p.required(p.str) },
    (ctx, params) => {
      const subscription = ctx.store.need('subscription', params.subscription, 'subscription');
      return pageOf(subscription.items.data, {
        url: '/v1/subscription_items',
        page: params,
        kind: 'subscription_item',
      });
    },
  );
  registry.get('/v1/subscription_items/:id', {}, (ctx, _params, path) => {
    const item = ctx.store.find('subscription_item', path.id);
    if (item === undefined) throw invalidRequest(`Invalid subscription_item id: ${path.id}`);
    return item;
  });
  registry.post('/v1/subscription_items/:id', updateParams, (ctx, params, path) => {
    const item = ctx.store.need('subscription_item', path.id);
    change(ctx, item.subscription, {
      update: { ...updateOf(ctx, params), id: item.id },
      how: params,
    });
    return item;
  });
  registry.delete('/v1/subscription_items/:id', deleteParams, (ctx, params, path) => {
    const item = ctx.store.need('subscription_item', path.id);
    change(ctx, item.subscription, { update: { id: item.id, deleted: true }, how: params });
    return { id: item.id, object: 'subscription_item', deleted: true };
  });
}

function updateOf(ctx: Context, params: Partial<Values<typeof itemFields>>): ItemUpdate {
  return {
    price: priceOf(ctx, params, 'price'),
    quantity: params.quantity,
    metadata: params.metadata,
    taxRates: params.tax_rates === undefined ? undefined : (params.tax_rates ?? []),
  };
}

function create(ctx: Context, params: Values<typeof createParams>): Stripe.SubscriptionItem {
  const subscription = ctx.store.need('subscription', params.subscription, 'subscription');
  change(ctx, subscription.id, { update: updateOf(ctx, params), how: params });
  return subscription.items.data.at(-1) ?? ctx.store.need('subscription_item', '');
}

function change(
  ctx: Context,
  id: string,
  given: { update: ItemUpdate; how: Partial<Values<typeof how>> & { off_session?: boolean } },
): void {
  const { update, how: params } = given;
  updateSubscription(ctx, ctx.store.need('subscription', id), {
    items: [update],
    prorationBehavior: params.proration_behavior ?? 'create_prorations',
    prorationDate: params.proration_date ?? null,
    resetAnchor: false,
    trialEnd: null,
    paymentBehavior: params.payment_behavior ?? 'allow_incomplete',
    offSession: params.off_session ?? false,
    decorate: () => undefined,
  });
}
