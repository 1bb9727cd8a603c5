/** Sequences that once gave something for nothing, or took something: each run of the model lives them again. */
import type { Act, Choice, Leap } from './story.ts';

const big: Choice = { plan: 'big', interval: 'monthly' };
const small: Choice = { plan: 'small', interval: 'monthly' };
const buy: Act = { do: 'buy', choice: big, code: false, card: 'good' };
const cancel: Act = { do: 'cancel', when: 'period_end' };
const end: Act = { do: 'cancel', when: 'now' };
const resume: Act = { do: 'resume' };
const good: Act = { do: 'card', card: 'good' };
const rest: Act = { do: 'rest' };
const later: Act = { do: 'change', choice: small };
const back: Act = { do: 'reactivate', choice: big, code: false };

export const KNOWN: Record<string, Act[]> = {
  'M-4': [buy, end, { do: 'sell', by: 'invoice' }, { do: 'change', choice: small, when: 'now' }],
  'M-8': [buy, rest, rest, { do: 'pause', hours: 3 }],
  'M-9': [buy, { do: 'discount' }, rest, rest, { do: 'discount' }],
  'M-13': [buy, end, { do: 'sell', by: 'debit_bounces' }],
  'M-14': [buy, rest, { do: 'card', card: 'fails_later' }, rest, end, good, back],
  'M-16': [buy, later, cancel, resume],
  'M-17 (cancel)': [buy, { do: 'schedule' }, cancel, resume],
  'M-17 (change)': [buy, { do: 'schedule' }, { do: 'change', choice: { ...big, quantity: 2 } }],
  'M-18': [buy, { do: 'cancel_at', days: 400 }, { do: 'change', choice: { ...big, quantity: 2 } }],
  'M-34': [buy, { do: 'use', calls: 1_000 }, { do: 'pause', hours: null }, end],
  'a dispute': [{ ...buy, card: 'disputed' }, rest, { do: 'use', calls: 10 }],
  'a dispute, won': [
    { ...buy, card: 'disputed' },
    { do: 'evidence', verdict: 'won' },
  ],
  'a dispute, lost': [{ ...buy, card: 'disputed' }, { do: 'evidence', verdict: 'lost' }, back],
  'two tabs': [{ ...buy, twice: true }, end, { ...back, twice: true }],
  'two invoices of an operator': [buy, { do: 'bill', amount: 500 }, { do: 'bill', amount: 700 }],
  'a grant that ends': [
    { do: 'grant', days: 1 },
    buy,
    rest,
    cancel,
    { do: 'grant', days: null },
    end,
  ],
  'bought for ever, and disputed': [
    { do: 'buy_once', card: 'good' },
    { do: 'refund', part: 1 },
    { do: 'buy_once', card: 'disputed' },
    { do: 'evidence', verdict: 'won' },
    buy,
    { do: 'grant', days: 1 },
    { do: 'revoke' },
  ],
  'refunded after a downgrade': [
    { ...buy, choice: { plan: 'big', interval: 'yearly' } },
    { do: 'change', choice: small, when: 'now' },
    { do: 'give_back', part: 1 },
  ],
  'a bigger plan for a year, not paid': [
    buy,
    { do: 'card', card: 'fails_later' },
    { do: 'change', choice: { plan: 'big', interval: 'yearly' }, when: 'now' },
  ],
  'P-22': [buy, later, { do: 'portal_cancel' }, resume],
};

export const KNOWN_LEAPS: Leap[] = [
  { days: 1 },
  { days: 1 },
  { to: 'before_renewal' },
  { to: 'after_renewal' },
  { days: 32 },
  { days: 1 },
  { days: 1 },
];

export const knownBatch = {
  stories: Object.values(KNOWN).map((acts) => ({
    acts: [...acts, ...Array.from({ length: KNOWN_LEAPS.length - acts.length }, () => rest)],
  })),
  leaps: KNOWN_LEAPS,
};
