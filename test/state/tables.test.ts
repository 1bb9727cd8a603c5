import { describe, expect, expectTypeOf, it } from 'vitest';
import type { Effect, EffectKind } from '../../state/effect-kinds.ts';

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
