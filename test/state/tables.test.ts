import { describe, expect, expectTypeOf, it } from 'vitest';
import type { Effect, EffectKind } from '../../state/effect-kinds.ts';
import type { Figure } from '../../state/metrics.ts';
import { STATES, statesWhere, stripeStatus } from '../../state/states.ts';
import { LIFECYCLE_STATES, type LifecycleState } from '../../state/types.ts';

// The compiler holds these: `npm run check:types` fails when a line below compiles.
describe('The table of effects', () => {
  it('H-4: has no kind that is not in it', () => {
    expectTypeOf<'mail.subscription_pausd'>().not.toExtend<EffectKind>();
    const payload = { customerId: 'cus_1', userId: null };
    // @ts-expect-error: misspelt
    const misspelt: Effect = { objectId: 'evt_1', kind: 'entitlement.read', payload };
    // @ts-expect-error: a payload without its fields
    const empty: Effect = { objectId: 'evt_1', kind: 'entitlements.read', payload: {} };
    expect([misspelt.kind, empty.kind]).toHaveLength(2);
  });
});

describe('The table of figures', () => {
  it('H-6: has every figure that may be stored', () => {
    expectTypeOf<'paused'>().not.toExtend<Figure>();
  });
});

describe('The table of states', () => {
  it('H-7: answers every question for every state', () => {
    expectTypeOf<keyof typeof STATES>().toEqualTypeOf<LifecycleState>();
    expect(Object.keys(STATES)).toEqual(LIFECYCLE_STATES);
    expect(statesWhere('open', false)).toEqual(['none', 'canceled']);
    expect(statesWhere('hasPeriod', false)).toEqual(['none', 'paused', 'canceled']);
    expect(statesWhere('countsUsage', false)).toEqual(['none', 'incomplete', 'canceled']);
    expect(statesWhere('awaitsPayment')).toEqual(['incomplete', 'past_due', 'paused']);
    expect(statesWhere('trialLost')).toEqual(['unpaid', 'paused', 'canceled']);
    const orders = LIFECYCLE_STATES.map((state) => STATES[state].order);
    expect(new Set(orders).size).toBe(LIFECYCLE_STATES.length);
  });

  it('knows what each status of Stripe means, and which it does not know', () => {
    const names = ['active', 'past_due', 'trialing', 'incomplete', 'unpaid', 'paused', 'canceled'];
    expect(names.filter((name) => stripeStatus(name)?.earns)).toEqual(['active', 'past_due']);
    expect(names.filter((name) => stripeStatus(name)?.idle)).toEqual(['unpaid', 'paused']);
    expect(stripeStatus('incomplete_expired')?.ended).toBe(true);
    expect(stripeStatus('suspended')).toBeNull();
    expect(stripeStatus('toString')).toBeNull();
  });
});
