import { accountSetupCalls, type AccountSetupCalls } from './stripe-gateway/account-setup.ts';
import { catalogueCalls, type CatalogueCalls } from './stripe-gateway/catalogue.ts';
import { checkoutCalls, type CheckoutCalls } from './stripe-gateway/checkout.ts';
import {
  createStripeClient,
  type GatewayOptions,
  type OwnerMetadata,
} from './stripe-gateway/client.ts';
import { creditPackCalls, type CreditPackCalls } from './stripe-gateway/credit-packs.ts';
import { customerCalls, type CustomerCalls } from './stripe-gateway/customers.ts';
import { eventCalls, type EventCalls } from './stripe-gateway/events.ts';
import { featureCalls, type FeatureCalls } from './stripe-gateway/features.ts';
import { invoiceCalls, type InvoiceCalls } from './stripe-gateway/invoices.ts';
import { meterCalls, type MeterCalls } from './stripe-gateway/meters.ts';
import { migrationCalls, type MigrationCalls } from './stripe-gateway/migrations.ts';
import { paymentCalls, type PaymentCalls } from './stripe-gateway/payments.ts';
import { planChangeCalls, type PlanChangeCalls } from './stripe-gateway/plan-changes.ts';
import { previewCalls, type PreviewCalls } from './stripe-gateway/previews.ts';
import { promotionCalls, type PromotionCalls } from './stripe-gateway/promotions.ts';
import { returnCalls, type ReturnCalls } from './stripe-gateway/returns.ts';
import { subscriptionCalls, type SubscriptionCalls } from './stripe-gateway/subscriptions.ts';

export {
  API_VERSION,
  stripeDecimal,
  type GatewayOptions,
  type StripeCall,
} from './stripe-gateway/client.ts';
export type { CheckoutPage } from './stripe-gateway/checkout.ts';
export type { NextPhase } from './stripe-gateway/plan-changes.ts';
export type { ItemChange, PhaseItem } from './stripe-gateway/previews.ts';
export type { MigrationChange, ProrationBehavior } from './stripe-gateway/migrations.ts';
export { GatewayError, isGatewayError } from './stripe-gateway/errors.ts';
export { REFUND_REASONS } from './stripe-gateway/returns.ts';

export interface StripeGateway
  extends
    AccountSetupCalls,
    CatalogueCalls,
    CheckoutCalls,
    CreditPackCalls,
    CustomerCalls,
    EventCalls,
    FeatureCalls,
    InvoiceCalls,
    MeterCalls,
    MigrationCalls,
    PaymentCalls,
    PlanChangeCalls,
    PreviewCalls,
    PromotionCalls,
    ReturnCalls,
    SubscriptionCalls {}

/**
 * The only way to Stripe: thin named calls over the SDK. Each throws a GatewayError and nothing
 * else. Whatever a job may run again takes an idempotency key.
 */
export function createStripeGateway(options: GatewayOptions): StripeGateway {
  const stripe = createStripeClient(options);
  const mark = options.ownerMark ?? (() => ({}));
  const owner: OwnerMetadata = (accountId) => ({ user_id: accountId, ...mark(accountId) });
  return {
    ...accountSetupCalls(stripe),
    ...catalogueCalls(stripe),
    ...checkoutCalls(stripe, owner),
    ...creditPackCalls(stripe, owner),
    ...customerCalls(stripe, { owner, mark }),
    ...eventCalls(stripe),
    ...featureCalls(stripe),
    ...invoiceCalls(stripe),
    ...meterCalls(stripe),
    ...migrationCalls(stripe),
    ...paymentCalls(stripe, owner),
    ...planChangeCalls(stripe, owner),
    ...previewCalls(stripe),
    ...promotionCalls(stripe, mark),
    ...returnCalls(stripe, owner),
    ...subscriptionCalls(stripe),
  };
}
