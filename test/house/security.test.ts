import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const text = readFileSync(new URL('../../SECURITY.md', import.meta.url), 'utf8');

/** The rows of the threat model. */
const rows = text
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| threat'))
  .map((line) => line.slice(2, -2).split(' | '));

describe('The threat model in SECURITY.md', () => {
  it('has a test for each line, under the title that it names', () => {
    expect(rows.length).toBeGreaterThan(25);
    const missing = rows.filter(([, , test = '']) => {
      const [, file = '', title = ''] = /^`([^`]+)` › (.+)$/.exec(test) ?? [];
      if (file === '' || title === '') return true;
      const source = readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
      return !source.includes(title);
    });
    expect(missing.map(([threat]) => threat)).toEqual([]);
  });
});
