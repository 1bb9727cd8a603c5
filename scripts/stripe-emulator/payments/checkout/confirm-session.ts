import type Stripe from 'stripe';
import type { Context } from '../../kernel/context.ts';
import { invalidRequest } from '../../kernel/errors.ts';
import { create as createCustomer } from '../../resources/customers.ts';
import { confirmPayment, type ConfirmResult } from '../confirm-payment.ts';
import { confirmSetup } from '../confirm-setup.ts';
import type { Decline } from '../declines.ts';
import { newPaymentIntent, newSetupIntent } from '../intent-objects.ts';
import { requireUsable } from '../methods.ts';
import { finishSession } from './finish-session.ts';
import { keepPlan, planOf, type CheckoutPlan } from './plan.ts';
import { markSession } from './settled.ts';
import { subscriptionParams } from './subscription-params.ts';

/** What a person, or the CLI, hands in at the end of a checkout. */
export interface SessionPayment {
  method: Stripe.PaymentMethod | null;
  email: string | null;
  name: string | null;
}

export type SessionResult =
  | { kind: 'complete' }
  | { kind: 'requires_action'; intent: Stripe.PaymentIntent | Stripe.SetupIntent }
  | { kind: 'declined'; decline: Decline; intent: Stripe.PaymentIntent | Stripe.SetupIntent };

type Session = Stripe.Checkout.Session;

function requireOpen(session: Session): void {
  if (session.status === 'open') return;
  const why = session.status === 'complete' ? 'has already been completed' : 'has expired';
  throw invalidRequest(`This Checkout Session ${why}.`, { code: 'checkout_session_not_open' });
}

/** The customer who pays: the session's own, one made by an earlier attempt, or a new one. */
function customerFor(ctx: Context, session: Session, payment: SessionPayment): string | null {
  const plan = planOf(ctx, session.id);
  if (plan.customer !== null) return plan.customer;
  const wanted =
    session.mode === 'subscription' ||
    session.customer_creation === 'always' ||
    plan.payment.setupFutureUsage !== null;
  if (!wanted) return null;
  const email = payment.email ?? session.customer_email ?? undefined;
  const customer = createCustomer(ctx, { email, name: payment.name ?? undefined });
  keepPlan(ctx, session.id, { ...plan, customer: customer.id });
  return customer.id;
}

/** What has to be paid today. */
function dueNow(ctx: Context, session: Session, customer: string | null): number {
  if (session.mode === 'setup') return 0;
  if (session.mode !== 'subscription' || customer === null) return session.amount_total ?? 0;
  return ctx.services.billing.quoteSubscription(ctx, subscriptionParams(ctx, session, customer))
    .amountDue;
}

function paymentIntentFor(
  ctx: Context,
  session: Session,
  due: { amount: number; customer: string | null },
): Stripe.PaymentIntent {
  const plan = planOf(ctx, session.id);
  const earlier = ctx.store.find('payment_intent', plan.intent);
  if (earlier !== undefined && earlier.status !== 'canceled') {
    return ctx.update('payment_intent', earlier, {
      event: null,
      apply: () => (earlier.amount = due.amount),
    });
  }
  const subscribes = session.mode === 'subscription';
  const intent = newPaymentIntent({
    id: ctx.store.newId('payment_intent'),
    created: ctx.nowFor(due.customer),
    amount: due.amount,
    currency: session.currency ?? ctx.settings.currency,
    customer: due.customer,
    description: subscribes ? 'Subscription creation' : plan.payment.description,
    choice: { types: [...session.payment_method_types], automatic: null },
    captureMethod: subscribes ? 'automatic' : plan.payment.captureMethod,
    confirmationMethod: 'automatic',
    metadata: plan.payment.metadata,
    receiptEmail: plan.payment.receiptEmail,
    setupFutureUsage: subscribes ? 'off_session' : plan.payment.setupFutureUsage,
    orderReference: null,
  });
  intent.shipping = plan.payment.shipping;
  ctx.add('payment_intent', intent);
  markSession(ctx, intent.id, session.id);
  keepPlan(ctx, session.id, { ...plan, intent: intent.id });
  ctx.emit('payment_intent.created', intent);
  return intent;
}

