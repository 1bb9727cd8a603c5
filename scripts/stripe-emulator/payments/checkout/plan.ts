import type Stripe from 'stripe';
import type { CreateSubscriptionParams } from '../../contracts.ts';
import type { Context } from '../../kernel/context.ts';

export interface PlanLine {
  id: string;
  price: string;
  quantity: number | null;
  adjustable: Stripe.LineItem.AdjustableQuantity | null;
  metadata: Record<string, string>;
  /** Its own tax rates; without them those of the subscription apply. */
  taxRates?: string[];
}

/** What becomes of a subscription session once it is paid. */
export type PlannedSubscription = Pick<
  CreateSubscriptionParams,
  | 'trialEnd'
  | 'trialPeriodDays'
  | 'metadata'
  | 'description'
  | 'trialSettings'
  | 'billingMode'
  | 'billingCycleAnchor'
  | 'prorationBehavior'
  | 'automaticTax'
  | 'defaultTaxRates'
>;

/** What a session was created for and what it does not show: kept beside it. */
export interface CheckoutPlan {
  /** What it is paid in, where prices have several currencies; else that of the prices. */
  currency?: string;
  lines: PlanLine[];
  discounts: { coupon?: string; promotion_code?: string }[];
  subscription: PlannedSubscription | null;
  payment: {
    captureMethod: 'automatic' | 'automatic_async' | 'manual';
    description: string | null;
    metadata: Record<string, string>;
    receiptEmail: string | null;
    setupFutureUsage: 'off_session' | 'on_session' | null;
    shipping: Stripe.PaymentIntent.Shipping | null;
  };
  /** The customer that an earlier attempt made; the session names it once it is complete. */
  customer: string | null;
  /** The intent of an earlier attempt, and the method it was tried with. */
  intent: string | null;
  method: string | null;
}

/** The plan of a session. */
export function planOf(ctx: Context, session: string): CheckoutPlan {
  const text = ctx.note('checkout.session', session)['plan'];
  if (typeof text !== 'string') throw new Error(`the session ${session} has no plan`);
  const plan: CheckoutPlan = JSON.parse(text);
  return plan;
}

/** Keeps a plan, or a changed one. */
export function keepPlan(ctx: Context, session: string, plan: CheckoutPlan): void {
  ctx.note('checkout.session', session)['plan'] = JSON.stringify(plan);
  ctx.account.revision += 1;
}
