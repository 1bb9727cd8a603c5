import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8');

type Walk = 'webhook' | 'plan change';

/** The files that the page names between the marks of a walk. */
function namedOn(walk: Walk): string[] {
  const [, rest = ''] = page.split(`<!-- walk: ${walk} -->`);
  const [text = ''] = rest.split('<!-- /walk -->');
  return [...text.matchAll(/`((?:server|adapters|db|state)\/[\w./-]+\.ts)`/g)].map(
    ([, name = '']) => name,
  );
}

/** How many files a walk may have, by the page's own table. */
function boundOf(walk: Walk): number {
  const row = new RegExp(`^\\| one ${walk} \\| (\\d+) \\|`, 'm').exec(page);
  return Number(row?.[1]);
}

/** Named for the other way in: Express is not asked for deliveries. */
const NOT_ON_THE_WAY = new Set(['server/webhooks/route.ts']);

describe('H-10: the walks of docs/architecture.md', () => {
  let files: Record<Walk, string[]>;
  beforeAll(async () => {
    const script = join(root, 'test/support/walk-coverage.ts');
    const { stdout } = await promisify(execFile)('node', ['--import', 'tsx', script], {
      cwd: root,
      env: { ...process.env, NODE_ENV: 'test' },
    });
    const { webhook, planChange } = JSON.parse(stdout) as Record<string, string[]>;
    files = { webhook: webhook ?? [], 'plan change': planChange ?? [] };
  }, 240_000);

  it.each(['webhook', 'plan change'] as const)('one %s runs the files that are named', (walk) => {
    const named = namedOn(walk);
    expect(named.length).toBeGreaterThan(8);
    const missing = named.filter((name) => !files[walk].includes(name));
    expect(missing.filter((name) => !NOT_ON_THE_WAY.has(name))).toEqual([]);
  });

  it.each(['webhook', 'plan change'] as const)('one %s runs no more files than said', (walk) => {
    expect(files[walk].length, files[walk].join('\n')).toBeLessThanOrEqual(boundOf(walk));
  });

  it('every file that the page names exists', () => {
    const named = [...page.matchAll(/`((?:server|adapters|db|state|test|scripts)\/[\w./-]+)`/g)];
    const missing = named
      .map(([, name = '']) => name)
      .filter((name) => !existsSync(join(root, name)));
    expect(missing).toEqual([]);
  });
});
