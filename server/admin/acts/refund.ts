import type Stripe from 'stripe';
import { z } from 'zod';
import { REFUND_REASONS } from '../../../adapters/stripe-gateway.ts';
import { findSubscription } from '../../../db/subscriptions.ts';
import { invoiceSubscription } from '../../../state/event-objects.ts';
import { formatMoney } from '../../../state/money.ts';
import { restrictionOf, type MoneyReturn } from '../../../state/returns.ts';
import { requireStripeCustomer } from '../../billing/account.ts';
import { presentPeriod } from '../../billing/present-period.ts';
import { withCustomerLock } from '../../billing/with-customer-lock.ts';
import { json } from '../../http/define-route.ts';
import { paidAmount, paidPeriod } from '../../sync/read-returns.ts';
import { AppError } from '../../http/errors.ts';
import type { Services } from '../../lib/services.ts';
import { defineAct, type ActContext } from './act.ts';
import { requireOurs } from './ours.ts';

const payment = z
  .string()
  .regex(/^(ch|py|pi|in)_\w{1,250}$/, 'must be the id of a payment or an invoice');

/** What a refund would send back, and what is left of the payment. */
export const refundPreview = defineAct({
  name: 'refund.preview',
  path: 'refunds/preview',
  summary: 'What a refund would send back',
  noted: false,
  body: z.strictObject({ payment, amount: z.int().min(1).optional() }),
  response: z.object({
    chargeId: z.string(),
    invoiceId: z.string().nullable(),
    paid: z.int(),
    refunded: z.int(),
    amount: z.int(),
    /** What could still be refunded after it. */
    left: z.int(),
    currency: z.string(),
    /** Whether access ends with it. */
    endsAccess: z.boolean(),
  }),
  run: async (context) => {
    const { charge, invoice, amount, left } = await refundable(context, context.body);
    return json({
      chargeId: charge.id,
      invoiceId: invoice?.id ?? null,
      paid: charge.amount_captured,
      refunded: charge.amount_refunded,
      amount,
      left: left - amount,
      currency: charge.currency,
      endsAccess: await endsAccess(context, { charge, invoice, amount }),
    });
  },
});

/** Sends money of a payment back. What follows for access is the policy of returns, as for a refund made at Stripe. */
export const refund = defineAct({
  name: 'refund',
  path: 'refunds',
  summary: 'Refund a payment, whole or in part',
  description:
    'Without `amount`, all that is left. With `refunded`, what had been refunded before when you looked: it is refused if that has changed since.',
  body: z.strictObject({
    payment,
    amount: z.int().min(1).optional(),
    refunded: z.int().min(0).optional(),
    reason: z.enum(REFUND_REASONS).optional(),
  }),
  response: z.object({
    refundId: z.string(),
    chargeId: z.string(),
    amount: z.int(),
    currency: z.string(),
    status: z.string().nullable(),
    /** What can still be refunded. */
    left: z.int(),
  }),
  run: (context) => {
    const { services, account, body, commandKey } = context;
    return withCustomerLock(services, account.id, async () => {
      const { charge, amount, left } = await refundable(context, body);
      const made = await services.stripe.refundCharge(
        { chargeId: charge.id, userId: account.id, amount, reason: body.reason ?? null },
        commandKey('refund'),
      );
      return json({
        refundId: made.id,
        chargeId: charge.id,
        amount,
        currency: charge.currency,
        status: made.status,
        left: left - amount,
      });
    });
  },
});

interface Wanted {
  payment: string;
  amount?: number | undefined;
  refunded?: number | undefined;
}

/** The payment, and how much of it goes back; throws 409 where it cannot. */
async function refundable(
  { services, account }: Pick<ActContext<unknown>, 'services' | 'account'>,
  wanted: Wanted,
): Promise<{
  charge: Stripe.Charge;
  invoice: Stripe.Invoice | null;
  amount: number;
  left: number;
}> {
  const customerId = await requireStripeCustomer(services, account.id);
  const charge = await chargeOf(services, { customerId, payment: wanted.payment });
  const intent = idOf(charge.payment_intent);
  const invoice = intent === null ? null : await services.stripe.invoiceOfPayment(intent);
  await requireOurs(services, account.id, { invoice, charge });
  const left = charge.amount_captured - charge.amount_refunded;
  const { currency } = charge;
  if (wanted.refunded !== undefined && wanted.refunded !== charge.amount_refunded) {
    const so = formatMoney(charge.amount_refunded, currency);
    throw refused(`Meanwhile ${so} of this payment has been refunded; look again.`);
  }
  if (left === 0) throw refused('This payment has been refunded already.');
  const amount = wanted.amount ?? left;
  if (amount > left) {
    throw refused(`Only ${formatMoney(left, currency)} of this payment is left to refund.`);
  }
  return { charge, invoice, amount, left };
}

/** Whether a refund of this amount ends access to the present period. */
async function endsAccess(
  { services }: Pick<ActContext<unknown>, 'services'>,
  {
    charge,
    invoice,
    amount,
  }: { charge: Stripe.Charge; invoice: Stripe.Invoice | null; amount: number },
): Promise<boolean> {
  const { returns: policy } = services.config;
  const id = invoice && invoiceSubscription({ ...invoice });
  const row = id === null ? null : await findSubscription(services.database.knex, id);
  if (row === null || row.state === 'canceled') return false;
  const refund: MoneyReturn = {
    id: 'preview',
    kind: 'refund',
    chargeId: charge.id,
    invoiceId: invoice?.id ?? null,
    subscriptionId: id,
    customerId: idOf(charge.customer),
    amount: charge.amount_refunded + amount,
    currency: charge.currency,
    status: 'succeeded',
    reason: null,
    createdAt: services.clock.now(),
    paid: { amount: paidAmount(charge, invoice), ...paidPeriod(invoice) },
  };
  const present = await presentPeriod(services, row, refund.invoiceId);
  return restrictionOf([refund], policy, { now: services.clock.now(), present }) !== null;
}

function refused(words: string): AppError {
  return new AppError('not_allowed', words);
}

/** The paid charge that an id means; throws 404 for one of another customer, as for one that does not exist. */
async function chargeOf(
  { stripe }: Services,
  { customerId, payment }: { customerId: string; payment: string },
): Promise<Stripe.Charge> {
  const charges = await chargesNamed(stripe, payment);
  const own = charges.filter((each) => idOf(each.customer) === customerId);
  const paid = own.find((each) => each.paid && each.amount_captured > 0);
  if (paid) return paid;
  if (own.length > 0) throw refused('Nothing was paid with this payment.');
  throw new AppError('not_found', 'This account has no such payment.');
}

async function chargesNamed(stripe: Services['stripe'], id: string): Promise<Stripe.Charge[]> {
  if (id.startsWith('pi_')) return stripe.chargesOfIntent(id);
  if (!id.startsWith('in_')) return [await stripe.retrieveCharge(id)];
  const { payments } = await stripe.retrieveInvoice(id);
  const intents = (payments?.data ?? []).flatMap(({ payment }) => {
    const intent = idOf(payment.payment_intent ?? null);
    return intent === null ? [] : [intent];
  });
  const lists = await Promise.all(intents.map((intent) => stripe.chargesOfIntent(intent)));
  return lists.flat();
}

function idOf(value: string | { id: string } | null): string | null {
  return typeof value === 'string' ? value : (value?.id ?? null);
}
