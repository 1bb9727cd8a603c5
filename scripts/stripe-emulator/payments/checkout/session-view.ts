import type Stripe from 'stripe';
import type { Context } from '../../kernel/context.ts';
import type { CheckoutView, SummaryLine } from '../../pages/checkout-view.ts';
import { every, money } from '../../pages/format.ts';
import { emptyEntry, type FormError, type PaymentEntry } from '../../pages/test-cards-view.ts';
import { needsMethod } from './confirm-session.ts';
import { pricedLines, totalsOf, type PricedLine } from './amounts.ts';
import { fieldName, startOf } from './custom-fields.ts';
import { planOf, type CheckoutPlan } from './plan.ts';

/** What is being typed, and what was wrong with it. */
export interface Typing {
  entry: PaymentEntry;
  error: FormError | null;
  code: string;
  codeError: string | null;
  /** The session's own fields as they were posted. */
  fields: URLSearchParams;
}

export const nothingTyped: Typing = {
  entry: emptyEntry,
  error: null,
  code: '',
  codeError: null,
  fields: new URLSearchParams(),
};

function rate(price: Stripe.Price, quantity: number): string {
  const { recurring } = price;
  const unit = price.unit_amount ?? Number(price.unit_amount_decimal ?? 0);
  const amount =
    price.billing_scheme === 'tiered' ? 'tiered price' : money(unit * quantity, price.currency);
  if (recurring === null) return amount;
  if (recurring.usage_type === 'metered')
    return `${money(unit, price.currency)} per unit, by usage`;
  return `${amount} per ${every(recurring.interval, recurring.interval_count)}`;
}

function lineOf(ctx: Context, each: PricedLine): SummaryLine {
  const { price, line, subtotal } = each;
  const product =
    typeof price.product === 'string' ? ctx.store.find('product', price.product) : price.product;
  const label = product !== undefined && 'name' in product ? product.name : price.id;
  const quantity = line.quantity ?? 1;
  const parts = [
    quantity > 1 ? `${quantity} × ${rate(price, 1)}` : '',
    price.type === 'recurring' && quantity === 1 ? rate(price, 1) : '',
  ];
  return {
    label,
    note: parts.filter((part) => part !== '').join(', '),
    amount: money(subtotal, price.currency),
  };
}

const trialDays = (
  ctx: Context,
  session: Stripe.Checkout.Session,
  plan: CheckoutPlan,
): number | null => {
  const data = plan.subscription;
  if (data === null) return null;
  if (data.trialPeriodDays !== null) return data.trialPeriodDays;
  if (data.trialEnd === null) return null;
  return Math.max(
    1,
    Math.round(
      (data.trialEnd - ctx.nowFor(session.customer === null ? null : plan.customer)) / 86_400,
    ),
  );
};

function headline(
  session: Stripe.Checkout.Session,
  lines: readonly PricedLine[],
  days: number | null,
): { headline: string; subline: string } {
  if (session.mode === 'setup')
    return { headline: '', subline: 'Your card is saved for later. Nothing is charged now.' };
  const currency = session.currency ?? 'usd';
  const recurring = lines.filter(({ price }) => price.type === 'recurring');
  const then = recurring.map(({ price, line }) => rate(price, line.quantity ?? 1)).join(' and ');
  if (days !== null) return { headline: `${days} days free`, subline: `Then ${then}` };
  const today = money(session.amount_total ?? 0, currency);
  return { headline: today, subline: recurring.length > 0 ? `Today, then ${then}` : '' };
}

function totalsRows(
  session: Stripe.Checkout.Session,
  lines: readonly PricedLine[],
): CheckoutView['totals'] {
  if (session.mode === 'setup') return [];
  const currency = session.currency ?? 'usd';
  const totals = totalsOf(lines, session.shipping_options);
  const rows: CheckoutView['totals'] = [];
  if (totals.discount > 0)
    rows.push({ label: 'Discount', amount: money(-totals.discount, currency), strong: false });
  const rate = session.shipping_cost?.shipping_rate;
  if (totals.shipping > 0 || rate)
    rows.push({ label: 'Shipping', amount: money(totals.shipping, currency), strong: false });
  if (totals.tax > 0)
    rows.push({ label: 'Tax', amount: money(totals.tax, currency), strong: false });
  return [
    ...rows,
    { label: 'Total due today', amount: money(totals.total, currency), strong: true },
  ];
}

function codeOf(ctx: Context, session: Stripe.Checkout.Session, plan: CheckoutPlan): string | null {
  if (session.allow_promotion_codes !== true) return null;
  const applied = plan.discounts.find((given) => given.promotion_code !== undefined);
  return ctx.store.find('promotion_code', applied?.promotion_code)?.code ?? '';
}

function questionsOf(
  session: Stripe.Checkout.Session,
  typed: URLSearchParams,
): CheckoutView['questions'] {
  return session.custom_fields.map((field) => ({
    id: fieldName(field.key),
    label: `${field.label.custom ?? field.key}${field.optional ? ' (optional)' : ''}`,
    value: typed.get(fieldName(field.key)) ?? startOf(field),
    required: !field.optional,
    options: field.dropdown?.options ?? null,
    digits: field.type === 'numeric',
  }));
}

function submitLabel(session: Stripe.Checkout.Session, days: number | null): string {
  if (session.mode === 'setup') return 'Save card';
  if (days !== null) return 'Start trial';
  const amount = money(session.amount_total ?? 0, session.currency ?? 'usd');
  return session.mode === 'subscription' ? `Subscribe for ${amount}` : `Pay ${amount}`;
}

function titleOf(
  ctx: Context,
  session: Stripe.Checkout.Session,
  lines: readonly PricedLine[],
): string {
  const seller = ctx.settings.businessName;
  if (session.mode === 'setup') return `Save your payment details for ${seller}`;
  const plan = lines.find(({ price }) => price.type === 'recurring');
  return plan === undefined ? `Pay ${seller}` : `Subscribe to ${lineOf(ctx, plan).label}`;
}

/** What the hosted page shows of a session. */
export function viewOf(
  ctx: Context,
  session: Stripe.Checkout.Session,
  typing: Typing,
): CheckoutView {
  const plan = planOf(ctx, session.id);
  const lines = pricedLines(ctx, plan);
  const days = trialDays(ctx, session, plan);
  return {
    path: `/c/pay/${session.id}`,
    seller: ctx.settings.businessName,
    ...headline(session, lines, days),
    title: titleOf(ctx, session, lines),
    lines: lines.map((each) => lineOf(ctx, each)),
    totals: totalsRows(session, lines),
    promotionCode: codeOf(ctx, session, plan),
    promotionError: typing.codeError,
    typedCode: typing.code,
    knownEmail: session.customer_details?.email ?? null,
    methodTypes: session.payment_method_types,
    needsMethod: needsMethod(session),
    questions: questionsOf(session, typing.fields),
    needsConsent: session.consent_collection?.terms_of_service === 'required',
    entry: typing.entry,
    error: typing.error,
    cancelUrl: session.cancel_url,
    successUrl: session.success_url,
    submit: submitLabel(session, days),
  };
}
