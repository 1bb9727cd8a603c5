/**
 * Takes fixes of money out, one at a time, and wants the named test to fail: `MUTATE=all`, or rows separated by commas.
 * It changes files of this clone and puts them back; without `MUTATE` it only looks whether each fix is where it was.
 */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MUTATIONS, type Mutation } from './mutations.ts';

const wanted = process.env['MUTATE'];

function isWanted({ row }: Mutation): boolean {
  return wanted === 'all' || (wanted?.split(',').includes(row.split(' ')[0] ?? row) ?? false);
}

/** Runs the named test without the fix; waits without blocking, so that each find is told at once. */
async function failsWithout({ file, from, to, by: [test, name] }: Mutation): Promise<boolean> {
  const source = readFileSync(file, 'utf8');
  const env = { ...process.env, MUTATE: '', NO_COLOR: '1' };
  try {
    writeFileSync(
      file,
      source.replace(from, () => to),
    );
    const told = await new Promise<string>((resolve) => {
      execFile('npx', ['vitest', 'run', test, '-t', name], { env }, (_error, out) => resolve(out));
    });
    // That nothing matched the name, or a file that does not load, is no find.
    return /Tests .*\d+ failed/.test(told);
  } finally {
    writeFileSync(file, source);
  }
}

describe('The fixes of money', () => {
  it.each(MUTATIONS)('$row is in $file', ({ file, from }) => {
    expect(readFileSync(file, 'utf8').split(from)).toHaveLength(2);
  });

  for (const mutation of wanted ? MUTATIONS.filter(isWanted) : []) {
    it(`${mutation.row}: without it ${mutation.by[0]} fails`, { timeout: 300_000 }, async () => {
      expect(await failsWithout(mutation)).toBe(true);
    });
  }
});
