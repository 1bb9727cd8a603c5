import { describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { accessOf, type Grace } from '../../state/access.ts';
import { allowedActions } from '../../state/actions.ts';
import { lifecycleOf, UNPAID_MARK } from '../../state/lifecycle.ts';
import type {
  PlanInvoice,
  Restriction,
  StoredSubscription,
  SubscriptionFacts,
} from '../../state/types.ts';
import { CATALOGUE, storedIn, T0 } from './factories.ts';

const DAY = 86_400_000;
const START = T0 * 1000;
const END = START + 30 * DAY;

const invoice = (status: string): PlanInvoice => ({
  id: 'in_1',
  status,
  periodEnd: END,
  createdAt: START,
  dueAt: null,
});
const VOID = { pauseCollection: { behavior: 'void', resumesAt: null } };
const KEPT = { pauseCollection: { behavior: 'keep_as_draft', resumesAt: null } };
const ends = (cancelAt: number) => ({ cancelAt, canceledAt: START + DAY });

/** Every fact that a rule asks, with each of its values. */
const FACTS: Record<string, Partial<SubscriptionFacts>[]> = {
  status: [
    'incomplete',
    'incomplete_expired',
    'trialing',
    'active',
    'past_due',
    'unpaid',
    'paused',
    'canceled',
  ].map((stripeStatus) => ({ stripeStatus })),
  pause: [{}, VOID, { ...KEPT, metadata: { [UNPAID_MARK]: 'in_1' } }],
  change: [
    {},
    {
      scheduleId: 'sub_sched_1',
      nextPhase: { priceId: 'price_starter_month', quantity: 1, at: END },
    },
    { pendingUpdate: { priceId: 'price_pro_month', quantity: 2, expiresAt: END } },
  ],
  bill: [
    {},
    ...['paid', 'open', 'draft', 'void', 'uncollectible'].map((status) => ({
      planInvoice: invoice(status),
    })),
  ],
  end: [{}, ends(END), ends(END + 300 * DAY), ends(START + 2 * DAY), { cancelAtPeriodEnd: true }],
};
const RESTRICTIONS: (Restriction | null)[] = [
  null,
  { reason: 'disputed', since: START, until: null },
  { reason: 'refunded', since: START, until: END },
];
const GRACES: Grace[] = ['period_end', { days: 3 }, { maxDays: 7 }];
const NOWS = [START + 5 * DAY, START + 25 * DAY, END + 4 * DAY];

interface Case {
  row: StoredSubscription;
  grace: Grace;
  now: number;
}

function* cases(): Generator<Case> {
  const base = storedIn('active');
  let some: Partial<SubscriptionFacts>[] = [{}];
  for (const values of Object.values(FACTS)) {
    some = some.flatMap((facts) => values.map((value) => ({ ...facts, ...value })));
  }
  for (const changes of some) {
    const facts = { ...base.facts, ...changes };
    const { state } = lifecycleOf(facts, { catalogue: CATALOGUE, previous: 'active' });
    for (const restriction of RESTRICTIONS) {
      const since = state === 'past_due' ? START + DAY : base.since;
      const row = { ...base, facts, state, restriction, since, pastDueSince: null };
      for (const grace of GRACES) for (const now of NOWS) yield { row, grace, now };
    }
  }
}

/** What is wrong with a case; null when all rules hold. */
function problemOf({ row, grace, now }: Case): string | null {
  const { facts, state, restriction = null } = row;
  const access = accessOf(row, { now, grace });
  const actions = allowedActions(row, { accessNow: access });
  const has = access.level !== 'none';
  const ended = state === 'canceled' || (facts.cancelAt !== null && facts.cancelAt <= now);
  // What the end of dunning stopped goes on by itself once the debt is paid.
  const stopped = facts.pauseCollection !== null && !facts.metadata[UNPAID_MARK];
  const live = facts.stripeStatus === 'active' || facts.stripeStatus === 'past_due';
  const restricted = restriction !== null && (restriction.until ?? Infinity) > now;
  // `unpaid`: an older debt stopped it.
  const paid = facts.planInvoice?.status === 'paid' && now < END && state !== 'unpaid';
  const lost = facts.planInvoice && ['void', 'uncollectible'].includes(facts.planInvoice.status!);
  if (has && ended) return 'access after the end';
  if (has && restricted) return 'access to what was sent back';
  if (has && stopped) return 'access while nothing is collected';
  if (has && !live && state !== 'trialing' && state !== 'cancel_pending')
    return 'access for nothing';
  if (has && lost && live && now < END) return 'access to a period that nobody will pay';
  if (!has && live && paid && !stopped && !restricted && !ended)
    return 'locked out of what was paid';
  if (access.until !== null && has && access.until <= now) return 'access that has run out';
  if (actions.length === 0) return 'no way out';
  if (state === 'canceled' && !actions.includes('reactivate')) return 'no way back';
  if (restriction?.reason === 'disputed' && actions.includes('resume'))
    return 'a dispute taken off';
  return null;
}

describe('Every combination of facts', () => {
  it('keeps the rules of access, and leaves a way out', () => {
    const wrong = new Map<string, string>();
    let count = 0;
    for (const each of cases()) {
      count += 1;
      const problem = problemOf(each);
      if (problem === null || wrong.has(problem)) continue;
      const { facts, state, restriction } = each.row;
      const { stripeStatus, pauseCollection, nextPhase, planInvoice, cancelAt } = facts;
      const told = { stripeStatus, pauseCollection, nextPhase, planInvoice, cancelAt, restriction };
      wrong.set(
        problem,
        `${state} ${JSON.stringify({ ...told, grace: each.grace, now: each.now })}`,
      );
    }
    expect(Object.fromEntries(wrong)).toEqual({});
    const page = readFileSync(new URL('../../docs/state-machine.md', import.meta.url), 'utf8');
    expect(page).toContain(`${count.toLocaleString('en')} combinations`);
  });
});
