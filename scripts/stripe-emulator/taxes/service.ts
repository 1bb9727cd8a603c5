import type { TaxService } from '../contracts.ts';
import { addTaxId } from '../resources/tax-ids.ts';

/** Taxes by manual rates: inclusive rates are taken out of the amount first, exclusive ones come on top of the rest. */
export const taxService: TaxService = {
  onAmount(ctx, amount, ids) {
    const rates = ids.map((id) => ctx.store.need('tax_rate', id, 'tax_rates'));
    const inside = rates
      .filter((rate) => rate.inclusive)
      .reduce((sum, rate) => sum + rate.percentage, 0);
    const net = amount / (1 + inside / 100);
    return rates.map((rate) => ({
      taxRate: rate.id,
      amount: half((net * rate.percentage) / 100),
      inclusive: rate.inclusive,
      taxableAmount: rate.inclusive ? half(net) : amount,
    }));
  },
  addTaxId,
};

function half(amount: number): number {
  return Math.sign(amount) * Math.round(Number(Math.abs(amount).toFixed(6)));
}
