import type Stripe from 'stripe';
import type { Context } from './kernel/context.ts';

/** The three parts of the emulator reach each other through these services, so that no file imports in a circle. */
export interface Services {
  payments: PaymentsService;
  billing: BillingService;
  discounts: DiscountService;
  usage: UsageService;
  schedules: ScheduleService;
  taxes: TaxService;
  balance: BalanceService;
  entitlements: EntitlementService;
}

/** One try to take money. */
export interface PaymentRequest {
  customer: string;
  amount: number;
  currency: string;
  /** `pm_…`, or the id of a legacy `card_…`/`src_…`; null: nothing to charge, the intent waits in `requires_payment_method`. */
  paymentMethod: string | null;
  /** True when the customer is not there: 3DS cards then fail with `authentication_required`. */
  offSession: boolean;
  /** The invoice that is paid; its PaymentIntent is used again on the next try. */
  invoice: Stripe.Invoice | null;
  /** The intent of an earlier try. */
  paymentIntent: string | null;
  /** Save the method on the customer for later (`setup_future_usage`). */
  setupFutureUsage: 'off_session' | 'on_session' | null;
  description: string | null;
  metadata: Record<string, string>;
}

/** What came of it. The PaymentIntent exists in each case; `error` is Stripe's `last_payment_error`. */
export interface PaymentOutcome {
  status:
    | 'succeeded'
    | 'processing'
    | 'requires_action'
    | 'requires_payment_method'
    | 'requires_confirmation';
  paymentIntent: Stripe.PaymentIntent;
  charge: Stripe.Charge | null;
  error: Stripe.PaymentIntent.LastPaymentError | null;
}

/** Provided by `payments/`. All calls are synchronous and emit the events of PaymentIntent and charge themselves. */
export interface PaymentsService {
  /** Creates (or takes up again) the PaymentIntent of an invoice and confirms it. Declines are an outcome, not an exception. */
  attemptPayment: (ctx: Context, request: PaymentRequest) => PaymentOutcome;
  /** Creates the intent without confirming it (`default_incomplete`): `requires_payment_method`, or `requires_confirmation` with a method. */
  preparePayment: (ctx: Context, request: PaymentRequest) => Stripe.PaymentIntent;
  /** Cancels the open intent of a voided invoice. */
  cancelPayment: (ctx: Context, paymentIntent: string) => void;
  /** `pending_setup_intent` of a subscription that has nothing to pay yet. Usage off_session. */
  createSetupIntent: (
    ctx: Context,
    request: { customer: string; paymentMethod: string | null; subscription: string },
  ) => Stripe.SetupIntent;
  /** The 402 that a failed outcome is for the caller (card_error with payment_intent), who asked for one or the other. */
  errorOf: (outcome: PaymentOutcome, of: 'invoice' | 'subscription') => Error;
  /** Attaches a method or a `tok_…`/`pm_card_…` token to a customer; gives the id of what is attached (`pm_…`, or `card_…` for legacy sources). */
  attach: (ctx: Context, customer: string, method: string) => string;
}

/** The invoice that a PaymentIntent pays, if any, and what happened to it. */
export type PaymentNews = 'succeeded' | 'failed' | 'requires_action' | 'processing' | 'canceled';

export interface CreateSubscriptionParams {
  customer: string;
  /** That of the customer or the first price without it. */
  currency?: string | null;
  items: {
    price: string;
    /** Chosen by an earlier call: the price may have been archived since. */
    planned?: boolean;
    quantity?: number;
    metadata?: Record<string, string>;
    taxRates?: string[];
  }[];
  trialEnd: number | null;
  trialPeriodDays: number | null;
  defaultPaymentMethod: string | null;
  metadata: Record<string, string>;
  description: string | null;
  /** Discounts as ids of coupons or promotion codes. */
  discounts: { coupon?: string; promotion_code?: string }[];
  trialSettings: Stripe.Subscription.TrialSettings | null;
  billingMode: Stripe.Subscription.BillingMode | null;
  billingCycleAnchor: number | null;
  prorationBehavior: 'create_prorations' | 'none';
  automaticTax?: boolean;
  defaultTaxRates?: string[];
  collectionMethod?: 'charge_automatically' | 'send_invoice';
  daysUntilDue?: number | null;
  /** Set by Checkout: the customer has just paid this intent for the first invoice, which is paid with it. */
  paidBy: { paymentIntent: string; charge: string | null } | null;
  /** For schedules: the first invoice waits as a draft for an hour, and the subscription is active meanwhile. */
  draftFirst?: boolean;
  /** Called with the subscription and its items before its first invoice is made. */
  finish?: (subscription: Stripe.Subscription) => void;
}

