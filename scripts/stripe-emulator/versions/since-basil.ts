import { at, drop, embedded, first, isShape, refId, type Lookup, type Shape } from './shapes.ts';

/** What breaking versions since basil changed, undone object by object: `before` names the version that changed it. */
export interface Step {
  readonly before: string;
  readonly object: string;
  undo(shape: Shape, lookup: Lookup): void;
}

const UI_MODES: Record<string, string> = {
  hosted_page: 'hosted',
  embedded_page: 'embedded',
  elements: 'custom',
};

export const SINCE_BASIL: readonly Step[] = [
  {
    before: '2026-03-25',
    object: 'checkout.session',
    undo(shape) {
      shape['ui_mode'] = UI_MODES[String(shape['ui_mode'])] ?? shape['ui_mode'];
    },
  },
  {
    before: '2025-09-30',
    object: 'discount',
    undo(shape, lookup) {
      shape['coupon'] = embedded(lookup, 'coupon', at(shape, 'source')['coupon']);
      drop(shape, 'source');
    },
  },
  {
    before: '2025-09-30',
    object: 'promotion_code',
    undo(shape, lookup) {
      shape['coupon'] = embedded(lookup, 'coupon', at(shape, 'promotion')['coupon']);
      drop(shape, 'promotion');
    },
  },
  { before: '2025-03-31', object: 'subscription', undo: subscription },
  { before: '2025-03-31', object: 'invoice', undo: invoice },
  { before: '2025-03-31', object: 'line_item', undo: lineItem },
  { before: '2025-03-31', object: 'invoiceitem', undo: invoiceItem },
  {
    before: '2025-03-31',
    object: 'price',
    undo(shape) {
      if (isShape(shape['recurring'])) shape['recurring']['aggregate_usage'] ??= null;
    },
  },
  {
    before: '2025-03-31',
    object: 'plan',
    undo(shape) {
      shape['aggregate_usage'] ??= null;
    },
  },
  {
    before: '2025-03-31',
    object: 'payment_intent',
    undo(shape, lookup) {
      shape['invoice'] = lookup.invoiceOf(String(shape['id']));
    },
  },
  {
    before: '2025-03-31',
    object: 'charge',
    undo(shape, lookup) {
      const intent = refId(shape['payment_intent']);
      shape['invoice'] = intent === null ? null : lookup.invoiceOf(intent);
    },
  },
  {
    before: '2025-03-31',
    object: 'checkout.session',
    undo(shape) {
      shape['shipping_details'] = at(shape, 'collected_information')['shipping_details'] ?? null;
    },
  },
  {
    before: '2025-03-31',
    object: 'credit_note',
    undo(shape) {
      const refund = first(shape['refunds']);
      shape['refund'] = refund === undefined ? null : refId(at({ refund }, 'refund')['refund']);
      shape['tax_amounts'] = shape['total_taxes'] ?? [];
      drop(shape, 'refunds', 'total_taxes');
    },
  },
];

function firstDiscount(shape: Shape, lookup: Lookup): Shape | null {
  return embedded(lookup, 'discount', first(shape['discounts']));
}

function subscription(shape: Shape, lookup: Lookup): void {
  const items: unknown = at(shape, 'items')['data'];
  const periods = Array.isArray(items) ? items.map((item: unknown) => at({ item }, 'item')) : [];
  shape['current_period_start'] = latest(periods, 'current_period_start');
  shape['current_period_end'] = latest(periods, 'current_period_end');
  shape['discount'] = firstDiscount(shape, lookup);
  for (const period of periods) drop(period, 'current_period_start', 'current_period_end');
}

function latest(shapes: readonly Shape[], key: string): number | null {
  const times = shapes.map((shape) => shape[key]).filter((time) => typeof time === 'number');
  return times.length === 0 ? null : Math.max(...times);
}

function invoice(shape: Shape, lookup: Lookup): void {
  const details = at(shape, 'parent', 'subscription_details');
  const { paymentIntent, charge } = lookup.paymentOf(String(shape['id']));
  const paid = shape['status'] === 'paid';
  const taxes: unknown = shape['total_taxes'];
  shape['subscription'] = refId(details['subscription']);
  shape['subscription_details'] = { metadata: details['metadata'] ?? null };
  shape['payment_intent'] = paymentIntent;
  shape['charge'] = charge;
  shape['paid'] = paid;
  shape['paid_out_of_band'] = paid && paymentIntent === null && Number(shape['amount_due']) > 0;
  shape['discount'] = firstDiscount(shape, lookup);
  shape['quote'] = refId(at(shape, 'parent', 'quote_details')['quote']);
  shape['tax'] = Array.isArray(taxes) && taxes.length > 0 ? sum(taxes) : null;
  shape['total_tax_amounts'] = taxes ?? [];
  shape['application_fee_amount'] = null;
  shape['transfer_data'] = null;
  drop(shape, 'parent', 'payments', 'confirmation_secret', 'amount_overpaid', 'total_taxes');
}

function sum(taxes: readonly unknown[]): number {
  return taxes.reduce<number>((total, tax) => total + Number(at({ tax }, 'tax')['amount'] ?? 0), 0);
}

function lineItem(shape: Shape, lookup: Lookup): void {
  const byItem = at(shape, 'parent', 'subscription_item_details');
  const details = { ...at(shape, 'parent', 'invoice_item_details'), ...byItem };
  const price = embedded(lookup, 'price', at(shape, 'pricing', 'price_details')['price']);
  const item = refId(details['invoice_item']);
  shape['type'] = item === null ? 'subscription' : 'invoiceitem';
  if (item !== null) shape['invoice_item'] = item;
  shape['proration'] = details['proration'] ?? false;
  shape['proration_details'] = details['proration_details'] ?? { credited_items: null };
  shape['subscription'] = refId(details['subscription']);
  shape['subscription_item'] = details['subscription_item'] ?? null;
  shape['price'] = price;
  shape['plan'] = price === null ? null : lookup.find('plan', String(price['id']));
  shape['tax_amounts'] = shape['taxes'] ?? [];
  shape['tax_rates'] = [];
  shape['amount_excluding_tax'] = shape['amount'];
  shape['unit_amount_excluding_tax'] = at(shape, 'pricing')['unit_amount_decimal'] ?? null;
  drop(shape, 'parent', 'pricing', 'taxes');
}

function invoiceItem(shape: Shape, lookup: Lookup): void {
  const details = at(shape, 'parent', 'subscription_details');
  const price = embedded(lookup, 'price', at(shape, 'pricing', 'price_details')['price']);
  const unit = at(shape, 'pricing')['unit_amount_decimal'] ?? null;
  shape['subscription'] = refId(details['subscription']);
  shape['subscription_item'] = details['subscription_item'] ?? null;
  shape['price'] = price;
  shape['plan'] = price === null ? null : lookup.find('plan', String(price['id']));
  shape['unit_amount_decimal'] = unit;
  shape['unit_amount'] = unit === null ? null : Math.round(Number(unit));
  drop(shape, 'parent', 'pricing');
}
