import type Stripe from 'stripe';

/** Every kind of object an account stores, by its `object` name. Add yours here and its id prefix below. */
export interface Stored {
  account: Stripe.Account;
  balance_transaction: Stripe.BalanceTransaction;
  'billing.credit_balance_transaction': Stripe.Billing.CreditBalanceTransaction;
  'billing.credit_grant': Stripe.Billing.CreditGrant;
  'billing.meter': Stripe.Billing.Meter;
  'billing.meter_event': MeterEventRecord;
  'billing_portal.configuration': Stripe.BillingPortal.Configuration;
  'billing_portal.session': Stripe.BillingPortal.Session;
  card: Stripe.Card;
  charge: Stripe.Charge;
  'checkout.session': Stripe.Checkout.Session;
  coupon: Stripe.Coupon;
  credit_note: Stripe.CreditNote;
  customer: Stripe.Customer;
  customer_balance_transaction: Stripe.CustomerBalanceTransaction;
  customer_cash_balance_transaction: Stripe.CustomerCashBalanceTransaction;
  discount: Stripe.Discount;
  dispute: Stripe.Dispute;
  'entitlements.active_entitlement': Stripe.Entitlements.ActiveEntitlement;
  'entitlements.feature': Stripe.Entitlements.Feature;
  ephemeral_key: Stripe.EphemeralKey;
  invoice: Stripe.Invoice;
  invoice_payment: Stripe.InvoicePayment;
  invoiceitem: Stripe.InvoiceItem;
  mandate: Stripe.Mandate;
  payment_intent: Stripe.PaymentIntent;
  payment_link: Stripe.PaymentLink;
  payment_method: Stripe.PaymentMethod;
  payout: Stripe.Payout;
  plan: Stripe.Plan;
  price: Stripe.Price;
  product: Stripe.Product;
  product_feature: Stripe.ProductFeature;
  promotion_code: Stripe.PromotionCode;
  quote: Stripe.Quote;
  refund: Stripe.Refund;
  'reporting.report_run': Stripe.Reporting.ReportRun;
  setup_attempt: Stripe.SetupAttempt;
  setup_intent: Stripe.SetupIntent;
  shipping_rate: Stripe.ShippingRate;
  subscription: Stripe.Subscription;
  subscription_item: Stripe.SubscriptionItem;
  subscription_schedule: Stripe.SubscriptionSchedule;
  tax_id: Stripe.TaxId;
  tax_rate: Stripe.TaxRate;
  'test_helpers.test_clock': Stripe.TestHelpers.TestClock;
  token: Stripe.Token;
  topup: Stripe.Topup;
  transfer: Stripe.Transfer;
  webhook_endpoint: Stripe.WebhookEndpoint;
  _note: Note;
  _ledger: Ledger;
}
export type ObjectName = keyof Stored;

/** A reported usage event with what the emulator needs to sum it up; `id` is its identifier. */
export interface MeterEventRecord extends Stripe.Billing.MeterEvent {
  id: string;
  customer: string;
  value: number;
  canceled: boolean;
}

/** A charge for a span of an item's time: what a later change may credit. */
export interface Debit {
  price: string;
  quantity: number;
  /** The span that is charged and not yet credited. */
  from: number;
  to: number;
  /** Amount of the whole period after discounts, and that period: credits are shares of it. */
  basis: { amount: number; start: number; end: number };
  /** What discounts took off that amount. */
  off?: { discount: string; amount: number }[];
  invoice: string | null;
  line: string | null;
}
/** The debits of a subscription item; `id` is the item's. */
export interface Ledger {
  id: string;
  object: '_ledger';
  debits: Debit[];
}

/** What the emulator remembers about an object but never shows; `id` = `<kind>:<object id>`. */
export interface Note {
  id: string;
  object: '_note';
  data: Record<string, string | number | boolean | null>;
}

export const PREFIXES: Record<ObjectName, string> = {
  account: 'acct',
  balance_transaction: 'txn',
  'billing.credit_balance_transaction': 'cbtxn',
  'billing.credit_grant': 'credgr',
  'billing.meter': 'mtr',
  'billing.meter_event': 'mtrevt',
  'billing_portal.configuration': 'bpc',
  'billing_portal.session': 'bps',
  card: 'card',
  charge: 'ch',
  'checkout.session': 'cs_test',
  coupon: 'co',
  credit_note: 'cn',
  customer: 'cus',
  customer_balance_transaction: 'cbtxn',
  customer_cash_balance_transaction: 'ccsbtxn',
  discount: 'di',
  dispute: 'du',
  'entitlements.active_entitlement': 'ent',
  'entitlements.feature': 'feat',
  ephemeral_key: 'ephkey',
  invoice: 'in',
  invoice_payment: 'inpay',
  invoiceitem: 'ii',
  mandate: 'mandate',
  payment_intent: 'pi',
  payment_link: 'plink',
  payment_method: 'pm',
  payout: 'po',
  plan: 'price',
  price: 'price',
  product: 'prod',
  product_feature: 'prodft',
  promotion_code: 'promo',
  quote: 'qt',
  refund: 're',
  'reporting.report_run': 'frr',
  setup_attempt: 'setatt',
  setup_intent: 'seti',
  shipping_rate: 'shr',
  subscription: 'sub',
  subscription_item: 'si',
  subscription_schedule: 'sub_sched',
  tax_id: 'txi',
  tax_rate: 'txr',
  'test_helpers.test_clock': 'clock',
  token: 'tok',
  topup: 'tu',
  transfer: 'tr',
  webhook_endpoint: 'we',
  _note: 'note',
  _ledger: 'ledger',
};

/** The fields by which `store.by` finds objects; each is a reference (an id, an expanded object or null). */
export type IndexName =
  | 'charge'
  | 'checkout_session'
  | 'customer'
  | 'invoice'
  | 'lookup_key'
  | 'meter'
  | 'payment_intent'
  | 'price'
  | 'product'
  | 'subscription'
  | 'test_clock'
  | 'coupon';

export const INDEXES: Partial<Record<ObjectName, IndexName[]>> = {
  balance_transaction: [],
  'billing.credit_balance_transaction': [],
  'billing.credit_grant': ['customer'],
  'billing.meter_event': ['customer'],
  card: ['customer'],
  charge: ['customer', 'payment_intent'],
  'checkout.session': ['customer', 'payment_intent', 'subscription'],
  credit_note: ['customer', 'invoice'],
  customer: ['test_clock'],
  customer_balance_transaction: ['customer'],
  customer_cash_balance_transaction: ['customer'],
  discount: ['customer', 'subscription'],
  dispute: ['charge', 'payment_intent'],
  invoice: ['customer', 'subscription'],
  invoice_payment: ['invoice', 'payment_intent'],
  invoiceitem: ['customer', 'invoice', 'subscription'],
  payment_intent: ['customer'],
  payment_method: ['customer'],
  price: ['product', 'lookup_key'],
  promotion_code: ['coupon'],
  quote: ['customer'],
  refund: ['charge', 'payment_intent'],
  setup_intent: ['customer'],
  subscription: ['customer', 'test_clock'],
  subscription_item: ['subscription', 'price'],
  subscription_schedule: ['customer', 'subscription'],
  tax_id: ['customer'],
};
