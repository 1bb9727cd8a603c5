import { afterAll, beforeAll, expect, it } from 'vitest';
import { binaryArray, type ColumnType, type Value } from '../../db/binary-array.ts';
import { createTestDatabase, type TestDatabase } from '../support/databases.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase('postgres', { empty: true });
});
afterAll(() => database.drop());

const CASES: [ColumnType, Value[]][] = [
  ['text', ['', 'it’s "so", \\ {null} 東京 😀', null, 'null', 'x'.repeat(70_000)]],
  [
    'bigint',
    [
      0,
      -1,
      1_795_000_000_000,
      -4_294_967_297,
      null,
      Number.MAX_SAFE_INTEGER,
      Number.MIN_SAFE_INTEGER,
    ],
  ],
  ['integer', [0, -1, 2_147_483_647, -2_147_483_648, null]],
  ['boolean', [true, false, null]],
  ['text', []],
  ['bigint', []],
];

it.each(CASES)('PostgreSQL reads a %s[] as it was written: %j', async (type, values) => {
  const { rows } = await database.knex.raw(`SELECT to_jsonb(?::${type}[]) AS back`, [
    binaryArray(type, values),
  ]);
  expect(rows[0].back).toEqual(values);
});

it('a number that the type does not hold is refused, not cut', () => {
  for (const wrong of [1.5, NaN, 2 ** 53, '7', true]) {
    expect(() => binaryArray('bigint', [wrong])).toThrow(TypeError);
  }
  expect(() => binaryArray('integer', [2 ** 31])).toThrow(RangeError);
});
