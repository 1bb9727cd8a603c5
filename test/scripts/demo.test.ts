import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { compiledScript } from '../support/compiled.ts';

describe('npm run demo', () => {
  it(
    'leads a subscription through its whole life without a surprise',
    { timeout: 180_000 },
    async () => {
      const { stdout } = await promisify(execFile)(process.execPath, [
        compiledScript('demo'),
        '--json',
      ]);
      const lines = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { before: string; after: string; ok: boolean });
      expect(lines.filter(({ ok }) => !ok)).toEqual([]);
      expect(lines.map(({ after }) => after)).toEqual([
        'trialing',
        'active',
        'active',
        'cancel_pending',
        'active',
        'past_due',
        'active',
        'past_due',
        'past_due',
        'canceled',
        'active',
      ]);
      expect(lines.slice(1).map(({ before }) => before)).toEqual(
        lines.slice(0, -1).map(({ after }) => after),
      );
    },
  );
});
