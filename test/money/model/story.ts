/** What may happen to an account, as data: a story is repeated and shortened by these words alone. */
import * as fc from 'fast-check';

export interface Choice {
  plan: 'small' | 'big';
  interval: 'monthly' | 'yearly';
  quantity?: number;
}

/** `asks`: the bank wants the customer to confirm; `disputed`: it pays, and the bank takes the money back. */
export type Card = 'good' | 'fails_later' | 'asks' | 'disputed';

export type Act =
  | { do: 'rest' }
  // Commands of the customer.
  // `twice`: in two tabs, or by two clicks, at the same time.
  | { do: 'buy'; choice: Choice; code: boolean; card: Card; twice?: boolean }
  | { do: 'change'; choice: Choice; when?: 'now' | 'period_end'; twice?: boolean }
  | { do: 'cancel'; when: 'now' | 'period_end' }
  | { do: 'pause'; hours: number | null }
  | { do: 'resume' }
  | { do: 'reactivate'; choice: Choice; code: boolean; twice?: boolean }
  | { do: 'discount' }
  | { do: 'pay'; twice?: boolean }
  | { do: 'card'; card: Card }
  // An operator's, through the API.
  | { do: 'bill'; amount: number; twice?: boolean }
  | { do: 'give_back'; part: number; twice?: boolean }
  | { do: 'give_credit'; amount: number }
  | { do: 'extend_trial'; days: number | null }
  | { do: 'grant'; days: number | null }
  | { do: 'revoke' }
  // Bought once, with a plan for ever.
  | { do: 'buy_once'; card: Card }
  // The host's.
  | { do: 'use'; calls: number }
  // In Stripe's Dashboard.
  | { do: 'void' | 'uncollectible' | 'price' | 'schedule' | 'portal_cancel' }
  | { do: 'addon' | 'trial_now' }
  | { do: 'evidence'; verdict: 'won' | 'lost' }
  | { do: 'refund'; part: number }
  | { do: 'credit_note'; part: number }
  | { do: 'cancel_at'; days: number }
  | { do: 'trial_end'; days: number }
  | { do: 'collection'; behavior: 'void' | 'keep_as_draft' | 'mark_uncollectible' }
  | { do: 'sell'; by: 'invoice' | 'debit_late' | 'debit_bounces' };

/** How time goes on after everybody did something. Renewals fall together, because all begin together. */
export type Leap = { to: 'before_renewal' | 'in_draft' | 'after_renewal' } | { days: number };

export interface Story {
  acts: Act[];
}

const choice: fc.Arbitrary<Choice> = fc.record(
  {
    plan: fc.constantFrom('small', 'big', 'big'),
    interval: fc.constantFrom('monthly', 'monthly', 'yearly'),
    quantity: fc.integer({ min: 1, max: 3 }),
  },
  { requiredKeys: ['plan', 'interval'] },
);
const card = fc.constantFrom('good', 'good', 'fails_later', 'disputed');
const anyCard = fc.constantFrom('good', 'good', 'fails_later', 'asks', 'disputed');
const twice = fc.constantFrom(false, false, false, true);

