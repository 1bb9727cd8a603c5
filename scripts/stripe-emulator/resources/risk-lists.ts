import { resourceMissing } from '../kernel/errors.ts';
import { p, PAGE, type Fields } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';

const LISTS: Record<string, { params: Fields; noun: string }> = {
  '/v1/radar/early_fraud_warnings': {
    params: { ...PAGE, charge: p.str, created: p.timeRange, payment_intent: p.str },
    noun: 'early_fraud_warning',
  },
  '/v1/reviews': { params: { ...PAGE, created: p.timeRange }, noun: 'review' },
};

/** What a bank or Radar would report: nothing does here, so the lists that a full sync reads are empty. */
export function registerRiskLists(registry: Registry): void {
  for (const [url, { params, noun }] of Object.entries(LISTS)) {
    registry.get(url, params, () => ({ object: 'list', url, has_more: false, data: [] }));
    registry.get(`${url}/:id`, {}, (_ctx, _params, { id }) => {
      throw resourceMissing(noun, id);
    });
  }
}
