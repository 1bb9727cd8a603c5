import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { migrate } from '../../db/migrate.ts';
import { openDatabase } from '../../db/database.ts';
import { freePort } from './databases.ts';
import { tenureEnvironment } from './environment.ts';
import { startFakeStripe, type FakeStripe, type Laboratory } from './laboratory.ts';
import { median, type Row } from './report.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const IDLE_MS = 5_000;

/** From the start of the process to `/readyz`, and the memory that is left when nothing happens. */
export async function start(lab: Laboratory): Promise<Row[]> {
  const entry = compiled();
  const stripe = await startFakeStripe({ latency: 0, readsPerSecond: null });
  const starts: Start[] = [];
  try {
    const databaseUrl = await lab.host.create();
    const database = openDatabase(databaseUrl);
    await migrate(database);
    await database.close();
    for (let round = 0; round < lab.rounds; round += 1) {
      starts.push(await startOnce(entry, { databaseUrl, stripe, idle: IDLE_MS * lab.effort }));
    }
  } finally {
    await stripe.stop();
  }
  const shared = { figure: 'start', database: lab.host.dialect };
  return [
    {
      ...shared,
      what: 'compiled server, until it is ready',
      value: median(starts.map(({ ready }) => ready)),
      unit: 'ms',
      target: { at: 'most', value: 1_000 },
      detail: { 'CPU ms': median(starts.map(({ cpu }) => cpu)) },
      rounds: starts.map(({ ready }) => ready),
    },
    {
      ...shared,
      what: 'resident memory, idle',
      value: median(starts.map(({ memory }) => memory)),
      unit: 'MB',
      target: { at: 'most', value: 120 },
    },
  ];
}

/** The program of `npm run serve`; compiled anew, so that what is measured is what is here. */
function compiled(): string {
  execFileSync('npm', ['run', '-s', 'build'], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const entry = join(ROOT, 'dist/scripts/serve.js');
  if (!existsSync(entry)) throw new Error('npm run build made no dist/scripts/serve.js');
  return entry;
}

interface Start {
  /** ms */
  ready: number;
  /** ms of CPU until then; 0 where the system does not tell. */
  cpu: number;
  /** MB */
  memory: number;
}

async function startOnce(
  entry: string,
  options: { databaseUrl: string; stripe: FakeStripe; idle: number },
): Promise<Start> {
  const port = await freePort();
  const env = tenureEnvironment({
    databaseUrl: options.databaseUrl,
    stripeUrl: options.stripe.url,
    env: { PORT: String(port), LOG_LEVEL: 'warn', PATH: process.env['PATH'] ?? '' },
  });
  const started = performance.now();
  const child = spawn(process.execPath, [entry], {
    env,
    cwd: tmpdir(),
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  try {
    while (!(await isReady(port))) {
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
      await sleep(5);
    }
    const ready = performance.now() - started;
    const cpu = cpuOf(child.pid);
    await sleep(options.idle);
    return { ready, cpu, memory: memoryOf(child.pid) };
  } finally {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }
}

async function isReady(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/readyz`)).status === 200;
  } catch {
    return false;
  }
}

/** Of Linux; elsewhere `ps` would have to be asked. */
function memoryOf(pid: number | undefined): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}

function cpuOf(pid: number | undefined): number {
  // utime and stime in ticks of 10 ms, counted after the name, which may hold spaces.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
