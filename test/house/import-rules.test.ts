import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');

/** Lints a small tree of planted files with the project's own rules; returns `file: rule` findings. */
async function lint(files: Record<string, string>): Promise<string[]> {
  const tree = await mkdtemp(join(tmpdir(), 'tenure-house-'));
  try {
    await cp(join(root, '.oxlintrc.json'), join(tree, '.oxlintrc.json'));
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(tree, name)), { recursive: true });
      await writeFile(join(tree, name), text);
    }
    const oxlint = join(root, 'node_modules/.bin/oxlint');
    const report = await run(oxlint, ['--format', 'json'], { cwd: tree }).catch(
      (failure: { stdout: string }) => failure,
    );
    const { diagnostics } = JSON.parse(report.stdout) as {
      diagnostics: { code: string; filename: string }[];
    };
    return diagnostics.map(({ filename, code }) => `${filename}: ${code}`);
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
}

const leaf = 'export const leaf = 1;\n';
const importing = (path: string) => `import { leaf } from '${path}';\n\nexport const it = leaf;\n`;

const forbidden: [from: string, to: string][] = [
  ['state', 'server'],
  ['state', 'db'],
  ['state', 'adapters'],
  ['state', 'scripts'],
  ['adapters', 'server'],
  ['adapters', 'state'],
  ['adapters', 'db'],
  ['db', 'server'],
  ['db', 'adapters'],
  ['db', 'scripts'],
  ['server', 'scripts'],
  ['scripts/stripe-emulator', 'server'],
  ['scripts/stripe-emulator', 'state'],
  ['scripts/stripe-emulator', 'db'],
  ['scripts/stripe-emulator', 'adapters'],
];

const allowed: [from: string, to: string][] = [
  ['server', 'db'],
  ['server', 'state'],
  ['server', 'adapters'],
  ['db', 'state'],
  ['scripts', 'server'],
];

/** The rooms of `server/` from the top floor down; the rooms of one floor do not know each other. */
const FLOORS = [
  ['entrypoints'],
  ['app'],
  ['storefront', 'admin'],
  ['operations'],
  ['outbox'],
  ['webhooks'],
  ['billing'],
  ['usage', 'access', 'accounts', 'catalogue'],
  ['sync'],
  ['http'],
  ['lib'],
  ['config'],
];
const floorOf = (room: string) => FLOORS.findIndex((floor) => floor.includes(room));
const rooms = FLOORS.flat();
const pairs = rooms.flatMap((from) => rooms.map((to) => [from, to] as const));
const downward = pairs.filter(([from, to]) => floorOf(to) > floorOf(from));
const notDownward = pairs.filter(([from, to]) => from !== to && floorOf(to) <= floorOf(from));

const up = (folder: string) => '../'.repeat(folder.split('/').length);
const planted = Object.fromEntries([
  ...forbidden.map(([from, to]) => [
    `${from}/from-${to}.ts`,
    importing(`${up(from)}${to}/leaf.ts`),
  ]),
  ...allowed.map(([from, to]) => [`${from}/uses-${to}.ts`, importing(`${up(from)}${to}/leaf.ts`)]),
  ...['state', 'adapters', 'db', 'server', 'scripts'].map((folder) => [`${folder}/leaf.ts`, leaf]),
  ...pairs.flatMap(([from, to]) => [
    [`server/${from}/to-${to}.ts`, importing(`../${to}/leaf.ts`)],
    [`server/${from}/inner/to-${to}.ts`, importing(`../../${to}/leaf.ts`)],
  ]),
  ...rooms.map((room) => [`server/${room}/leaf.ts`, leaf]),
  [
    'state/reads-a-file.ts',
    `import { readFileSync } from 'node:fs';\n\nexport const it = readFileSync;\n`,
  ],
  ['state/asks-the-clock.ts', 'export const it = () => Date.now();\n'],
  ['state/uses-the-sdk.ts', `import Stripe from 'stripe';\n\nexport const it = Stripe;\n`],
  [
    'state/uses-sdk-types.ts',
    `import type Stripe from 'stripe';\n\nexport type It = Stripe.Invoice;\n`,
  ],
  ['db/ring-a.ts', `import { b } from './ring-b.ts';\n\nexport const a = () => b;\n`],
  ['db/ring-b.ts', `import { a } from './ring-a.ts';\n\nexport const b = () => a;\n`],
  [
    'server/lib/type-ring-a.ts',
    `import type { B } from './type-ring-b.ts';\n\nexport interface A {\n  b: B | null;\n}\n`,
  ],
  [
    'server/lib/type-ring-b.ts',
    `import type { A } from './type-ring-a.ts';\n\nexport interface B {\n  a: A | null;\n}\n`,
  ],
]);

describe('the arrows of the house are enforced by the linter', () => {
  let findings: string[];
  beforeAll(async () => {
    findings = await lint(planted);
  });
  afterAll(() => {
    findings = [];
  });

  const restricted = 'eslint(no-restricted-imports)';

  it.each(forbidden)('%s/ may not import %s/', (from, to) => {
    expect(findings).toContain(`${from}/from-${to}.ts: ${restricted}`);
  });

  it.each(allowed)('%s/ may import %s/', (from, to) => {
    expect(findings.filter((finding) => finding.startsWith(`${from}/uses-${to}.ts`))).toEqual([]);
  });

  it('state/ has no I/O, no clock and no SDK, but may use the types of the SDK', () => {
    expect(findings).toContain(`state/reads-a-file.ts: ${restricted}`);
    expect(findings).toContain('state/asks-the-clock.ts: eslint(no-restricted-properties)');
    expect(findings).toContain(`state/uses-the-sdk.ts: ${restricted}`);
    expect(findings.filter((finding) => finding.startsWith('state/uses-sdk-types.ts'))).toEqual([]);
  });

  it.each(['db/ring', 'server/lib/type-ring'])('a ring of imports is refused: %s', (ring) => {
    expect(
      findings.filter((finding) => finding.startsWith(ring) && finding.endsWith('(no-cycle)')),
    ).not.toEqual([]);
  });

  it('an import between the rooms of server/ goes down a floor', () => {
    const refused = new Set(findings.filter((finding) => finding.endsWith(restricted)));
    const isRefused = (path: string) => refused.has(`${path}: ${restricted}`);
    const missed = notDownward.filter(
      ([from, to]) =>
        !isRefused(`server/${from}/to-${to}.ts`) || !isRefused(`server/${from}/inner/to-${to}.ts`),
    );
    const wronged = downward.filter(
      ([from, to]) =>
        isRefused(`server/${from}/to-${to}.ts`) || isRefused(`server/${from}/inner/to-${to}.ts`),
    );
    expect({ missed, wronged }).toEqual({ missed: [], wronged: [] });
  });

  it('each room of server/ has its floor', async () => {
    const folders = await readdir(join(root, 'server'));
    expect(folders.filter((room) => floorOf(room) === -1)).toEqual([]);
  });
});
