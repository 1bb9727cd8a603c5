import { changeBalance } from '../balance/service.ts';
import { resourceMissing } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { listStored } from '../kernel/lists.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p, PAGE } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';

const creation = {
  amount: p.required(p.int),
  currency: p.required(p.currency),
  description: p.str,
  metadata: p.metadata,
};

/** A customer's balance: `/v1/customers/:id/balance_transactions`. */
export function registerCustomerBalance(registry: Registry): void {
  registry.post('/v1/customers/:id/balance_transactions', creation, (ctx, params, { id }) =>
    changeBalance(ctx, {
      customer: ctx.store.need('customer', id).id,
      amount: params.amount,
      currency: params.currency,
      type: 'adjustment',
      description: params.description ?? null,
      metadata: mergeMetadata({}, params.metadata),
    }),
  );
  registry.get(
    '/v1/customers/:id/balance_transactions',
    { ...PAGE, created: p.timeRange, invoice: p.str },
    (ctx, params, { id }) =>
      listStored(ctx, 'customer_balance_transaction', {
        url: `/v1/customers/${id}/balance_transactions`,
        page: params,
        by: ['customer', ctx.store.need('customer', id).id],
        where: (entry) => params.invoice === undefined || idOf(entry.invoice) === params.invoice,
      }),
  );
  const path = '/v1/customers/:id/balance_transactions/:entry';
  registry.get(path, {}, (ctx, _params, { id, entry }) => {
    const found = ctx.store.need('customer_balance_transaction', entry);
    if (idOf(found.customer) !== id) throw resourceMissing('customer_balance_transaction', entry);
    return found;
  });
  registry.post(
    path,
    { description: p.clearable(p.str), metadata: p.metadata },
    (ctx, params, { entry }) => {
      const found = ctx.store.need('customer_balance_transaction', entry);
      return ctx.update('customer_balance_transaction', found, {
        event: null,
        apply() {
          if (params.description !== undefined) found.description = params.description;
          found.metadata = mergeMetadata(found.metadata ?? {}, params.metadata);
        },
      });
    },
  );
}
