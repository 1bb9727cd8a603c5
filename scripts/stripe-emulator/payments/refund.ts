import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { cardByFingerprint } from './cards.ts';
import { outgoingTransaction } from './charge-objects.ts';

export interface RefundRequest {
  charge: Stripe.Charge;
  /** Minor units; null: all that is left. */
  amount: number | null;
  reason: Stripe.Refund.Reason | null;
  metadata: Stripe.Metadata;
}

/** The job that ends a refund on the two cards whose refunds do not end at once. */
export const SETTLE_REFUND = 'settle_refund';

function amountOf(ctx: Context, request: RefundRequest): number {
  const { charge, amount } = request;
  if (!charge.paid)
    throw invalidRequest(`Charge ${charge.id} has not been paid and cannot be refunded.`, {
      code: 'charge_not_refundable',
    });
  if (
    charge.disputed &&
    ctx.store.by('dispute', 'charge', charge.id).some((each) => !each.is_charge_refundable)
  ) {
    throw invalidRequest(`Charge ${charge.id} has been charged back; cannot issue a refund.`, {
      code: 'charge_disputed',
    });
  }
  const left = charge.amount_captured - charge.amount_refunded;
  if (left <= 0)
    throw invalidRequest(`Charge ${charge.id} has already been refunded.`, {
      code: 'charge_already_refunded',
    });
  if (amount !== null && amount > left) {
    throw invalidRequest(
      `Refund amount (${shown(amount, charge.currency)}) is greater than unrefunded amount on charge (${shown(left, charge.currency)})`,
      { param: 'amount' },
    );
  }
  return amount ?? left;
}

const shown = (amount: number, currency: string): string =>
  currency === 'usd' ? `$${(amount / 100).toFixed(2)}` : `${(amount / 100).toFixed(2)} ${currency}`;

function behaviourOf(charge: Stripe.Charge): 'succeeded' | 'pending' | 'failed' {
  return cardByFingerprint(charge.payment_method_details?.card?.fingerprint)?.refund ?? 'succeeded';
}

/** Gives money of a charge back. Emits `refund.created`, `charge.refunded`. Errors: 400 where nothing is left. */
export function refundCharge(ctx: Context, request: RefundRequest): Stripe.Refund {
  const { charge } = request;
  const amount = amountOf(ctx, request);
  const behaviour = behaviourOf(charge);
  const now = ctx.nowFor(charge.customer);
  const refund: Stripe.Refund = {
    id: ctx.store.newId('refund'),
    object: 'refund',
    amount,
    balance_transaction: null,
    charge: charge.id,
    created: now,
    currency: charge.currency,
    customer: charge.customer,
    customer_account: null,
    destination_details: {
      card: {
        reference_status: 'pending',
        reference_type: 'acquirer_reference_number',
        type: 'refund',
      },
      type: 'card',
    },
    metadata: request.metadata,
    payment_intent: charge.payment_intent,
    payment_method: charge.payment_method,
    ...(behaviour === 'pending' ? { pending_reason: 'processing' } : {}),
    reason: request.reason,
    receipt_number: null,
    source_transfer_reversal: null,
    status: behaviour === 'pending' ? 'pending' : 'succeeded',
    transfer_reversal: null,
  };
  ctx.add('refund', refund);
  const out = {
    amount,
    currency: charge.currency,
    source: refund.id,
    kind: 'refund',
    fee: 0,
  } as const;
  refund.balance_transaction = ctx.add(
    'balance_transaction',
    outgoingTransaction(ctx.store.newId('balance_transaction'), out, now),
  ).id;
  const apply = () => {
    charge.amount_refunded += amount;
    charge.refunded = charge.amount_refunded >= charge.amount_captured;
  };
  ctx.update('charge', charge, { event: null, apply });
  ctx.emit('refund.created', refund);
  ctx.emit('charge.refunded', charge);
  if (behaviour !== 'succeeded')
    ctx.schedule(ctx.now() + 1, null, { job: SETTLE_REFUND, ref: refund.id });
  return refund;
}

/** The job: a pending refund succeeds, a doomed one fails and the money comes back. */
export function settleRefund(ctx: Context, id: string): void {
  const refund = ctx.store.find('refund', id);
  const charge = ctx.store.find('charge', idOf(refund?.charge));
  if (
    refund === undefined ||
    charge === undefined ||
    refund.status === 'failed' ||
    refund.status === 'canceled'
  )
    return;
  const failed = behaviourOf(charge) === 'failed';
  const apply = () => {
    refund.status = failed ? 'failed' : 'succeeded';
    delete refund.pending_reason;
    if (failed) refund.failure_reason = 'expired_or_canceled_card';
  };
  ctx.update('refund', refund, { event: null, apply });
  if (!failed) {
    ctx.emit('refund.updated', refund);
    return;
  }
  undo(ctx, charge, refund.amount);
  ctx.emit('refund.failed', refund);
}

function undo(ctx: Context, charge: Stripe.Charge, amount: number): void {
  const apply = () => {
    charge.amount_refunded -= amount;
    charge.refunded = false;
  };
  ctx.update('charge', charge, { event: null, apply });
}

/** Stops a refund that is still pending. Errors: 400 for any other. */
export function cancelRefund(ctx: Context, refund: Stripe.Refund): Stripe.Refund {
  if (refund.status !== 'pending')
    throw invalidRequest('This refund cannot be canceled because it is not in a cancelable state.');
  ctx.unschedule(SETTLE_REFUND, refund.id);
  ctx.update('refund', refund, {
    event: 'refund.updated',
    apply: () => (refund.status = 'canceled'),
  });
  const charge = ctx.store.find('charge', idOf(refund.charge));
  if (charge !== undefined) undo(ctx, charge, refund.amount);
  return refund;
}