/** Provided by `billing/`. */
export interface BillingService {
  /** For Checkout, quotes and schedules: what `POST /v1/subscriptions` does, in one call. */
  createSubscription: (ctx: Context, params: CreateSubscriptionParams) => Stripe.Subscription;
  /** What the first invoice of such a subscription would ask now; nothing is stored. */
  quoteSubscription: (
    ctx: Context,
    params: CreateSubscriptionParams,
  ) => { amountDue: number; currency: string; subtotal: number; total: number };
  /** To be called when an intent settles outside `attemptPayment`: after SCA, for delayed methods, on cancel. Does nothing for intents without an invoice. */
  onPayment: (ctx: Context, paymentIntent: Stripe.PaymentIntent, news: PaymentNews) => void;
  /** To be called when a setup intent succeeds (a subscription may wait for it). */
  onSetupSucceeded: (ctx: Context, setupIntent: Stripe.SetupIntent) => void;
  /** Pays an open invoice now, as `POST /v1/invoices/:id/pay` does; throws the 402 when declined. */
  payInvoice: (
    ctx: Context,
    invoice: Stripe.Invoice,
    how: { paymentMethod: string | null; offSession: boolean; outOfBand: boolean },
  ) => Stripe.Invoice;
  /** A paid or finalized one-off invoice for Checkout's `invoice_creation` and quotes. */
  createInvoice: (ctx: Context, request: OneOffInvoice) => Stripe.Invoice;
  cancelSubscription: (
    ctx: Context,
    subscription: Stripe.Subscription,
    how: {
      invoiceNow: boolean;
      prorate: boolean;
      reason: Stripe.Subscription.CancellationDetails.Reason | null;
    },
  ) => Stripe.Subscription;
  /** Applies new items at a moment, as an update with this proration does; for schedules, the portal and quotes. */
  updateItems: (
    ctx: Context,
    subscription: Stripe.Subscription,
    change: ItemsChange,
  ) => Stripe.Subscription;
  /** Sets or clears `cancel_at` / `cancel_at_period_end` (the portal cancels with `cancel_at` in flexible mode). */
  setCancellation: (
    ctx: Context,
    subscription: Stripe.Subscription,
    change: { cancelAt: number | null; cancelAtPeriodEnd: boolean },
  ) => Stripe.Subscription;
  /** Stops a subscription in the status `paused`, without invoices, for the given reason. */
  pauseSubscription: (
    ctx: Context,
    subscription: Stripe.Subscription,
    reason: Stripe.Subscription.StatusDetails.Paused.Subscription.Type,
  ) => void;
  /** A paused subscription's resume invoice was settled: it is active again. */
  finishResume: (ctx: Context, subscription: Stripe.Subscription) => void;
  /** The invoice of a pending update was paid: the update takes effect. */
  applyPendingUpdate: (ctx: Context, subscription: Stripe.Subscription) => void;
  /** Plans a subscription's next due work again after its dates changed. */
  reschedule: (ctx: Context, subscription: Stripe.Subscription) => void;
  /** Total amounts of an invoice after its lines, discounts or taxes changed. */
  recompute: (ctx: Context, invoice: Stripe.Invoice) => void;
}

export interface OneOffInvoice {
  customer: string;
  currency: string;
  items: {
    price?: string;
    amount?: number;
    quantity?: number;
    description?: string;
    taxRates?: string[];
  }[];
  /** Discounts as ids of coupons or promotion codes; they are redeemed by this. */
  discounts?: { coupon?: string; promotion_code?: string }[];
  collectionMethod?: 'charge_automatically' | 'send_invoice';
  daysUntilDue?: number | null;
  metadata: Record<string, string>;
  description: string | null;
  paidBy: { paymentIntent: string; charge: string | null } | null;
}

