import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import type { DisputeKind } from './cards.ts';
import { outgoingTransaction } from './charge-objects.ts';

const DISPUTE_FEE = 1_500;
const ANSWER_WITHIN = 9 * 86_400;

const noEvidence = (): Stripe.Dispute.Evidence => ({
  access_activity_log: null,
  billing_address: null,
  cancellation_policy: null,
  cancellation_policy_disclosure: null,
  cancellation_rebuttal: null,
  customer_communication: null,
  customer_email_address: null,
  customer_name: null,
  customer_purchase_ip: null,
  customer_signature: null,
  duplicate_charge_documentation: null,
  duplicate_charge_explanation: null,
  duplicate_charge_id: null,
  enhanced_evidence: {},
  product_description: null,
  receipt: null,
  refund_policy: null,
  refund_policy_disclosure: null,
  refund_refusal_explanation: null,
  service_date: null,
  service_documentation: null,
  shipping_address: null,
  shipping_carrier: null,
  shipping_date: null,
  shipping_documentation: null,
  shipping_tracking_number: null,
  uncategorized_file: null,
  uncategorized_text: null,
});

function newDispute(ctx: Context, charge: Stripe.Charge, kind: DisputeKind): Stripe.Dispute {
  const now = ctx.nowFor(charge.customer);
  const card = charge.payment_method_details?.card;
  const inquiry = kind === 'inquiry';
  return {
    id: ctx.store.newId('dispute'),
    object: 'dispute',
    amount: charge.amount,
    balance_transactions: [],
    charge: charge.id,
    created: now,
    currency: charge.currency,
    enhanced_eligibility_types: [],
    evidence: noEvidence(),
    evidence_details: {
      due_by: now + ANSWER_WITHIN,
      enhanced_eligibility: {},
      has_evidence: false,
      past_due: false,
      submission_count: 0,
      submission_method: 'not_submitted',
    },
    intended_submission_method: null,
    is_charge_refundable: inquiry,
    livemode: false,
    metadata: {},
    payment_intent: charge.payment_intent,
    ...(card === undefined
      ? {}
      : {
          payment_method_details: {
            card: {
              brand: card.brand ?? 'unknown',
              case_type: inquiry ? 'inquiry' : 'chargeback',
              network: card.network ?? 'visa',
              network_reason_code: '10',
            },
            type: 'card',
          },
        }),
    reason: kind === 'product_not_received' ? kind : 'fraudulent',
    status: inquiry ? 'warning_needs_response' : 'needs_response',
  };
}

/** The bank takes a paid charge back (or, for an inquiry, only asks). */
export function openDispute(
  ctx: Context,
  charge: Stripe.Charge,
  kind: DisputeKind,
): Stripe.Dispute {
  const dispute = ctx.add('dispute', newDispute(ctx, charge, kind));
  if (kind !== 'inquiry') {
    const id = ctx.store.newId('balance_transaction');
    const { amount, currency } = charge;
    const out = {
      amount,
      currency,
      source: dispute.id,
      kind: 'dispute',
      fee: DISPUTE_FEE,
    } as const;
    dispute.balance_transactions.push(
      ctx.add('balance_transaction', outgoingTransaction(id, out, dispute.created)),
    );
  }
  ctx.update('charge', charge, { event: null, apply: () => (charge.disputed = true) });
  ctx.emit('charge.dispute.created', dispute);
  if (kind !== 'inquiry') ctx.emit('charge.dispute.funds_withdrawn', dispute);
  return dispute;
}

/** The account's own evidence decides in test mode: these two words in `uncategorized_text`. */
const VERDICTS: Readonly<Record<string, 'won' | 'lost'>> = {
  winning_evidence: 'won',
  losing_evidence: 'lost',
};

/** Ends a dispute after its evidence was submitted; other texts leave it under review. */
export function judge(ctx: Context, dispute: Stripe.Dispute): void {
  const verdict = VERDICTS[dispute.evidence.uncategorized_text ?? ''];
  if (verdict !== undefined) closeDispute(ctx, dispute, verdict);
}

/** Closes a dispute: accepted by the account, or decided. Emits `charge.dispute.closed`. */
export function closeDispute(ctx: Context, dispute: Stripe.Dispute, verdict: 'won' | 'lost'): void {
  const inquiry = dispute.status.startsWith('warning');
  ctx.update('dispute', dispute, {
    event: null,
    apply: () => (dispute.status = inquiry ? 'warning_closed' : verdict),
  });
  if (verdict === 'won' && !inquiry) ctx.emit('charge.dispute.funds_reinstated', dispute);
  ctx.emit('charge.dispute.closed', dispute);
}
