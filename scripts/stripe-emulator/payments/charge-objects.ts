import type Stripe from 'stripe';
import { randomText } from '../kernel/ids.ts';
import type { Decline } from './declines.ts';

/** What a charge is made from. `decline` null: the money moved (or is on its way, or held). */
export interface ChargeFacts {
  id: string;
  created: number;
  intent: Stripe.PaymentIntent;
  method: Stripe.PaymentMethod;
  decline: Decline | null;
  /** The holder authenticated this payment. */
  authenticated: boolean;
  /** `succeeded`, or `pending` for a debit that takes days. */
  state: 'succeeded' | 'pending';
  captured: boolean;
  receiptBase: string;
}

const DESCRIPTOR = 'STRIPE EMULATOR';

function outcomeOf(decline: Decline | null): Stripe.Charge.Outcome {
  if (decline === null) {
    return {
      advice_code: null,
      network_advice_code: null,
      network_decline_code: null,
      network_status: 'approved_by_network',
      reason: null,
      risk_level: 'normal',
      risk_score: 20,
      seller_message: 'Payment complete.',
      type: 'authorized',
    };
  }
  const blocked = decline.declineCode === 'fraudulent';
  return {
    advice_code: decline.advice,
    network_advice_code: decline.networkAdvice,
    network_decline_code: decline.networkCode,
    network_status: blocked ? 'not_sent_to_network' : 'declined_by_network',
    reason: blocked ? 'highest_risk_level' : (decline.declineCode ?? decline.code),
    risk_level: blocked ? 'highest' : 'normal',
    risk_score: blocked ? 99 : 20,
    seller_message: decline.seller,
    type: blocked ? 'blocked' : 'issuer_declined',
  };
}

function threeDSecure(
  facts: ChargeFacts,
): Stripe.Charge.PaymentMethodDetails.Card.ThreeDSecure | null {
  if (!facts.authenticated) return null;
  return {
    authentication_flow: 'challenge',
    electronic_commerce_indicator: '05',
    exemption_indicator: null,
    result: 'authenticated',
    result_reason: null,
    transaction_id: `threeds2_${randomText(12)}`,
    version: '2.2.0',
  };
}

function cardUsed(
  facts: ChargeFacts,
  card: Stripe.PaymentMethod.Card,
): Stripe.Charge.PaymentMethodDetails.Card {
  const { amount } = facts.intent;
  const held = facts.decline === null;
  return {
    amount_authorized: held ? amount : null,
    authorization_code: held ? String(Math.floor(Math.random() * 900_000) + 100_000) : null,
    brand: card.brand,
    ...(held && !facts.captured ? { capture_before: facts.created + 7 * 86_400 } : {}),
    checks: structuredClone(card.checks),
    country: card.country,
    electronic_commerce_indicator: facts.authenticated ? '05' : null,
    exp_month: card.exp_month,
    exp_year: card.exp_year,
    extended_authorization: { status: 'disabled' },
    fingerprint: card.fingerprint ?? null,
    funding: card.funding,
    incremental_authorization: { status: 'unavailable' },
    installments: null,
    last4: card.last4,
    mandate: null,
    multicapture: { status: 'unavailable' },
    network: card.brand,
    network_token: { used: false },
    network_transaction_id: held ? String(Math.floor(Math.random() * 9e14) + 1e14) : null,
    overcapture: { maximum_amount_capturable: amount, status: 'unavailable' },
    regulated_status: card.regulated_status,
    three_d_secure: threeDSecure(facts),
    transaction_link_id: null,
    wallet: null,
  };
}

function detailsOf(facts: ChargeFacts): Stripe.Charge.PaymentMethodDetails {
  const { card, sepa_debit: sepa, us_bank_account: bank, type } = facts.method;
  if (card !== undefined) return { card: cardUsed(facts, card), type };
  if (sepa !== undefined) {
    const { bank_code, branch_code, country, fingerprint, last4 } = sepa;
    return {
      sepa_debit: { bank_code, branch_code, country, fingerprint, last4, mandate: null },
      type,
    };
  }
  if (bank !== undefined) {
    const { account_holder_type, account_type, bank_name, fingerprint, last4, routing_number } =
      bank;
    return {
      type,
      us_bank_account: {
        account_holder_type,
        account_type,
        bank_name,
        fingerprint,
        last4,
        payment_reference: null,
        routing_number,
      },
    };
  }
  return { type };
}

