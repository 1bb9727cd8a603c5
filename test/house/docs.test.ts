import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lifecycleDiagram } from '../../scripts/build-diagram/diagram.ts';
import { withTables } from '../../scripts/build-diagram/tables.ts';
import { compiledScript } from '../support/compiled.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { TEST_ADMIN_TOKEN } from '../support/tokens.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const read = (name: string) => readFileSync(join(root, name), 'utf8');
const pages = [
  'README.md',
  'SECURITY.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** The blocks of a page that are marked as ```sh run. */
const commandsOf = (page: string) =>
  [...read(page).matchAll(/^```sh run\n(.*?)^```/gms)].map(([, text = '']) => text.trim());

const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

/** `npm run NAME -- OPTIONS` as npm would start it, but compiled, which takes a fraction of the time. */
const compiled = (commands: string) =>
  commands.replaceAll(/\bnpm run (?:-s )?([\w:-]+)(?: --(?= ))?/g, (command, name: string) => {
    const [, script, more = ''] = /^tsx scripts\/([\w-]+)\.ts(.*)$/.exec(scripts[name] ?? '') ?? [];
    return script === undefined ? command : `node ${compiledScript(script)}${more}`;
  });

describe('The picture and the tables of the state machine', () => {
  it('are drawn from the machine as it is now (npm run build:diagram)', () => {
    expect(read('docs/images/lifecycle.svg') === lifecycleDiagram()).toBe(true);
    const page = read('docs/state-machine.md');
    expect(page === withTables(page)).toBe(true);
  });
});

describe('Every link of the documents', () => {
  it.each(pages)('leads to something that is there: %s', (page) => {
    const links = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
    const missing = links.filter((target) => {
      if (/^(https?:|#|mailto:)/.test(target)) return false;
      return !existsSync(join(root, dirname(page), target.replace(/#.*/, '')));
    });
    expect(missing).toEqual([]);
  });
});

describe('Every npm script that a document names', () => {
  it.each(pages)('is there: %s', (page) => {
    const named = [...read(page).matchAll(/\bnpm run (?:-s )?([\w:-]+)/g)].map(
      ([, name = '']) => name,
    );
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});

describe('Every command that a guide marks as run', () => {
  let server: TestServer;
  let env: Record<string, string | undefined>;
  beforeAll(async () => {
    server = await startTestServer({ database: 'sqlite' });
    const { PATH, HOME } = process.env;
    env = { PATH, HOME, ...server.env, TENURE_URL: server.url, ADMIN_TOKEN: TEST_ADMIN_TOKEN };
  });
  afterAll(() => server.close());

  const all = pages.flatMap((page) => commandsOf(page).map((commands) => ({ page, commands })));
  // The same command in two guides is run once, and one that a script's own test runs is not repeated.
  const once = [...new Map(all.map((each) => [each.commands, each])).values()].filter(
    ({ commands }) => commands !== 'npm run stripe:e2e -- --list',
  );

  it.each(once)(
    'works: $page: $commands',
    async ({ commands }) => {
      const { stdout } = await run('bash', ['-eu', '-c', compiled(commands)], { cwd: root, env });
      expect(stdout.trim()).not.toBe('');
    },
    60_000,
  );

  it('are some in each guide about running it', () => {
    for (const name of ['production', 'webhooks', 'debugging', 'upgrading-stripe']) {
      expect(commandsOf(`docs/${name}.md`).length, name).toBeGreaterThan(0);
    }
  });
});
