import { p, type Values } from '../kernel/params.ts';
import { billingModeParam } from '../resources/subscription-params.ts';

const proration = p.oneOf(['create_prorations', 'always_invoice', 'none']);
const discounts = p.clearable(
  p.arr(p.obj({ coupon: p.str, promotion_code: p.str, discount: p.str })),
);
const method = p.oneOf(['charge_automatically', 'send_invoice']);
const anchor = p.oneOf(['automatic', 'phase_start']);
const invoiceSettings = p.obj({
  account_tax_ids: p.harmless,
  custom_fields: p.harmless,
  days_until_due: p.int,
  description: p.clearable(p.str),
  footer: p.clearable(p.str),
  issuer: p.ownAccount,
});

export const defaultSettings = p.obj({
  application_fee_percent: p.unserved,
  automatic_tax: p.obj({ enabled: p.required(p.bool), liability: p.ownAccount }),
  billing_cycle_anchor: anchor,
  billing_thresholds: p.unserved,
  collection_method: method,
  default_payment_method: p.str,
  description: p.clearable(p.str),
  invoice_settings: invoiceSettings,
  on_behalf_of: p.unserved,
  transfer_data: p.unserved,
});
export type DefaultSettings = typeof defaultSettings extends {
  parse: (...input: never[]) => infer T;
}
  ? T
  : never;

const item = p.obj({
  billing_thresholds: p.unserved,
  discounts,
  metadata: p.metadata,
  plan: p.str,
  price: p.str,
  price_data: p.unserved,
  quantity: p.int,
  tax_rates: p.clearable(p.arr(p.str)),
});
const addInvoiceItem = p.obj({
  discountable: p.bool,
  discounts,
  metadata: p.metadata,
  period: p.unserved,
  price: p.str,
  price_data: p.unserved,
  quantity: p.int,
  tax_rates: p.clearable(p.arr(p.str)),
});

/** One phase of a schedule. */
export const phaseParams = {
  add_invoice_items: p.arr(addInvoiceItem),
  application_fee_percent: p.unserved,
  automatic_tax: p.obj({ enabled: p.required(p.bool), liability: p.ownAccount }),
  billing_cycle_anchor: anchor,
  billing_thresholds: p.unserved,
  collection_method: method,
  coupon: p.clearable(p.str),
  currency: p.currency,
  default_payment_method: p.str,
  default_tax_rates: p.clearable(p.arr(p.str)),
  description: p.clearable(p.str),
  discounts,
  duration: p.obj({
    interval: p.required(p.oneOf(['month', 'year', 'week', 'day'])),
    interval_count: p.int,
  }),
  end_date: p.either(['now'], p.timestamp),
  invoice_settings: invoiceSettings,
  items: p.required(p.arr(item)),
  iterations: p.int,
  metadata: p.metadata,
  on_behalf_of: p.unserved,
  proration_behavior: proration,
  start_date: p.either(['now'], p.timestamp),
  transfer_data: p.unserved,
  trial: p.bool,
  trial_end: p.either(['now'], p.timestamp),
};
export type PhaseParams = Values<typeof phaseParams>;

const endBehavior = p.oneOf(['cancel', 'none', 'release', 'renew']);

export const createParams = {
  billing_mode: billingModeParam,
  customer: p.str,
  customer_account: p.unserved,
  default_settings: defaultSettings,
  end_behavior: endBehavior,
  from_subscription: p.str,
  metadata: p.metadata,
  phases: p.arr(p.obj(phaseParams)),
  start_date: p.either(['now'], p.timestamp),
};
export type CreateParams = Values<typeof createParams>;

export const updateParams = {
  default_settings: defaultSettings,
  end_behavior: endBehavior,
  metadata: p.metadata,
  phases: p.arr(p.obj(phaseParams)),
  proration_behavior: proration,
};
export type UpdateParams = Values<typeof updateParams>;
