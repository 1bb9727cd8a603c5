import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveChanges } from '../../../db/save-changes.ts';
import { findSubscriptions } from '../../../db/subscriptions.ts';
import { loadCatalogue } from '../../../server/catalogue/catalogue.ts';
import { recordTerms } from '../../../server/catalogue/record-terms.ts';
import { loadConfig } from '../../../server/config/config.ts';
import { findPlan, planOf, pricesOf, type Catalogue, type Plan } from '../../../state/catalogue.ts';
import { keptTerms } from '../../../state/terms.ts';
import { createTestDatabase, type TestDatabase } from '../../support/databases.ts';
import { aLine, aStoredSubscription } from '../../support/factories.ts';
import { randomFrom } from '../../support/random.ts';
import { sizeOf } from '../../support/sizes.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const random = randomFrom(SEED);
const PAYERS = sizeOf({ sample: 60, full: 500 });
const EDITS = 10;
const FEATURES = ['exports', 'sso', 'audit', 'support'];
const LIMITS = ['projects', 'members'];
const NAMES = ['starter', 'team', 'business'];

const dir = mkdtempSync(join(tmpdir(), 'tenure-edits-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Prices that were made; a price rise makes a new one, which no one writes down as a former price. */
let prices = 0;
const priceOf = new Map<string, string>();

/** One edit of the file: anything may be different, and a plan may be missing. */
function edited(): object {
  const all = NAMES.map((id, rank) => {
    if (!priceOf.has(id) || random.chance(0.3)) priceOf.set(id, `price_${id}_${(prices += 1)}`);
    const limits = LIMITS.filter(() => random.chance(0.8)).map((name) => [
      name,
      random.chance(0.2) ? null : random.below(50),
    ]);
    return {
      id,
      name: id,
      rank,
      features: FEATURES.filter(() => random.chance(0.5)),
      limits: Object.fromEntries(limits) as Record<string, number | null>,
      prices: { monthly: priceOf.get(id) },
      meters: [
        {
          meter: 'calls',
          priceId: `price_${id}_calls`,
          ...(random.chance(0.7) ? { cap: 1 + random.below(100) } : {}),
        },
      ],
    };
  });
  const kept = all.filter(() => random.chance(0.8));
  return { plans: kept.length > 0 ? kept : all };
}

interface Payer {
  id: string;
  priceId: string;
  /** What the plan gave when it was bought. */
  sold: Plan;
}

describe(`A plans file that is edited ${EDITS} times in a row (SEED=${SEED})`, () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase('sqlite');
  });
  afterAll(() => database.drop());

  async function load(content: object): Promise<Catalogue> {
    const file = join(dir, 'plans.json');
    writeFileSync(file, JSON.stringify(content));
    const env = {
      PLANS_FILE: file,
      STRIPE_SECRET_KEY: 'sk_test_123456789',
      STRIPE_WEBHOOK_SECRET: 'whsec_123456789',
    };
    const catalogue = loadCatalogue(loadConfig(env), env);
    await recordTerms(database.knex, catalogue);
    return catalogue;
  }

  /** Stores what a read of Stripe says: the plan is the one that the price has by now. */
  async function read(catalogue: Catalogue, payers: readonly Payer[]): Promise<void> {
    const known = new Map(
      (
        await findSubscriptions(
          database.knex,
          payers.map(({ id }) => id),
        )
      ).map((row) => [row.id, row]),
    );
    const changes = payers.map(({ id, priceId }) => {
      const next = aStoredSubscription({ id });
      const [item] = next.facts.items;
      next.facts.items = [{ ...item!, priceId, productId: null }];
      next.plan = planOf(catalogue, { priceId, productId: null })?.id ?? null;
      const before = known.get(id) ?? null;
      return { before, next, lines: before ? [] : [aLine()] };
    });
    await saveChanges(database.knex, changes);
  }

  it(`takes nothing from ${PAYERS} payers that was sold to them`, async () => {
    const payers: Payer[] = [];
    for (let edit = 0; edit < EDITS; edit += 1) {
      const catalogue = await load(edited());
      const buyers = Array.from({ length: PAYERS / EDITS }, (_, index): Payer => {
        const sold = random.pick(catalogue.plans);
        const [main] = pricesOf(sold);
        return { id: `sub_${edit}_${index}`, priceId: main!.price.priceId, sold };
      });
      payers.push(...buyers);
      // Some renew between two edits, others are not heard of.
      await read(catalogue, [...buyers, ...payers.filter(() => random.chance(0.5))]);
      const ids = payers.map(({ id }) => id);
      const rows = await findSubscriptions(database.knex, ids);
      expect(rows).toHaveLength(payers.length);
      for (const { id, sold } of payers) {
        const row = rows.find((each) => each.id === id);
        const plan = findPlan(catalogue, row?.plan ?? '');
        const words = `SEED=${SEED}, ${id} of ${sold.id} after edit ${edit}`;
        expect(plan?.id, words).toBe(sold.id);
        const has = keptTerms(catalogue, plan!, row?.termsVersion ?? null);
        expect(has.features, words).toEqual(expect.arrayContaining(sold.features));
        for (const [name, limit] of Object.entries(sold.limits)) {
          const now = has.limits[name];
          expect(now === null || (limit !== null && Number(now) >= limit), words).toBe(true);
        }
        const price = `price_${sold.id}_calls`;
        const cap = has.caps?.[price] ?? Infinity;
        expect(cap, words).toBeGreaterThanOrEqual(sold.caps?.[price] ?? Infinity);
      }
    }
  }, 60_000);
});