/** The charge of one attempt to pay a payment intent: paid, pending or failed. */
export function newCharge(facts: ChargeFacts): Stripe.Charge {
  const { intent, method, decline } = facts;
  const paid = decline === null && facts.state === 'succeeded';
  return {
    id: facts.id,
    object: 'charge',
    amount: intent.amount,
    amount_captured: paid && facts.captured ? intent.amount : 0,
    amount_refunded: 0,
    application: null,
    application_fee: null,
    application_fee_amount: intent.application_fee_amount,
    balance_transaction: null,
    billing_details: structuredClone(method.billing_details),
    calculated_statement_descriptor: intent.statement_descriptor ?? DESCRIPTOR,
    captured: decline === null && facts.captured,
    created: facts.created,
    currency: intent.currency,
    customer: intent.customer,
    description: intent.description,
    disputed: false,
    failure_balance_transaction: null,
    failure_code: decline?.code ?? null,
    failure_message: decline?.message ?? null,
    fraud_details: {},
    livemode: false,
    metadata: { ...intent.metadata },
    on_behalf_of: null,
    outcome: outcomeOf(decline),
    paid,
    payment_intent: intent.id,
    payment_method: method.id,
    payment_method_details: detailsOf(facts),
    radar_options: {},
    receipt_email: intent.receipt_email,
    receipt_number: null,
    receipt_url: paid ? `${facts.receiptBase}/receipts/${facts.id}` : null,
    refunded: false,
    review: null,
    shipping: intent.shipping,
    source: null,
    source_transfer: null,
    statement_descriptor: intent.statement_descriptor,
    statement_descriptor_suffix: intent.statement_descriptor_suffix,
    status: decline === null ? facts.state : 'failed',
    transfer_data: null,
    transfer_group: intent.transfer_group,
  };
}

/** The entry in the account's balance for money that came in (Stripe's standard fee: 2.9 % and 30). */
export function chargeTransaction(
  id: string,
  charge: Stripe.Charge,
  now: number,
): Stripe.BalanceTransaction {
  const amount = charge.amount_captured;
  const fee = Math.min(amount, Math.round(amount * 0.029) + 30);
  return {
    id,
    object: 'balance_transaction',
    amount,
    available_on: now + 2 * 86_400,
    balance_type: 'payments',
    created: now,
    currency: charge.currency,
    description: charge.description,
    exchange_rate: null,
    fee,
    fee_details: [
      {
        amount: fee,
        application: null,
        currency: charge.currency,
        description: 'Stripe processing fees',
        type: 'stripe_fee',
      },
    ],
    net: amount - fee,
    reporting_category: 'charge',
    source: charge.id,
    status: 'pending',
    type: 'charge',
  };
}

/** The entry for money that goes back or is held back: a refund or a dispute. */
export function outgoingTransaction(
  id: string,
  out: {
    amount: number;
    currency: string;
    source: string;
    kind: 'refund' | 'dispute';
    fee: number;
  },
  now: number,
): Stripe.BalanceTransaction {
  const fees =
    out.fee === 0
      ? []
      : [
          {
            amount: out.fee,
            application: null,
            currency: out.currency,
            description: 'Dispute fee',
            type: 'stripe_fee',
          },
        ];
  return {
    id,
    object: 'balance_transaction',
    amount: -out.amount,
    available_on: now + 2 * 86_400,
    balance_type: 'payments',
    created: now,
    currency: out.currency,
    description:
      out.kind === 'refund' ? 'REFUND FOR CHARGE' : `Chargeback withdrawal for ${out.source}`,
    exchange_rate: null,
    fee: out.fee,
    fee_details: fees,
    net: -out.amount - out.fee,
    reporting_category: out.kind,
    source: out.source,
    status: 'pending',
    type: out.kind === 'refund' ? 'refund' : 'adjustment',
  };
}
