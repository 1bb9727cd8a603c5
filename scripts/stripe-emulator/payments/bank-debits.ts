import { fingerprintOf } from './cards.ts';
import { DECLINES, type Decline } from './declines.ts';

/** How a delayed debit ends; the money is `processing` until then. */
export interface DebitOutcome {
  decline: Decline | null;
  disputed: boolean;
  delaySeconds: number;
}

/** A United States bank account as a customer gives it. */
export interface UsBank {
  routing: string;
  account: string;
  holderType: 'individual' | 'company';
  accountType: 'checking' | 'savings';
}

/** Two, because due work is counted in whole seconds: one could be over before the answer is read. */
const ok: DebitOutcome = { decline: null, disputed: false, delaySeconds: 2 };
const fails = (decline: Decline): DebitOutcome => ({ ...ok, decline });
const slow = (outcome: DebitOutcome): DebitOutcome => ({ ...outcome, delaySeconds: 180 });
const disputed: DebitOutcome = { ...ok, disputed: true };

/** Stripe's test IBANs and test accounts that do anything else than succeed at once. */
const OUTCOMES: Readonly<Record<string, DebitOutcome>> = {
  AT861904300235473202: fails(DECLINES.debitFailed),
  AT321904300235473204: slow(ok),
  AT051904300235473205: slow(fails(DECLINES.debitFailed)),
  AT591904300235473203: disputed,
  BE68539007547034: fails(DECLINES.debitFailed),
  DE62370400440532013001: fails(DECLINES.debitFailed),
  DE08370400440532013003: slow(ok),
  DE78370400440532013004: slow(fails(DECLINES.debitFailed)),
  DE35370400440532013002: disputed,
  ES9121000418450200051332: fails(DECLINES.debitFailed),
  FR8420041010050500013M02607: fails(DECLINES.debitFailed),
  FR7920041010050500013M02600: slow(ok),
  FR9720041010050500013M02608: slow(fails(DECLINES.debitFailed)),
  IE02AIBK93115212345679: fails(DECLINES.debitFailed),
  // The number that the CLI's `checkout.session.async_payment_failed` uses.
  IT60X0542811101000000123456: fails(DECLINES.debitFailed),
  LU980019400644750001: fails(DECLINES.debitFailed),
  NL91ABNA0417164300: fails(DECLINES.debitFailed),
  '000111111113': fails(DECLINES.bankAccountClosed),
  '000111111116': fails(DECLINES.bankAccountClosed),
  '000222222227': fails(DECLINES.bankInsufficientFunds),
  '000333333335': fails(DECLINES.debitNotAuthorized),
  '000555555559': disputed,
};

/** What the fingerprint of a bank account is made from. */
export const bankIdentity = (number: string): string => `bank/${number}`;

const byFingerprint = new Map(
  Object.entries(OUTCOMES).map(([number, outcome]) => [
    fingerprintOf(bankIdentity(number)),
    outcome,
  ]),
);

/** What becomes of a debit from the account with this fingerprint; accounts that are not listed pay. */
export const debitOutcome = (fingerprint: string | null): DebitOutcome =>
  byFingerprint.get(fingerprint ?? '') ?? ok;

/** The checksum rule of ISO 13616: the rearranged number, letters as 10 to 35, leaves 1 modulo 97. */
export function isIban(text: string): boolean {
  const iban = text.replaceAll(/\s/g, '').toUpperCase();
  if (!/^[A-Z]{2}\d{2}[A-Z0-9]{8,30}$/.test(iban)) return false;
  const rearranged = iban.slice(4) + iban.slice(0, 4);
  const digits = rearranged.replaceAll(/[A-Z]/g, (letter) => String(parseInt(letter, 36)));
  return BigInt(digits) % 97n === 1n;
}
