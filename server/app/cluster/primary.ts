import cluster, { type Worker } from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '../../../db/database.ts';
import { prepareDatabase } from '../../../db/prepare-database.ts';
import { joinCluster } from './member.ts';
import { GATHER_MS, type FromMember, type ToMember } from './messages.ts';
import { loadConfig, type Config } from '../../config/config.ts';
import { createLogger, type Logger } from '../../lib/log.ts';
import type { Figures } from '../../lib/metrics.ts';
import { runServer } from '../run-server.ts';

/** Longer than a server takes to finish its requests. */
const STOP_MS = 20_000;
/** A process that ran this long did not fail at its start. */
const HEALTHY_MS = 60_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

export interface Servers {
  url: string;
  config: Config;
  log: Logger;
  close: () => Promise<void>;
  /** Stops as balancers want it: see `RunningServer`. */
  drain: () => Promise<void>;
}

/**
 * Runs the server of the environment: in this process, or in `WORKERS` processes that share the port. Those
 * are this same program started again, so there it returns null: the first process says when to stop.
 */
export async function runServers(
  env: Record<string, string | undefined> = process.env,
  signal?: AbortSignal,
): Promise<Servers | null> {
  if (cluster.isWorker) {
    joinCluster(await runServer({ env }));
    return null;
  }
  const config = loadConfig(env);
  if (config.workers === 1) {
    const { services, url, close, drain } = await runServer({ env, signal });
    return { url, config, log: services.log, close, drain };
  }
  const log = createLogger({ level: config.logLevel, pretty: process.stdout.isTTY });
  await prepareFirst(config, log, signal);
  const group = new ServerGroup(config.workers, log);
  const url = await group.start();
  return { url, config, log, close: () => group.stop(), drain: () => group.stop(config.drainMs) };
}

/** What is wrong with the database is told once, before there are processes to tell it each. */
async function prepareFirst(config: Config, log: Logger, signal?: AbortSignal): Promise<void> {
  const database = openDatabase(config.databaseUrl, { poolSize: 1 });
  try {
    await prepareDatabase(database, {
      waitMs: config.databaseWaitMs,
      note: (text) => log.warn(text),
      signal,
    });
  } finally {
    await database.close();
  }
}

interface Member {
  worker: Worker;
  startedAt: number;
  ready: boolean;
}

/** The processes that serve: started, replaced when they end by themselves, stopped together. */
class ServerGroup {
  private readonly size: number;
  private readonly log: Logger;
  private readonly members = new Set<Member>();
  private readonly gathering = new Map<number, (figures: Figures) => void>();
  private readonly stopped = new AbortController();
  private failures = 0;
  private lastId = 0;
  private stopping: Promise<void> | null = null;

  constructor(size: number, log: Logger) {
    this.size = size;
    this.log = log;
  }

  /** Resolves to the URL when all are ready; when one cannot start, stops the others and rejects. */
  async start(): Promise<string> {
    try {
      const urls = await Promise.all(Array.from({ length: this.size }, () => this.add()));
      return urls[0] ?? '';
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** With `drainMs`, each takes requests for so long before it stops. */
  stop(drainMs = 0): Promise<void> {
    return (this.stopping ??= this.stopAll(drainMs));
  }

  private async stopAll(drainMs: number): Promise<void> {
    this.log.info({ drainMs }, 'stopping all server processes');
    this.stopped.abort();
    const ended = [...this.members].map(({ worker, ready }) => {
      const exit = new Promise<void>((resolve) => void worker.once('exit', () => resolve()));
      // One that is still starting has nothing to finish, and does not listen yet.
      if (ready) tell(worker, { kind: 'stop', drain: drainMs > 0 });
      else worker.process.kill('SIGTERM');
      return exit;
    });
    const waiting = new AbortController();
    const giveUp = sleep(STOP_MS + drainMs, undefined, { signal: waiting.signal }).then(
      () => this.killAll(),
      () => undefined,
    );
    await Promise.all(ended);
    this.log.info('all server processes have stopped');
    waiting.abort();
    await giveUp;
  }

  private killAll(): void {
    for (const { worker } of this.members) {
      this.log.error({ pid: worker.process.pid }, 'a server process did not stop; it is killed');
      worker.process.kill('SIGKILL');
    }
  }

  /** Starts one process; resolves to its URL, rejects when it ends before it was ready. */
  private add(): Promise<string> {
    const worker = cluster.fork();
    const member: Member = { worker, startedAt: Date.now(), ready: false };
    this.members.add(member);
    return new Promise((resolve, reject) => {
      worker.on('message', (message: FromMember) => {
        if (message.kind === 'ready') {
          member.startedAt = Date.now();
          member.ready = true;
          this.log.info({ pid: worker.process.pid, url: message.url }, 'a server process is ready');
          resolve(message.url);
          worker.once('exit', (code, signal) => void this.replace(member, signal ?? code));
        } else if (message.kind === 'figures') {
          this.gathering.get(message.id)?.(message.figures);
        } else {
          const { id } = message;
          void this.gather().then((figures) => tell(worker, { kind: 'gathered', id, figures }));
        }
      });
      worker.once('exit', (code, signal) => {
        this.members.delete(member);
        reject(new Error(`A server process could not start (it ended with ${signal ?? code}).`));
      });
    });
  }

  /** Another one for a process that ended by itself: at once, later and later while they keep ending. */
  private async replace({ worker, startedAt }: Member, how: string | number): Promise<void> {
    if (this.stopping) return;
    const { pid } = worker.process;
    this.failures = Date.now() - startedAt > HEALTHY_MS ? 0 : this.failures + 1;
    let pause = Math.min(FIRST_PAUSE_MS * 2 ** (this.failures - 1), LONGEST_PAUSE_MS);
    this.log.error({ pid, how, pause }, 'a server process ended; another one takes its place');
    while (!this.stopping) {
      await sleep(pause, undefined, { signal: this.stopped.signal }).catch(() => undefined);
      if (this.stopping) return;
      try {
        await this.add();
        return;
      } catch (error) {
        this.failures += 1;
        pause = Math.min(FIRST_PAUSE_MS * 2 ** (this.failures - 1), LONGEST_PAUSE_MS);
        this.log.error({ err: error, pause }, 'it did not start; it is tried again');
      }
    }
  }

  /** The figures of all processes that answer in time. */
  private gather(): Promise<Figures[]> {
    const id = (this.lastId += 1);
    const all: Figures[] = [];
    const asked = [...this.members].filter(({ ready }) => ready);
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.gathering.delete(id);
        resolve(all);
      };
      const timer = setTimeout(done, GATHER_MS);
      this.gathering.set(id, (figures) => {
        all.push(figures);
        if (all.length === asked.length) done();
      });
      for (const { worker } of asked) tell(worker, { kind: 'figures_wanted', id });
    });
  }
}

function tell(worker: Worker, message: ToMember): void {
  if (worker.isConnected()) worker.send(message);
}
