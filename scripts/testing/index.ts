/** `tenure/testing`: billing for the tests of a host app, on a local Stripe. */
export {
  startTestBilling,
  startTestStripe,
  type TestBilling,
  type TestBillingOptions,
} from './test-billing.ts';
export type {
  CallOptions,
  TestAnswer,
  TestCard,
  TestSubscription,
  TestUser,
  TestUserOptions,
} from './test-user.ts';
export {
  signOutgoingWebhook,
  signStripeEvent,
  type SignedMessage,
  type SignOptions,
} from './signed-events.ts';
