import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { recordTrials } from '../../server/sync/trial-ledger.ts';
import { createTestDatabase, ROUTE_DIALECTS, type TestDatabase } from '../support/databases.ts';
import { aStoredSubscription } from '../support/factories.ts';

const AT = Date.UTC(2026, 8, 21);

describe.each(ROUTE_DIALECTS)(
  'Two trials on one card, seen at the same moment on %s',
  (dialect) => {
    let database: TestDatabase;
    beforeAll(async () => {
      database = await createTestDatabase(dialect);
    });
    afterAll(() => database.drop());
    beforeEach(() => database.clear());

    const begin = (id: string, trialStart: number) => {
      const facts = {
        stripeStatus: 'trialing' as const,
        trialStart,
        trialEnd: trialStart + 14 * 86_400_000,
        cardFingerprint: 'fp_1',
        metadata: { user_id: id },
      };
      const next = aStoredSubscription({ id, userId: id, state: 'trialing', facts });
      return database.knex.transaction(async (trx) => {
        const effects = await recordTrials(trx, [{ before: null, next, lines: [] }], {
          onePerCard: true,
        });
        // The other one looks before this one is there for all to see.
        await new Promise((resolve) => setTimeout(resolve, 100));
        return effects
          .filter(({ kind }) => kind === 'trial.refuse')
          .map(({ objectId }) => objectId);
      });
    };

    it('are one trial: exactly one of them is refused', async () => {
      const refused = await Promise.all([begin('sub_1', AT), begin('sub_2', AT + 1_000)]);
      expect(refused.flat()).toHaveLength(1);
    });

    it('are one trial also when the later one is heard of first', async () => {
      expect(await begin('sub_2', AT + 1_000)).toEqual([]);
      expect(await begin('sub_1', AT)).toEqual(['sub_1']);
    });

    it('are left alone where they began long before they were heard of', async () => {
      expect(await begin('sub_2', AT + 7 * 86_400_000)).toEqual([]);
      expect(await begin('sub_1', AT)).toEqual([]);
    });
  },
);
