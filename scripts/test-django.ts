import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import {
  fetchedDjango,
  installedDjango,
  joinPaths,
  namedDjango,
  obtainDjango,
  WANTED,
  type Absent,
  type Django,
} from './django-versions.ts';
import { claimPort } from './free-port.ts';
import { startLocalStack } from './local-stack.ts';

const HELP = `Tests the Django half: a real Django project in front of the real server and the local Stripe.

  npm run test:django [-- --only 3.2,5.2]

For each supported Django (3.2, 4.2, 5.2) it takes one from pip, or else unpacks Debian's packages
beside the project; DJANGO_PATH names another one, which is then the only one.

  --only VERSIONS  some versions, separated by commas
  --tests NAMES    some tests, e.g. tests.test_lifecycle (default: all), separated by commas
  --minutes N      begins no further version after so many minutes, and says so (default: no limit)
  --fetched        only versions that an earlier run has fetched: nothing is downloaded
  --require        exit 1 when a wanted version was not tested (default: say so and go on)
  --help           this text
`;

const PROJECT = resolve('test/django');
const PACKAGE = resolve('adapters/django');
const CACHE = resolve('node_modules/.cache/tenure-django');

interface Result {
  django: Django;
  tests: number;
  failed: number;
  skipped: number;
}

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    tests: { type: 'string', default: 'tests' },
    minutes: { type: 'string', default: 'Infinity' },
    fetched: { type: 'boolean', default: false },
    require: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) process.stdout.write(HELP);
else process.exitCode = await main();

async function main(): Promise<number> {
  const named = namedDjango(process.env);
  const only = values.only?.split(',');
  const wanted = only
    ? only.flatMap((name) => WANTED.filter(({ version }) => version === name))
    : WANTED;
  const results: Result[] = [];
  const absent: Absent[] = [];
  const obtain = values.fetched ? fetchedDjango : obtainDjango;
  const end = performance.now() + Number(values.minutes) * 60_000;
  for (const each of named ? [named] : wanted) {
    if (performance.now() > end) {
      absent.push({ version: each.version, reasons: [`the ${values.minutes} minutes are over`] });
      continue;
    }
    const django = 'releases' in each ? obtain(each, CACHE) : each;
    if ('python' in django) results.push(await testWith(django));
    else absent.push(django);
  }
  const last = results.length === 0 && !named ? installedDjango() : null;
  if (last) results.push(await testWith(last));
  return report(results, absent);
}

/** Runs the Python tests on one Django, with a stack and an echo handler of its own. */
async function testWith(django: Django): Promise<Result> {
  print(`\n== Django ${django.version} (${django.source}, ${django.python})`);
  const dataDir = mkdtempSync(join(tmpdir(), 'tenure-django-'));
  const djangoPort = await claimPort(0, '127.0.0.1');
  const audience = 'tenure-django-test';
  const outgoingSecret = `whsec_${randomBytes(32).toString('base64')}`;
  const stack = await startLocalStack({
    dataDir,
    // As the other hosts of the conformance suite.
    usage: false,
    env: {
      PORT: String(await claimPort(0, '127.0.0.1')),
      EMULATOR_PORT: String(await claimPort(0, '127.0.0.1')),
      AUTH_JWT_AUDIENCE: audience,
      DUNNING_FINAL_ACTION: 'none',
      RATE_LIMIT_PER_USER: '0',
      RATE_LIMIT_PER_ADDRESS: '0',
      RATE_LIMIT_STRIPE_CALLS: '0',
      OUTGOING_WEBHOOK_URL: `http://127.0.0.1:${djangoPort}/api/webhooks/tenure`,
      OUTGOING_WEBHOOK_SECRET: outgoingSecret,
      LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'silent',
    },
  });
  const echo = await startEcho();
  try {
    const told = {
      server_url: stack.server.url,
      stripe_url: stack.stripe.url,
      jwt_secret: stack.env['AUTH_JWT_SECRET'],
      jwt_audience: audience,
      admin_token: stack.env['ADMIN_TOKEN'],
      outgoing_secret: outgoingSecret,
      webhook_secret: stack.env['STRIPE_WEBHOOK_SECRET'],
      django_port: djangoPort,
      test_clock: stack.env['STRIPE_TEST_CLOCK'],
    };
    return await runPython(django, {
      TENURE_TEST_STACK: JSON.stringify(told),
      TENURE_TEST_ECHO_URL: echo.url,
      DJANGO_STATE_DIR: dataDir,
    });
  } finally {
    echo.close();
    await stack.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function runPython(django: Django, env: Record<string, string>): Promise<Result> {
  const args = ['-W', 'ignore', 'manage.py', 'test', ...values.tests.split(',')];
  const child = spawn(django.python, args, {
    cwd: PROJECT,
    env: {
      ...process.env,
      ...env,
      PYTHONPATH: joinPaths(PACKAGE, django.path, process.env['PYTHONPATH']),
      PYTHONDONTWRITEBYTECODE: '1',
    },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let told = '';
  child.stderr.on('data', (chunk: Buffer) => {
    process.stderr.write(chunk);
    told = (told + chunk.toString()).slice(-20_000);
  });
  const code = await new Promise<number | null>((settle) => child.once('close', settle));
  const count = (pattern: RegExp) => Number(pattern.exec(told)?.[1] ?? 0);
  const failed = count(/failures=(\d+)/) + count(/errors=(\d+)/);
  return {
    django,
    tests: count(/Ran (\d+) tests?/),
    failed: code === 0 ? failed : Math.max(failed, 1),
    skipped: count(/skipped=(\d+)/),
  };
}

/** The handler of the Node adapters' conformance suite, as a process. */
async function startEcho(): Promise<{ url: string; close: () => void }> {
  const args = ['--import', 'tsx', resolve('test/support/echo-server.ts')];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout })) {
    const { url } = JSON.parse(line) as { url: string };
    return { url, close: () => child.stdin.end() };
  }
  throw new Error('The echo handler did not start.');
}

function report(results: Result[], absent: Absent[]): number {
  print('');
  for (const { version, reasons } of absent) {
    print(`Django ${version} was NOT tested: ${reasons.join('; ')}`);
  }
  if (results.length === 0) {
    print('test:django was SKIPPED: there is no Django to run it with.');
    // One that was named and is not there is a mistake, not a lack.
    return values.require || process.env['DJANGO_PATH'] ? 1 : 0;
  }
  for (const { django, tests, failed, skipped } of results) {
    const outcome = failed > 0 ? `${failed} FAILED` : 'all passed';
    const name = `Django ${django.version} (${django.source})`;
    print(`${name.padEnd(34)} ${tests} tests, ${skipped} skipped: ${outcome}`);
  }
  const sum = (of: (result: Result) => number) => results.reduce((all, each) => all + of(each), 0);
  const failed = sum((each) => each.failed);
  const skipped = sum((each) => each.skipped);
  print(
    `${sum((each) => each.tests) - failed - skipped} passed, ${failed} failed, ${skipped} skipped`,
  );
  return failed > 0 || (values.require && absent.length > 0) ? 1 : 0;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
