import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addFigures, figuresSince } from '../../db/dashboard-figures.ts';
import { figureNames } from '../../state/metrics.ts';
import { createTestDatabase, DIALECTS, type TestDatabase } from '../support/databases.ts';

const DAY = 86_400_000;
const NOW = 20_000 * DAY;

describe.each(DIALECTS)('The figures on %s', (dialect) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase(dialect);
  });
  afterAll(() => database.drop());

  it('H-6: are read back, each that may be stored', async () => {
    const names = figureNames();
    const add = (at: number, value: number) =>
      addFigures(
        database.knex,
        names.map((figure) => ({ at, figure, currency: '', subscriptionId: 'sub_1', value })),
      );
    await add(NOW - 5 * DAY, 2);
    await add(NOW, 1);
    const figures = await figuresSince(database.knex, NOW);
    const of = (day: number, value: number) =>
      figures.filter((row) => row.day === day && row.value === value);
    expect(
      of(NOW, 1)
        .map(({ figure }) => figure)
        .toSorted(),
    ).toEqual(names.toSorted());
    expect(
      of(0, 2)
        .map(({ figure }) => figure)
        .toSorted(),
    ).toEqual(['mrr', 'paying']);
  });
});