function an(name: Act['do'], fields: Record<string, fc.Arbitrary<unknown>> = {}) {
  return fc.record({ do: fc.constant(name), ...fields }) as unknown as fc.Arbitrary<Act>;
}

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 3, arbitrary: an('rest') },
  { weight: 3, arbitrary: an('buy', { choice, code: fc.boolean(), card, twice }) },
  {
    weight: 5,
    arbitrary: an('change', {
      choice,
      when: fc.constantFrom('now', undefined, 'period_end'),
      twice,
    }),
  },
  { weight: 3, arbitrary: an('cancel', { when: fc.constantFrom('now', 'period_end') }) },
  { weight: 3, arbitrary: an('pause', { hours: fc.constantFrom(null, 3, 30, 24 * 40) }) },
  { weight: 4, arbitrary: an('resume') },
  { weight: 4, arbitrary: an('reactivate', { choice, code: fc.boolean(), twice }) },
  { weight: 2, arbitrary: an('discount') },
  { weight: 3, arbitrary: an('pay', { twice }) },
  { weight: 3, arbitrary: an('card', { card: anyCard }) },
  { weight: 4, arbitrary: an('use', { calls: fc.integer({ min: 1, max: 5_000 }) }) },
  { weight: 1, arbitrary: an('bill', { amount: fc.integer({ min: 100, max: 9_999 }), twice }) },
  { weight: 2, arbitrary: an('give_back', { part: fc.constantFrom(1, 0.5), twice }) },
  { weight: 1, arbitrary: an('give_credit', { amount: fc.integer({ min: 100, max: 3_000 }) }) },
  { weight: 1, arbitrary: an('extend_trial', { days: fc.constantFrom(null, 2, 20) }) },
  { weight: 2, arbitrary: an('grant', { days: fc.constantFrom(null, 1, 40) }) },
  { weight: 1, arbitrary: an('revoke') },
  { weight: 2, arbitrary: an('buy_once', { card }) },
  { weight: 3, arbitrary: an('evidence', { verdict: fc.constantFrom('won', 'lost') }) },
  { weight: 1, arbitrary: an('trial_now') },
  { weight: 1, arbitrary: an('addon') },
  { weight: 1, arbitrary: an('void') },
  { weight: 1, arbitrary: an('uncollectible') },
  { weight: 1, arbitrary: an('price') },
  { weight: 1, arbitrary: an('schedule') },
  { weight: 1, arbitrary: an('portal_cancel') },
  { weight: 1, arbitrary: an('refund', { part: fc.constantFrom(1, 0.5) }) },
  { weight: 1, arbitrary: an('credit_note', { part: fc.constantFrom(1, 0.4) }) },
  { weight: 1, arbitrary: an('cancel_at', { days: fc.constantFrom(5, 45, 400) }) },
  { weight: 1, arbitrary: an('trial_end', { days: fc.constantFrom(5, 50) }) },
  {
    weight: 1,
    arbitrary: an('collection', {
      behavior: fc.constantFrom('void', 'keep_as_draft', 'mark_uncollectible'),
    }),
  },
  {
    weight: 2,
    arbitrary: an('sell', { by: fc.constantFrom('invoice', 'debit_late', 'debit_bounces') }),
  },
);

const leap: fc.Arbitrary<Leap> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom({ days: 0.15 }, { days: 1 }, { days: 4 }, { days: 8 }) },
  {
    weight: 4,
    arbitrary: fc.constantFrom<Leap>(
      { to: 'before_renewal' },
      { to: 'in_draft' },
      { to: 'after_renewal' },
    ),
  },
  { weight: 2, arbitrary: fc.constantFrom({ days: 32 }, { days: 63 }) },
  { weight: 1, arbitrary: fc.constantFrom({ days: 367 }, { days: 367 }, { days: 730 }) },
);

/** Accounts that live at the same time, and the time that all of them live through. */
export interface Batch {
  stories: Story[];
  leaps: Leap[];
}

/** A batch by its seed: whoever knows the seed has the batch. */
export function batchOf(seed: number, size: { accounts: number; rounds: number }): Batch {
  const { accounts, rounds } = size;
  const first = an('buy', { choice, code: fc.boolean(), card: fc.constant('good') });
  const disputed = an('buy', { choice, code: fc.boolean(), card: fc.constant('disputed') });
  const sell = an('sell', { by: fc.constantFrom('invoice', 'debit_late', 'debit_bounces') });
  const end = an('cancel', { when: fc.constant('now') });
  const story = fc
    .tuple(
      fc.oneof(
        { weight: 8, arbitrary: fc.tuple(first) },
        { weight: 1, arbitrary: fc.tuple(disputed) },
        { weight: 2, arbitrary: fc.tuple(first, end, sell) },
        { weight: 2, arbitrary: fc.tuple(act) },
      ),
      fc.array(act, { minLength: rounds - 1, maxLength: rounds - 1 }),
    )
    .map(([begin, rest]) => ({ acts: [...begin, ...rest].slice(0, rounds) }));
  const batch = fc.record({
    stories: fc.array(story, { minLength: accounts, maxLength: accounts }),
    leaps: fc.array(leap, { minLength: rounds, maxLength: rounds }),
  });
  return fc.sample(batch, { seed, numRuns: 1 })[0]!;
}
