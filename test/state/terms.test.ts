import { describe, expect, it } from 'vitest';
import {
  findPlan,
  planOf,
  type Catalogue,
  type Plan,
  type PlanTerms,
} from '../../state/catalogue.ts';
import { keptTerms, lossOf, nextTerms, withTerms } from '../../state/terms.ts';

const plan = (features: string[], limits: Plan['limits'] = {}, price = 'price_1'): Plan => ({
  id: 'pro',
  name: 'Pro',
  rank: 2,
  features,
  limits,
  prices: { monthly: { priceId: price, amount: 5000, currency: 'usd' } },
});

/** The catalogue after these edits of the plan, one after the other. */
function after(...edits: Plan[]): { catalogue: Catalogue; now: Plan; versions: PlanTerms[] } {
  const versions: PlanTerms[] = [];
  for (const edit of edits) {
    const next = nextTerms(edit, versions.at(-1) ?? null);
    if (next) versions[next.version - 1] = next;
  }
  const now = edits.at(-1)!;
  const catalogue: Catalogue = { plans: [now], products: [] };
  withTerms(catalogue, versions);
  return { catalogue, now, versions };
}

describe('The terms of a plan', () => {
  it('are a new version only when the plan gives something else', () => {
    const renamed = { ...plan(['b', 'a'], { seats: 3 }, 'price_2'), name: 'Professional' };
    const { versions } = after(plan(['a', 'b'], { seats: 3 }), renamed);
    expect(versions).toMatchObject([
      { version: 1, name: 'Professional', prices: ['price_1', 'price_2'] },
    ]);
    expect(nextTerms(renamed, versions[0]!)).toBeNull();
  });

  it('C-2: keep what was sold; what is removed is missing for later buyers only', () => {
    const { catalogue, now } = after(
      plan(['exports', 'sso'], { projects: null, seats: 10 }),
      plan(['sso'], { projects: 5, seats: 20 }),
    );
    expect(keptTerms(catalogue, now, 1)).toEqual({
      features: ['exports', 'sso'],
      limits: { projects: null, seats: 20 },
    });
    expect(keptTerms(catalogue, now, 2)).toBe(now);
    expect(lossOf(catalogue, now, 1)).toEqual({
      features: ['exports'],
      limits: [{ name: 'projects', from: null, to: 5 }],
    });
    expect(lossOf(catalogue, now, 2)).toEqual({ features: [], limits: [] });
  });

  it('C-2: what was added reached everyone, and is not taken away again', () => {
    const { catalogue, now } = after(plan(['a']), plan(['a', 'b']), plan(['a']));
    expect(keptTerms(catalogue, now, 1).features).toEqual(['a', 'b']);
    expect(keptTerms(catalogue, now, null).features).toEqual(['a', 'b']);
    expect(keptTerms(catalogue, now, 3).features).toEqual(['a']);
  });

  it('C-2: a feature that gets a limit later has none for who bought before', () => {
    const { catalogue, now } = after(plan(['exports']), plan(['exports'], { exports: 10 }));
    expect(keptTerms(catalogue, now, 1).limits).toEqual({ exports: null });
    expect(keptTerms(catalogue, now, 2).limits).toEqual({ exports: 10 });
  });

  it('C-2: a lower cap of a meter is for later buyers; a higher one, or none, is for all', () => {
    const capped = (caps?: Plan['caps']): Plan => ({ ...plan(['a']), ...(caps && { caps }) });
    const capOf = (version: number, ...edits: (Plan['caps'] | undefined)[]) => {
      const { catalogue, now } = after(...edits.map((caps) => capped(caps)));
      return keptTerms(catalogue, now, version).caps?.['price_calls'] ?? null;
    };
    expect(capOf(1, { price_calls: 100 }, { price_calls: 50 })).toBe(100);
    expect(capOf(2, { price_calls: 100 }, { price_calls: 50 })).toBe(50);
    expect(capOf(1, { price_calls: 100 }, { price_calls: 200 })).toBe(200);
    expect(capOf(1, { price_calls: 100 }, undefined, { price_calls: 100 })).toBeNull();
    expect(capOf(1, undefined, { price_calls: 100 })).toBeNull();
    // Another price of the meter says nothing of the one that was bought.
    expect(capOf(1, { price_calls: 100 }, { price_new: 50 })).toBe(100);
  });

  it('C-2: a plan that is taken out of the file is sold no more, and stays who bought it', () => {
    const { versions } = after(plan(['a']));
    const catalogue: Catalogue = { plans: [], products: [] };
    withTerms(catalogue, versions);
    const found = planOf(catalogue, { priceId: 'price_1', productId: null });
    expect(found).toMatchObject({ id: 'pro', features: ['a'], prices: {} });
    expect(findPlan(catalogue, 'pro')).toBe(found);
  });

  it('C-1: a price that the plan had belongs to it, whether or not the file still names it', () => {
    const { catalogue } = after(plan(['a']), plan(['a'], {}, 'price_2'));
    expect(planOf(catalogue, { priceId: 'price_1', productId: null })?.id).toBe('pro');
    expect(planOf(catalogue, { priceId: 'price_x', productId: null })).toBeNull();
  });

  it('survive any ten edits: who paid loses no feature, and gets no lower limit', () => {
    let seed = 1;
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
    for (let run = 0; run < 200; run += 1) {
      const edits = Array.from({ length: 10 }, () =>
        plan(
          ['a', 'b', 'c', 'd'].filter(() => random(2) === 0),
          random(2) === 0 ? {} : { a: random(3) === 0 ? null : random(9) },
        ),
      );
      const bought = after(edits[0]!);
      const before = keptTerms(bought.catalogue, bought.now, 1);
      for (let n = 2; n <= edits.length; n += 1) {
        const { catalogue, now } = after(...edits.slice(0, n));
        const kept = keptTerms(catalogue, now, 1);
        expect(kept.features).toEqual(expect.arrayContaining(before.features));
        const limit = Object.hasOwn(kept.limits, 'a') ? kept.limits['a']! : undefined;
        if (before.features.includes('a') && !Object.hasOwn(before.limits, 'a'))
          expect([null, undefined]).toContain(limit);
        if (Object.hasOwn(before.limits, 'a') && limit !== null)
          expect(limit).toBeGreaterThanOrEqual(before.limits['a'] ?? Infinity);
      }
    }
  });
});
