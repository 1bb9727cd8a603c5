import { readFileSync, writeFileSync } from 'node:fs';
import type { Stripe } from 'stripe';
import { mixedPlans } from './mixed-plans.ts';

/** The mixed plans with 1,000 and 10,000 calls a month, and `boost`, an add-on of 2100 a month with 5,000 more. */
export async function limitedPlans(stripe: Stripe): Promise<Record<string, string>> {
  const env = await mixedPlans(stripe);
  const file = String(env['PLANS_FILE']);
  const sold = JSON.parse(readFileSync(file, 'utf8')) as { plans: { limits: object }[] };
  const [small, big] = sold.plans;
  small!.limits = { api_calls: 1_000 };
  big!.limits = { api_calls: 10_000 };
  const prices = { monthly: env['ADDON_PRICE_ID'] };
  const addons = [{ id: 'boost', name: 'Boost', limits: { api_calls: 5_000 }, prices }];
  writeFileSync(file, JSON.stringify({ ...sold, addons }));
  return env;
}
