import type Stripe from 'stripe';
import { bankIdentity, type UsBank } from './bank-debits.ts';
import { fingerprintOf, type TestCard } from './cards.ts';

/** The parts of a card that its holder types, besides the number. */
export interface CardEntry {
  expMonth: number;
  expYear: number;
  checks: Stripe.PaymentMethod.Card.Checks;
}

/** The same day next month a year on: tokens such as `pm_card_visa` carry this expiry. */
export function tokenEntry(now: number): CardEntry {
  const date = new Date(now * 1000);
  return {
    expMonth: date.getUTCMonth() + 1,
    expYear: date.getUTCFullYear() + 1,
    checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: 'unchecked' },
  };
}

/** `payment_method.card` of a test card. */
export function cardDetails(card: TestCard, entry: CardEntry): Stripe.PaymentMethod.Card {
  return {
    brand: card.brand,
    checks: entry.checks,
    country: card.country,
    display_brand: card.brand === 'amex' ? 'american_express' : card.brand,
    exp_month: entry.expMonth,
    exp_year: entry.expYear,
    fingerprint: fingerprintOf(card.number),
    funding: card.funding,
    generated_from: null,
    last4: card.number.slice(-4),
    networks: { available: [card.brand], preferred: null },
    regulated_status: 'unregulated',
    three_d_secure_usage: { supported: card.brand !== 'unionpay' },
    wallet: null,
  };
}

/** How many characters of an IBAN name the bank, where it is not four. */
const BANK_CODES: Readonly<Record<string, number>> = { AT: 5, BE: 3, DE: 8, FI: 3, FR: 5, LU: 3 };

/** `payment_method.sepa_debit` of an IBAN. */
export function sepaDetails(iban: string): Stripe.PaymentMethod.SepaDebit {
  const compact = iban.replaceAll(/\s/g, '').toUpperCase();
  return {
    bank_code: compact.slice(4, 4 + (BANK_CODES[compact.slice(0, 2)] ?? 4)),
    branch_code: '',
    country: compact.slice(0, 2),
    fingerprint: fingerprintOf(bankIdentity(compact)),
    generated_from: { charge: null, setup_attempt: null },
    last4: compact.slice(-4),
  };
}

/** `payment_method.us_bank_account` of a routing and account number. */
export function usBankDetails(bank: UsBank): Stripe.PaymentMethod.UsBankAccount {
  return {
    account_holder_type: bank.holderType,
    account_type: bank.accountType,
    bank_name: 'STRIPE TEST BANK',
    financial_connections_account: null,
    fingerprint: fingerprintOf(bankIdentity(bank.account)),
    last4: bank.account.slice(-4),
    networks: { preferred: 'ach', supported: ['ach'] },
    routing_number: bank.routing,
    status_details: {},
  };
}

export const noAddress = (): Stripe.Address => ({
  city: null,
  country: null,
  line1: null,
  line2: null,
  postal_code: null,
  state: null,
});

export const noBillingDetails = (): Stripe.PaymentMethod.BillingDetails => ({
  address: noAddress(),
  email: null,
  name: null,
  phone: null,
  tax_id: null,
});

/** The banks' address and security code checks once a card was really used: what was typed passes. */
export function passChecks(checks: Stripe.PaymentMethod.Card.Checks): void {
  checks.cvc_check = 'pass';
  if (checks.address_line1_check !== null) checks.address_line1_check = 'pass';
  if (checks.address_postal_code_check !== null) checks.address_postal_code_check = 'pass';
}
