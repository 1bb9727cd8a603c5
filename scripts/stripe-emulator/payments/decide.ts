import type { TestCard } from './cards.ts';
import { DECLINES, type Decline } from './declines.ts';

/** What is being asked of the bank. `setUp`: the method was authenticated for later use before. */
export interface BankQuestion {
  purpose: 'charge' | 'setup' | 'attach';
  offSession: boolean;
  authenticated: boolean;
  setUp: boolean;
}

export type BankAnswer =
  | { kind: 'approved' }
  | { kind: 'authenticate' }
  | { kind: 'declined'; decline: Decline };

const approved: BankAnswer = { kind: 'approved' };

function mustAuthenticate(card: TestCard, question: BankQuestion): boolean {
  if (question.authenticated || question.purpose === 'attach') return false;
  const rules: Record<TestCard['authentication'], boolean> = {
    never: false,
    unless_set_up: question.purpose === 'setup' || !question.setUp,
    on_session: !question.offSession,
    always: true,
  };
  return rules[card.authentication];
}

/**
 * What the bank behind a test card answers. Off session nobody can authenticate: the caller decides whether
 * `authenticate` then means a decline (a direct payment) or a payment that waits for the customer (an invoice).
 */
export function askBank(card: TestCard, question: BankQuestion): BankAnswer {
  if (mustAuthenticate(card, question)) return { kind: 'authenticate' };
  const decline = question.purpose === 'charge' ? card.onCharge : card.onAttach;
  return decline === null ? approved : { kind: 'declined', decline };
}

/** The decline of a payment that needed the customer when the customer was away. */
export const offSessionDecline = DECLINES.authenticationRequired;
