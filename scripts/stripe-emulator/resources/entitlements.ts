import { activeEntitlements } from '../entitlements/service.ts';
import { pageOf } from '../kernel/lists.ts';
import { p, PAGE } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';

/** What a customer may use: `/v1/entitlements/active_entitlements`. */
export function registerEntitlements(registry: Registry): void {
  const url = '/v1/entitlements/active_entitlements';
  registry.get(
    '/v1/entitlements/active_entitlements',
    { ...PAGE, customer: p.required(p.str) },
    (ctx, params) => {
      const customer = ctx.store.need('customer', params.customer, 'customer').id;
      return pageOf(activeEntitlements(ctx, customer), { url, page: params });
    },
  );
  registry.get('/v1/entitlements/active_entitlements/:id', {}, (ctx, _params, { id }) =>
    ctx.store.need('entitlements.active_entitlement', id),
  );
}
