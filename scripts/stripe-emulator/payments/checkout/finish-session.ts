import type Stripe from 'stripe';
import type { Context } from '../../kernel/context.ts';
import { idOf } from '../../kernel/ids.ts';
import { attempt, fill, reserve } from '../../kernel/journal.ts';
import { sessionTax } from '../../taxes/automatic.ts';
import { answeredFields } from './custom-fields.ts';
import { EXPIRE_SESSION } from './expire-session.ts';
import { planOf } from './plan.ts';
import { detailsOf } from './session-object.ts';
import { subscriptionParams } from './subscription-params.ts';

type Session = Stripe.Checkout.Session;
type PaymentStatus = 'paid' | 'unpaid' | 'no_payment_required';

function subscribe(ctx: Context, session: Session, customer: string): Stripe.Subscription {
  const plan = planOf(ctx, session.id);
  const intent = ctx.store.find('payment_intent', plan.intent);
  const paidBy =
    intent === undefined ? null : { paymentIntent: intent.id, charge: idOf(intent.latest_charge) };
  return ctx.services.billing.createSubscription(ctx, {
    ...subscriptionParams(ctx, session, customer),
    paidBy,
  });
}

/** An invoice for a one-time payment, where the session asked for one. */
function invoiceOf(ctx: Context, session: Session, customer: string): string | null {
  const plan = planOf(ctx, session.id);
  if (session.invoice_creation?.enabled !== true || plan.intent === null) return null;
  const intent = ctx.store.need('payment_intent', plan.intent);
  const invoice = ctx.services.billing.createInvoice(ctx, {
    customer,
    currency: session.currency ?? ctx.settings.currency,
    items: plan.lines.map((line) => ({
      price: line.price,
      quantity: line.quantity ?? 1,
      taxRates: line.taxRates,
    })),
    discounts: plan.discounts,
    metadata: session.invoice_creation.invoice_data.metadata ?? {},
    description: session.invoice_creation.invoice_data.description,
    paidBy: { paymentIntent: intent.id, charge: idOf(intent.latest_charge) },
  });
  return invoice.id;
}

/** Counts the redemption of codes that no subscription's discount counts. */
function redeem(ctx: Context, session: Session): void {
  // An invoice redeems its discounts itself.
  if (session.mode !== 'payment' || session.invoice !== null) return;
  for (const given of planOf(ctx, session.id).discounts) {
    const code = ctx.store.find('promotion_code', given.promotion_code);
    const coupon = ctx.store.find('coupon', given.coupon ?? idOf(code?.promotion.coupon));
    if (code !== undefined)
      ctx.update('promotion_code', code, { event: null, apply: () => (code.times_redeemed += 1) });
    if (coupon !== undefined)
      ctx.update('coupon', coupon, { event: null, apply: () => (coupon.times_redeemed += 1) });
  }
}

function payer(
  ctx: Context,
  session: Session,
  customer: Stripe.Customer | undefined,
): Session['customer_details'] {
  const { email, name } = ctx.note('checkout.session', session.id);
  const method = ctx.store.find('payment_method', planOf(ctx, session.id).method);
  const known = session.customer_details;
  const typed = (value: unknown): string | null =>
    typeof value === 'string' && value !== '' ? value : null;
  return detailsOf({
    email: typed(email) ?? customer?.email ?? known?.email ?? null,
    name: typed(name) ?? method?.billing_details.name ?? customer?.name ?? null,
    address: method?.billing_details.address ?? null,
    taxExempt: customer?.tax_exempt ?? 'none',
  });
}

/** Completes a session: `checkout.session.completed`, then what the subscription or invoice that comes to be says. */
export function finishSession(ctx: Context, session: Session, status: PaymentStatus): void {
  const plan = planOf(ctx, session.id);
  const customer = ctx.store.find('customer', plan.customer);
  ctx.unschedule(EXPIRE_SESSION, session.id);
  attempt(ctx, plan.customer, () => {
    const slot = reserve(ctx);
    const made = customer === undefined ? nothing : fulfil(ctx, session, customer.id);
    const apply = () => {
      session.status = 'complete';
      session.url = null;
      session.payment_status = status;
      session.customer = customer?.id ?? null;
      session.customer_details = payer(ctx, session, customer);
      session.automatic_tax = sessionTax(session.automatic_tax.enabled, true);
      session.custom_fields = answeredFields(ctx, session);
      if (session.consent_collection?.terms_of_service === 'required')
        session.consent = { promotions: null, terms_of_service: 'accepted' };
      session.subscription = made.subscription;
      session.invoice = made.invoice;
      if (session.mode === 'payment') session.payment_intent = plan.intent;
    };
    ctx.update('checkout.session', session, { event: null, apply });
    redeem(ctx, session);
    fill(ctx, slot, { type: 'checkout.session.completed', object: session });
    ctx.note('checkout.session', session.id)['completedEvent'] = slot.event?.id ?? null;
  });
}

interface Made {
  subscription: string | null;
  invoice: string | null;
}
const nothing: Made = { subscription: null, invoice: null };

function fulfil(ctx: Context, session: Session, customer: string): Made {
  if (session.mode === 'payment')
    return { subscription: null, invoice: invoiceOf(ctx, session, customer) };
  if (session.mode !== 'subscription') return nothing;
  const subscription = subscribe(ctx, session, customer);
  return { subscription: subscription.id, invoice: idOf(subscription.latest_invoice) };
}

/** Resolves when the webhook of `checkout.session.completed` was answered, at the latest after ten seconds. */
export async function webhookAnswered(ctx: Context, session: string): Promise<void> {
  const id = ctx.note('checkout.session', session)['completedEvent'];
  const event = typeof id === 'string' ? ctx.account.eventsById.get(id) : undefined;
  if (event !== undefined) await ctx.account.webhooks.settled(event, 10_000);
}
