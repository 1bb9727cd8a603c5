import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Stripe } from 'stripe';
import { emulatedAccount, type EmulatedAccount } from './emulated-account.ts';
import { shapeProblems } from './stripe-shapes.ts';
import { useEverything } from './use-everything.ts';

let account: EmulatedAccount;
let stripe: Stripe;

beforeAll(async () => {
  account = await emulatedAccount();
  stripe = account.stripe;
});
afterAll(() => account.close());

/** Everything that the account holds, and every object that an event carried. */
async function everything(): Promise<Record<string, unknown>[]> {
  const answer = await fetch(`${account.emulator.url}/_emulator/snapshot`, {
    headers: { Authorization: `Bearer ${account.key}` },
  });
  const snapshot: { objects: [string, Record<string, unknown>[]][]; events: { data: string }[] } =
    JSON.parse(await answer.text());
  const stored = snapshot.objects
    .filter(([name]) => !['_note', 'billing.meter_event'].includes(name))
    .flatMap(([, objects]) => objects);
  const told = snapshot.events.map((event) => {
    const data: { object: Record<string, unknown> } = JSON.parse(event.data);
    return data.object;
  });
  return [...stored, ...told];
}

function kindOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null || !('object' in value)) return [];
  return [String(value.object)];
}

describe('every object', () => {
  it('has the keys and kinds of values that the types of the stripe package name, and no others', async () => {
    const answers = await useEverything(stripe);
    const objects = [...answers, ...(await everything())];
    const problems = objects.flatMap((object) => shapeProblems(object));
    expect([...new Set(problems.map((problem) => problem.replaceAll(/\[\d+\]/g, '[]')))]).toEqual(
      [],
    );
    expect(new Set(objects.flatMap(kindOf)).size).toBeGreaterThan(45);
  });

  it('would be caught with a key too many, one too few, or a wrong value', () => {
    const coupon = {
      id: 'x',
      object: 'coupon',
      amount_off: null,
      created: 1,
      currency: null,
      duration: 'once',
      duration_in_months: null,
      livemode: false,
      max_redemptions: null,
      metadata: {},
      name: null,
      percent_off: 10,
      redeem_by: null,
      times_redeemed: 0,
      valid: true,
    };
    expect(shapeProblems(coupon)).toEqual([]);
    expect(shapeProblems({ ...coupon, surprise: 1 })).toEqual([
      'coupon.surprise: the type does not know this key',
    ]);
    const { valid: _valid, ...less } = coupon;
    expect(shapeProblems(less)).toEqual(['coupon.valid: the type requires this key']);
    expect(shapeProblems({ ...coupon, created: 'now' })).toEqual([
      'coupon.created: "now" where the type says number',
    ]);
    expect(shapeProblems({ ...coupon, applies_to: { products: [1], more: 1 } })).toEqual([
      'coupon.applies_to.products[0]: 1 where the type says string',
      'coupon.applies_to.more: the type does not know this key',
    ]);
  });
});
