import { describe, expect, it } from 'vitest';
import type { Catalogue, Plan } from '../../state/catalogue.ts';
import {
  activeGrants,
  grantedFeature,
  limitWithGrants,
  planGrant,
  type Grant,
} from '../../state/grants.ts';

const plan = (id: string, rest: Partial<Plan>): Plan => ({
  id,
  name: id,
  rank: 1,
  features: [],
  limits: {},
  prices: {},
  ...rest,
});
const free = plan('free', {
  rank: 0,
  features: ['projects'],
  limits: { projects: 1 },
  default: true,
});
const pro = plan('pro', { rank: 2, features: ['exports'], limits: { projects: 10, seats: null } });
const starter = plan('starter', { rank: 1, limits: { projects: 3 } });
const catalogue: Catalogue = { plans: [free, starter, pro], products: [] };
const withoutFree: Catalogue = { plans: [starter, pro], products: [] };

const grant = (rest: Partial<Grant>): Grant => ({
  id: 'grant_1',
  accountId: 'team-7',
  plan: null,
  features: [],
  limits: {},
  combine: 'best',
  source: 'goodwill',
  reason: null,
  grantedBy: 'admin',
  createdAt: 0,
  endsAt: null,
  revokedAt: null,
  ...rest,
});

describe('R-10: a grant', () => {
  it('counts until its end, or until it is revoked', () => {
    const all = [
      grant({ id: 'ever' }),
      grant({ id: 'over', endsAt: 1000 }),
      grant({ id: 'on', endsAt: 1001 }),
      grant({ id: 'revoked', revokedAt: 5 }),
    ];
    expect(activeGrants(all, 1000).map(({ id }) => id)).toEqual(['ever', 'on']);
  });

  it('of a plan is the best plan, then the one that lasts longest', () => {
    const all = [
      grant({ id: 'small', plan: 'starter' }),
      grant({ id: 'short', plan: 'pro', endsAt: 10 }),
      grant({ id: 'long', plan: 'pro', endsAt: 20 }),
      grant({ id: 'unknown', plan: 'gone' }),
    ];
    expect(planGrant(catalogue, all)?.id).toBe('long');
    expect(planGrant(catalogue, [grant({ plan: 'gone' })])).toBeNull();
    expect(planGrant(catalogue, [])).toBeNull();
  });

  it('gives its features and those of its plan; the default plan gives the rest', () => {
    expect(grantedFeature(catalogue, [grant({ features: ['beta'] })], 'beta')).toBe('granted');
    expect(grantedFeature(catalogue, [grant({ plan: 'pro' })], 'exports')).toBe('granted');
    expect(grantedFeature(catalogue, [], 'projects')).toBe('default_plan');
    expect(grantedFeature(catalogue, [], 'exports')).toBeNull();
    expect(grantedFeature(withoutFree, [], 'projects')).toBeNull();
  });

  it.each<{ name: string; paid: Plan | null; active: Grant[]; limit: number | null }>([
    { name: 'the default plan alone', paid: null, active: [], limit: 1 },
    { name: 'the better one of paid and default plan', paid: pro, active: [], limit: 10 },
    {
      name: 'a better grant',
      paid: starter,
      active: [grant({ limits: { projects: 5 } })],
      limit: 5,
    },
    {
      name: 'a worse grant takes nothing',
      paid: pro,
      active: [grant({ limits: { projects: 5 } })],
      limit: 10,
    },
    {
      name: 'added to what is paid',
      paid: pro,
      active: [grant({ limits: { projects: 5 }, combine: 'add' })],
      limit: 15,
    },
    {
      name: 'added to the default plan',
      paid: null,
      active: [grant({ limits: { projects: 5 }, combine: 'add' })],
      limit: 6,
    },
    {
      name: 'two that are added',
      paid: starter,
      active: Array(2).fill(grant({ limits: { projects: 2 }, combine: 'add' })),
      limit: 7,
    },
    {
      name: 'unlimited',
      paid: starter,
      active: [grant({ limits: { projects: null } })],
      limit: null,
    },
    { name: 'of a granted plan', paid: null, active: [grant({ plan: 'pro' })], limit: 10 },
  ])('limits: $name', ({ paid, active, limit }) => {
    expect(limitWithGrants(catalogue, { paid, active }, 'projects')).toBe(limit);
  });

  it('says nothing of a limit that nothing knows', () => {
    expect(limitWithGrants(catalogue, { paid: starter, active: [] }, 'seats')).toBeUndefined();
    const added = [grant({ limits: { seats: 3 }, combine: 'add' })];
    expect(limitWithGrants(catalogue, { paid: starter, active: added }, 'seats')).toBe(3);
    expect(limitWithGrants(catalogue, { paid: starter, active: [] }, 'toString')).toBeUndefined();
  });
});
