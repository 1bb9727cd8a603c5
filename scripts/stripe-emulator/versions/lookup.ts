import type { Account } from '../kernel/account.ts';
import { plain } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { isShape, type Lookup, type Shape } from './shapes.ts';

/** Finds in an account what older shapes embed. */
export function lookupIn(account: Account): Lookup {
  const { store } = account;
  return {
    find(object, id) {
      const found = store.resolve(id);
      if (found === undefined) return null;
      const copy = plain(found);
      if (!isShape(copy)) return null;
      return object === 'plan' ? planOf(copy) : copy;
    },
    paymentOf(invoice) {
      const payment = store.by('invoice_payment', 'invoice', invoice).at(-1)?.payment;
      const paymentIntent = idOf(payment?.payment_intent);
      const charge = idOf(store.find('payment_intent', paymentIntent)?.latest_charge);
      return { paymentIntent, charge };
    },
    invoiceOf(paymentIntent) {
      return idOf(store.by('invoice_payment', 'payment_intent', paymentIntent).at(-1)?.invoice);
    },
  };
}

/** The legacy plan that every recurring price also is. */
function planOf(price: Shape): Shape | null {
  if (price['object'] === 'plan') return price;
  const recurring = price['recurring'];
  if (!isShape(recurring)) return null;
  return {
    id: price['id'],
    object: 'plan',
    active: price['active'],
    aggregate_usage: null,
    amount: price['unit_amount'],
    amount_decimal: price['unit_amount_decimal'],
    billing_scheme: price['billing_scheme'],
    created: price['created'],
    currency: price['currency'],
    interval: recurring['interval'],
    interval_count: recurring['interval_count'],
    livemode: false,
    metadata: price['metadata'],
    nickname: price['nickname'],
    product: price['product'],
    tiers_mode: price['tiers_mode'],
    transform_usage: price['transform_quantity'],
    trial_period_days: null,
    usage_type: recurring['usage_type'],
  };
}