function setupIntentFor(
  ctx: Context,
  session: Session,
  customer: string | null,
): Stripe.SetupIntent {
  const plan = planOf(ctx, session.id);
  const earlier = ctx.store.find('setup_intent', plan.intent);
  if (earlier !== undefined && earlier.status !== 'canceled') return earlier;
  const intent = newSetupIntent({
    id: ctx.store.newId('setup_intent'),
    created: ctx.nowFor(customer),
    customer,
    description: null,
    choice: { types: [...session.payment_method_types], automatic: null },
    metadata: {},
    usage: 'off_session',
  });
  ctx.add('setup_intent', intent);
  ctx.note('setup_intent', intent.id)['checkoutSession'] = session.id;
  keepPlan(ctx, session.id, { ...plan, intent: intent.id });
  ctx.emit('setup_intent.created', intent);
  return intent;
}

const returnUrl = (ctx: Context, session: Session): string =>
  `${ctx.baseUrl}/c/pay/${session.id}/return`;

/** Whether a method has to be given at all: not for what costs nothing and asks `if_required`. */
export const needsMethod = (session: Session): boolean =>
  session.mode === 'setup' ||
  session.payment_method_collection === 'always' ||
  (session.amount_total ?? 0) > 0;

/**
 * One attempt to complete a session. Only a success creates the subscription and its invoice.
 * Errors: 400 when the session is over, or no method came where one is needed.
 */
export function confirmSession(
  ctx: Context,
  session: Session,
  payment: SessionPayment,
): SessionResult {
  requireOpen(session);
  if (needsMethod(session) && payment.method === null) {
    throw invalidRequest('A payment method is required to complete this Checkout Session.', {
      code: 'parameter_missing',
      param: 'payment_method',
    });
  }
  const customer = customerFor(ctx, session, payment);
  if (payment.method !== null) requireUsable(ctx, payment.method, customer);
  keepEntry(ctx, session, payment);
  const amount = dueNow(ctx, session, customer);
  if (amount > 0 && payment.method !== null)
    return pay(ctx, session, { method: payment.method, amount, customer });
  if (payment.method !== null && session.mode !== 'payment')
    return setUp(ctx, session, { method: payment.method, customer });
  finishSession(ctx, session, 'no_payment_required');
  return { kind: 'complete' };
}

/** Who filled in the form, remembered for the moment the session is complete. */
function keepEntry(ctx: Context, session: Session, payment: SessionPayment): void {
  const plan: CheckoutPlan = { ...planOf(ctx, session.id), method: payment.method?.id ?? null };
  keepPlan(ctx, session.id, plan);
  const note = ctx.note('checkout.session', session.id);
  note['email'] = payment.email;
  note['name'] = payment.name;
}

function pay(
  ctx: Context,
  session: Session,
  how: { method: Stripe.PaymentMethod; amount: number; customer: string | null },
): SessionResult {
  const intent = paymentIntentFor(ctx, session, how);
  const result = confirmPayment(ctx, intent, {
    method: how.method,
    offSession: false,
    authenticated: false,
    whenAway: 'decline',
    returnUrl: returnUrl(ctx, session),
  });
  return paymentResult(ctx, session, { intent, result });
}

/** What an attempt to pay means for the session; also after the holder has authenticated. */
export function paymentResult(
  ctx: Context,
  session: Session,
  attempt: { intent: Stripe.PaymentIntent; result: ConfirmResult },
): SessionResult {
  const { intent, result } = attempt;
  if (result.decline !== null) return { kind: 'declined', decline: result.decline, intent };
  if (result.kind === 'requires_action') return { kind: 'requires_action', intent };
  finishSession(ctx, session, result.kind === 'succeeded' ? 'paid' : 'unpaid');
  return { kind: 'complete' };
}

function setUp(
  ctx: Context,
  session: Session,
  how: { method: Stripe.PaymentMethod; customer: string | null },
): SessionResult {
  const intent = setupIntentFor(ctx, session, how.customer);
  const result = confirmSetup(ctx, intent, {
    method: how.method,
    authenticated: false,
    returnUrl: returnUrl(ctx, session),
  });
  if (result.decline !== null) return { kind: 'declined', decline: result.decline, intent };
  if (result.kind === 'requires_action') return { kind: 'requires_action', intent };
  finishSession(ctx, session, 'no_payment_required');
  return { kind: 'complete' };
}
