import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What a program of the benchmark has used since its start. */
export interface Usage {
  /** CPU of its own, in µs. */
  cpu: number;
  /** Resident memory in bytes. */
  memory: number;
  /** Statements sent to the database. */
  statements: number;
  /** Bytes that it had written to storage, where the system tells (Linux); else 0. */
  written: number;
}

/** A program of the benchmark that runs as a process of its own. */
export interface Child {
  /** Asks it for something; rejects with what went wrong there. */
  ask<T>(question: string, value?: unknown): Promise<T>;
  usage(): Promise<Usage>;
  stop(): Promise<void>;
}

export interface ChildAnswer {
  answer?: unknown;
  problem?: string;
}

/** Starts `scripts/bench/NAME.ts` and hands it its settings. It ends with this process, however that ends. */
export async function startChild(name: string, settings: unknown): Promise<Child> {
  const here = fileURLToPath(import.meta.url);
  const extension = here.endsWith('.ts') ? '.ts' : '.js';
  const script = fileURLToPath(new URL(`./${name}${extension}`, import.meta.url));
  const child = fork(script, [], {
    execArgv: extension === '.ts' ? ['--import', 'tsx', ...flagsOf(name)] : flagsOf(name),
    // What a server logs is written, as in production, but to nowhere.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ask = createAsk(child, name);
  await ask('start', settings);
  return {
    ask,
    usage: () => ask<Usage>('usage'),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      const killTimer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await ask('stop').catch(() => child.kill('SIGKILL'));
      await exited;
      clearTimeout(killTimer);
    },
  };
}

/** `BENCH_PROFILE=tenure-server` writes a CPU profile of that program into the working directory. */
function flagsOf(name: string): string[] {
  return process.env['BENCH_PROFILE'] === name ? ['--cpu-prof'] : [];
}

function createAsk(child: ChildProcess, name: string): Child['ask'] {
  return <T>(question: string, value?: unknown): Promise<T> =>
    new Promise((resolve, reject) => {
      const done = (): void => {
        child.off('message', heard);
        child.off('exit', ended);
      };
      const heard = ({ answer, problem }: ChildAnswer): void => {
        done();
        if (problem === undefined) resolve(answer as T);
        else reject(new Error(`${name}: ${problem}`));
      };
      const ended = (code: number | null): void => {
        done();
        reject(new Error(`${name} ended with ${code} while it was asked to ${question}`));
      };
      child.on('message', heard);
      child.on('exit', ended);
      child.send({ question, value });
    });
}
