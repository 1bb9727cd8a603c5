import { idOf } from '../kernel/ids.ts';
import { listStored } from '../kernel/lists.ts';
import { p, PAGE } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';

/** `/v1/balance_transactions`, and its older name `/v1/balance/history`. */
export function registerBalanceTransactions(registry: Registry): void {
  const filters = {
    ...PAGE,
    created: p.timeRange,
    currency: p.currency,
    payout: p.str,
    source: p.str,
    type: p.str,
  };
  for (const url of ['/v1/balance_transactions', '/v1/balance/history'] as const) {
    registry.get(url, filters, (ctx, params) =>
      listStored(ctx, 'balance_transaction', {
        url: '/v1/balance_transactions',
        page: params,
        where: (entry) =>
          (params.currency ?? entry.currency) === entry.currency &&
          (params.type ?? entry.type) === entry.type &&
          (params.source === undefined || idOf(entry.source) === params.source),
      }),
    );
    registry.get(`${url}/:id`, {}, (ctx, _params, { id }) =>
      ctx.store.need('balance_transaction', id),
    );
  }
}
