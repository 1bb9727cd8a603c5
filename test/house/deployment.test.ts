import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { DockerfileParser, type Instruction } from 'dockerfile-ast';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { claimPort } from '../../scripts/free-port.ts';
import { describeServerProcesses } from '../server/cluster-suite.ts';
import { buildUnchecked } from '../support/packed.ts';
import { until } from '../support/server.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const read = (name: string) => readFileSync(join(root, name), 'utf8');
const instructions = DockerfileParser.parse(read('Dockerfile')).getInstructions();

/** Arguments of all instructions of a kind, in their order. */
function of(kind: string): string[][] {
  return instructions
    .filter((each: Instruction) => each.getKeyword() === kind)
    .map((each: Instruction) => each.getArguments().map((argument) => argument.getValue()));
}

/** The JSON form of CMD and of HEALTHCHECK's CMD. */
function execForm(kind: string): string[] {
  const [text = ''] = instructions
    .filter((each: Instruction) => each.getKeyword() === kind)
    .map((each: Instruction) => each.getArgumentsContent() ?? '');
  return JSON.parse(text.slice(text.indexOf('['))) as string[];
}

// No container engine is needed here: what the Dockerfile says is checked, and its steps are carried out.
describe('The Dockerfile', () => {
  let stage = '';
  beforeAll(async () => {
    stage = mkdtempSync(join(tmpdir(), 'tenure-image-'));
    for (const [from = '', ...rest] of of('COPY')) {
      const sources = [from, ...rest.slice(0, -1)].filter((name) => !name.startsWith('/'));
      for (const source of sources)
        cpSync(join(root, source), join(stage, source), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(stage, 'node_modules'));
    buildUnchecked(stage, { declaration: false, sourceMap: false });
    const build = of('RUN').find((words) => words.join(' ') === 'npm run build') ?? [];
    await run(build[0] ?? 'false', build.slice(1), { cwd: stage });
  }, 240_000);
  afterAll(() => rmSync(stage, { recursive: true, force: true }));

  it('has two stages, copies what is there, and does not run as root', () => {
    expect(of('FROM')).toHaveLength(2);
    const last = instructions.map((each: Instruction) => each.getKeyword()).lastIndexOf('FROM');
    const runtime = instructions.slice(last).map((each: Instruction) => each.getKeyword());
    expect(runtime.indexOf('USER')).toBeGreaterThan(-1);
    expect(runtime.indexOf('USER')).toBeLessThan(runtime.indexOf('CMD'));
    expect(of('USER')).toEqual([['node']]);
    const allowed = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'));
    for (const words of of('COPY')) {
      for (const source of words.slice(0, -1)) {
        if (source.startsWith('/app/') || source.startsWith('--')) continue;
        expect(existsSync(join(root, source)), source).toBe(true);
        expect(allowed).toContain(`!${source}`);
      }
    }
  });

  it('builds a server that starts, is found healthy, serves the pages, and stops when told', async () => {
    const port = await claimPort(0, '127.0.0.1');
    const [command = '', ...args] = execForm('CMD');
    const env = {
      PATH: process.env['PATH'],
      NODE_ENV: 'production',
      PORT: String(port),
      LOG_LEVEL: 'warn',
      STRIPE_SECRET_KEY: 'sk_test_of_the_image',
      STRIPE_WEBHOOK_SECRET: 'whsec_of_the_image',
      STRIPE_API_BASE: 'http://127.0.0.1:9',
      STRIPE_PRO_MONTHLY_PRICE_ID: 'price_1',
      ADMIN_TOKEN: 'admin-token-of-the-image',
      DATABASE_URL: `sqlite:${join(stage, 'data/image.sqlite')}`,
    };
    const server = spawn(command, args, { cwd: stage, env });
    let said = '';
    server.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    try {
      const [probe = '', ...words] = execForm('HEALTHCHECK');
      const healthy = () =>
        run(probe, words, { env }).then(
          () => true,
          () => false,
        );
      await until(async () => {
        if (server.exitCode !== null) throw new Error(`It ended with ${server.exitCode}: ${said}`);
        return healthy();
      }, 60_000);
      for (const path of ['/readyz', '/openapi.json', '/docs', '/admin/login']) {
        expect((await fetch(`http://127.0.0.1:${port}${path}`)).status, path).toBe(200);
      }
      const ended = once(server, 'exit');
      server.kill('SIGTERM');
      expect((await ended)[0]).toBe(0);
      expect(await healthy()).toBe(false);
    } finally {
      server.kill('SIGKILL');
    }
  }, 120_000);

  describeServerProcesses(() => stage);
});

describe('The compose file', () => {
  interface Compose {
    services: Record<
      string,
      {
        build?: string;
        environment?: Record<string, string | number>;
        healthcheck?: object;
        depends_on?: Record<string, { condition: string }>;
        [field: string]: unknown;
      }
    >;
    volumes: Record<string, unknown>;
  }
  const { services, volumes } = parse(read('compose.yaml')) as Compose;

  it('starts the server when its Postgres answers, and no password has a default', () => {
    const { tenure, postgres } = services;
    expect(tenure?.build).toBe('.');
    expect(tenure?.depends_on).toEqual({ postgres: { condition: 'service_healthy' } });
    expect(postgres?.healthcheck).toBeDefined();
    expect(Object.keys(volumes)).toEqual(['postgres']);
    expect(tenure?.environment?.['DATABASE_URL']).toMatch(
      /^postgres:\/\/tenure:\$\{POSTGRES_PASSWORD:\?/,
    );
    const known = new Set(read('.env.example').match(/^[A-Z_]+(?==)/gm));
    for (const name of Object.keys(tenure?.environment ?? {})) expect(known, name).toContain(name);
  });
});

describe('The systemd unit', () => {
  const unit = read('docs/tenure.service');
  const value = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1] ?? '';

  it('runs what the image runs, with rights taken away, and leaves time to stop', () => {
    expect(value('ExecStart')).toBe(`/usr/bin/${execForm('CMD').join(' ')}`);
    expect(value('KillMode')).toBe('mixed');
    expect(Number(value('TimeoutStopSec'))).toBeGreaterThan(20);
    for (const name of ['DynamicUser', 'NoNewPrivileges', 'PrivateTmp'])
      expect(value(name)).toBe('yes');
    for (const line of unit.split('\n')) expect(line).toMatch(/^(#.*|\[\w+\]|[A-Z]\w+=.*|)$/);
  });
});