export interface ItemsChange {
  /** `id` changes an item, `price` alone adds one, `deleted` removes. With `replace`, items not named go. */
  items: {
    id?: string;
    price?: string;
    /** Chosen by an earlier call: the price may have been archived since. */
    planned?: boolean;
    quantity?: number;
    deleted?: boolean;
    metadata?: Record<string, string>;
  }[];
  replace: boolean;
  prorationBehavior: 'create_prorations' | 'always_invoice' | 'none';
  prorationDate: number | null;
  billingCycleAnchor: 'now' | 'unchanged';
}

/** A discount that applies to an invoice being made. */
export interface DiscountShare {
  discount: string;
  amount: number;
}

export interface DiscountableLine {
  amount: number;
  currency: string;
  product: string | null;
  isProration: boolean;
}

/** Provided by the coupons' files. */
export interface DiscountService {
  /** Turns `discounts` parameters into discount objects on a customer, subscription, item or invoice; returns their ids. */
  create: (
    ctx: Context,
    given: { coupon?: string; promotion_code?: string; discount?: string }[],
    target: DiscountTarget,
  ) => string[];
  /** Amounts off a line (never negative, at most the line's amount), in the order of the given discount ids. */
  onLine: (ctx: Context, line: DiscountableLine, discounts: string[]) => DiscountShare[];
  /** The same for all lines of one invoice at once, which spreads an amount off over them: one list of shares per line. */
  onLines: (
    ctx: Context,
    lines: readonly DiscountableLine[],
    discounts: string[],
  ) => DiscountShare[][];
  /** Ends the customer's own discount (`coupon=''`), with `customer.discount.deleted`. */
  removeFromCustomer: (ctx: Context, customer: Stripe.Customer) => void;
  /** Called when an invoice was made at a cycle: ends `once` and expired `repeating` discounts; returns those that still apply at `at`. */
  active: (ctx: Context, discounts: string[], at: number) => string[];
  /** After an invoice with these discounts was made: consumes `once`. */
  consumed: (ctx: Context, discounts: string[]) => void;
}
export interface DiscountTarget {
  customer: string | null;
  subscription: string | null;
  subscriptionItem: string | null;
  invoice: string | null;
  invoiceItem?: string;
  at: number;
}

/** Provided by the meters' files. */
export interface UsageService {
  /** Usage of a customer on the price's meter in [from, until). */
  quantity: (
    ctx: Context,
    request: { customer: string; price: Stripe.Price; from: number; until: number },
  ) => number;
}

/** Provided by the schedules' files. */
export interface ScheduleService {
  /** Called when a subscription was canceled, or its schedule must follow a change. */
  onSubscriptionEnded: (ctx: Context, subscription: Stripe.Subscription) => void;
  /** To be called first when a period ends at `at`: applies the phase that begins then, so that the renewal is at its prices; may cancel the subscription. */
  beforeRenewal: (ctx: Context, subscription: Stripe.Subscription, at: number) => void;
  /** Other prices or quantities for items, from the end of the present period on (the portal's downgrade). */
  changeAtPeriodEnd: (
    ctx: Context,
    subscription: Stripe.Subscription,
    items: { id?: string; price?: string; quantity?: number }[],
  ) => Stripe.SubscriptionSchedule;
}

export interface LineTax {
  taxRate: string;
  amount: number;
  inclusive: boolean;
  taxableAmount: number;
}

/** Provided by the tax rates' files. */
export interface TaxService {
  /** Taxes of an amount after discounts, for manual tax rates. */
  onAmount: (ctx: Context, amount: number, rates: string[]) => LineTax[];
  /** Adds a tax id to a customer (`tax_id_data`), with its event. */
  addTaxId: (ctx: Context, customer: string, given: { type: string; value: string }) => void;
}

/** Provided by the balance files. */
export interface BalanceService {
  /** Changes the customer's balance by `amount` (negative = credit for the customer) and records the transaction. */
  adjust: (
    ctx: Context,
    request: {
      customer: string;
      amount: number;
      currency: string;
      type: Stripe.CustomerBalanceTransaction['type'];
      invoice: string | null;
    },
  ) => void;
  /** Lets the customer's credit grants pay for the metered lines of an invoice that is being finalized: lowers its total. */
  applyCreditGrants: (ctx: Context, invoice: Stripe.Invoice) => void;
}

/** Provided by the entitlements' files. */
export interface EntitlementService {
  /** Called after a subscription's status or items changed: emits the summary if the set of features did. */
  refresh: (ctx: Context, customer: string) => void;
}
