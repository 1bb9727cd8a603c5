import { resourceMissing } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';

/** Changes of a customer's legacy card: `POST /v1/customers/:id/sources/:source`. */
export function registerCardSources(registry: Registry): void {
  const change = {
    exp_month: p.int,
    exp_year: p.int,
    metadata: p.metadata,
    name: p.clearable(p.str),
  };
  registry.post('/v1/customers/:id/sources/:source', change, (ctx, params, path) => {
    const card = ctx.store.need('card', path.source);
    if (idOf(card.customer) !== path.id) throw resourceMissing('card', path.source);
    return ctx.update('card', card, {
      event: 'customer.source.updated',
      apply() {
        card.exp_month = params.exp_month ?? card.exp_month;
        card.exp_year = params.exp_year ?? card.exp_year;
        if (params.name !== undefined) card.name = params.name;
        card.metadata = mergeMetadata(card.metadata ?? {}, params.metadata);
      },
    });
  });
}
