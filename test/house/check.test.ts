import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const made: string[] = [];
afterEach(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function directoryIn(parent: string): string {
  const directory = mkdtempSync(join(parent, 'planted-'));
  made.push(directory);
  return directory;
}

interface Ended {
  code: number | null;
  output: string;
}

/** Runs a command line as a person would in a shell of their own: nothing of this test run reaches it. */
async function runIn(cwd: string, line: string, more: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(VITEST|npm_|NODE_ENV|NODE_OPTIONS|TEST|FORCE_COLOR)/.test(name),
  );
  const child = spawn('bash', ['-c', line], {
    cwd,
    env: { ...Object.fromEntries(kept), NO_COLOR: '1', ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  const code = await new Promise<number | null>((settle) => child.once('close', settle));
  return { code, output };
}

/** The command by which the README tells people to run the tests, without the installation. */
function testCommand(): string {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const command = /^npm install && (npm test)$/m.exec(readme)?.[1];
  if (command === undefined) throw new Error('The README names no command that runs the tests.');
  return command;
}

describe('The test command', () => {
  it('H-1: ends with 1 when a test fails', async () => {
    const directory = directoryIn(import.meta.dirname);
    writeFileSync(
      join(directory, 'planted.test.ts'),
      `import { expect, it } from 'vitest';
      it('passes', () => expect(1).toBe(1));
      it('fails', () => expect(1).toBe(2));`,
    );
    const { code, output } = await runIn(ROOT, `${testCommand()} -- ${directory}/planted.test.ts`);
    expect(output).toMatch(/Tests +1 failed \| 1 passed/);
    expect(code).toBe(1);
  }, 120_000);
});

describe('The tests with Django', () => {
  it('H-1: end with 1 when a test fails', async ({ skip }) => {
    const directory = directoryIn(tmpdir());
    writeFileSync(
      join(directory, 'planted_failure.py'),
      [
        'from unittest import TestCase',
        'class Planted(TestCase):',
        '    def test_passes(self):',
        '        self.assertEqual(1, 1)',
        '    def test_fails(self):',
        '        self.assertEqual(1, 2)',
      ].join('\n'),
    );
    const python = [directory, process.env['PYTHONPATH']].filter(Boolean).join(':');
    const { code, output } = await runIn(
      ROOT,
      'npm run -s test:django -- --fetched --tests planted_failure --only 5.2',
      { PYTHONPATH: python, DJANGO_PATH: '' },
    );
    const absent = /^Django 5\.2 was NOT tested: .*$/m.exec(output)?.[0];
    if (/^test:django was SKIPPED/m.test(output)) skip(absent ?? 'there is no Django');
    expect(output).toMatch(/^1 passed, 1 failed, 0 skipped$/m);
    expect(code).toBe(1);
  }, 300_000);

  it('H-1: end with 1 when the Django that was named is not there', async () => {
    const { code, output } = await runIn(ROOT, 'npm run -s test:django', {
      DJANGO_PATH: directoryIn(tmpdir()),
    });
    expect(output).toContain('no python3 imports django');
    expect(code).toBe(1);
  }, 180_000);
});

/** A project whose commands print and end as given, with this project's `.ci/run`. */
function projectWith(commands: { check: string; test: string; 'test:django': string }): string {
  const directory = directoryIn(tmpdir());
  const manifest = { name: 'planted', version: '1.0.0', scripts: commands };
  const { name, version } = manifest;
  const lock = { name, version, lockfileVersion: 3, packages: { '': { name, version } } };
  writeFileSync(join(directory, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(directory, 'package-lock.json'), JSON.stringify(lock));
  mkdirSync(join(directory, '.ci'));
  cpSync(join(ROOT, '.ci/run'), join(directory, '.ci/run'));
  return directory;
}

describe('.ci/run', () => {
  /** What follows `npm run test:django --` is appended to a command; `#` keeps it from the shell. */
  const printing = (summary: string, code: number) => `echo '${summary}'; exit ${code} #`;
  const vitest = (summary: string, code: number) =>
    `echo "FULL is <$FULL>"; ${printing(`      Tests  ${summary}`, code)}`;
  const passing = {
    check: 'true',
    test: vitest('21 passed | 2 skipped (23)', 0),
    'test:django': printing('7 passed, 0 failed, 1 skipped', 0),
  };

  it('ends with 0 and with the count over all suites, and does not set FULL', async () => {
    const directory = projectWith(passing);
    const ended = await runIn(directory, 'bash .ci/run', { DJANGO_PATH: directory, FULL: '' });
    expect(ended.output.trim().split('\n').at(-1)).toBe('28 passed, 0 failed');
    expect(ended.output).toContain('FULL is <>');
    expect(ended.code).toBe(0);
  }, 60_000);

  const failing = [
    {
      what: 'a step without tests, and runs and counts what follows: tests of Django and of all else',
      change: {
        check: 'exit 2',
        'test:django': printing('5 passed, 2 failed, 1 skipped', 1),
        test: vitest('1 failed | 20 passed (21)', 1),
      },
      last: '25 passed, 4 failed',
    },
    {
      what: 'a run that ends before its summary',
      change: { test: 'exit 3' },
      last: '7 passed, 1 failed',
    },
  ];
  for (const { what, change, last } of failing) {
    it(`H-1: ends with 1 after ${what}`, async () => {
      const directory = projectWith({ ...passing, ...change });
      const ended = await runIn(directory, 'bash .ci/run', { DJANGO_PATH: directory });
      expect(ended.output.trim().split('\n').at(-1)).toBe(last);
      expect(ended.code).toBe(1);
    }, 60_000);
  }
});
