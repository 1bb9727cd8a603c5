import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripeCliBinary } from './binary.ts';
import { cliEnvironment, targetArgs, type CliTarget } from './target.ts';

/** How one command ended. */
export interface CliRun {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A command that stays until it is stopped, such as `listen`. */
export interface CliProcess {
  /** Everything it printed so far, both streams. */
  output: () => string;
  /** Resolves once its output matches; rejects with the output when it ends or takes too long. */
  until: (pattern: RegExp, timeoutMs?: number) => Promise<void>;
  stop: () => Promise<void>;
}

export interface StripeCli {
  /** Runs a command to its end; it is killed after a minute. */
  run: (args: string[]) => Promise<CliRun>;
  start: (args: string[]) => CliProcess;
  /** Stops what still runs, and forgets its home. */
  close: () => Promise<void>;
}

const LONGEST_RUN_MS = 60_000;

/** The official CLI on one account, with a home of its own: no login, no configuration of the user. */
export function createStripeCli(target: CliTarget): StripeCli {
  const home = mkdtempSync(join(tmpdir(), 'stripe-cli-'));
  const running = new Set<ChildProcess>();

  function begin(args: string[]): ChildProcess {
    const child = spawn(stripeCliBinary(), [...args, ...targetArgs(target)], {
      env: cliEnvironment(target, home),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    child.once('close', () => running.delete(child));
    return child;
  }

  return {
    async run(args) {
      const child = begin(args);
      const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST_RUN_MS);
      let stdout = '';
      let stderr = '';
      child.stdout?.on('data', (chunk) => (stdout += String(chunk)));
      child.stderr?.on('data', (chunk) => (stderr += String(chunk)));
      await once(child, 'close');
      clearTimeout(timer);
      return { code: child.exitCode, stdout, stderr };
    },
    start: (args) => follow(begin(args)),
    async close() {
      await Promise.all([...running].map(stopped));
      rmSync(home, { recursive: true, force: true });
    },
  };
}

function follow(child: ChildProcess): CliProcess {
  let text = '';
  const wake = new Set<() => void>();
  const add = (chunk: unknown) => {
    text += String(chunk);
    for (const check of wake) check();
  };
  child.stdout?.on('data', add);
  child.stderr?.on('data', add);
  return {
    output: () => text,
    until: (pattern, timeoutMs = 30_000) =>
      new Promise((resolve, reject) => {
        const end = (error: Error | null) => {
          clearTimeout(timer);
          wake.delete(check);
          child.off('close', gone);
          if (error) reject(error);
          else resolve();
        };
        const check = () => pattern.test(text) && end(null);
        const gone = () => end(new Error(`The Stripe CLI ended:\n${text.trim()}`));
        const timer = setTimeout(
          () => end(new Error(`The Stripe CLI did not say ${String(pattern)}:\n${text.trim()}`)),
          timeoutMs,
        );
        wake.add(check);
        child.once('close', gone);
        if (child.exitCode !== null) gone();
        else check();
      }),
    stop: () => stopped(child),
  };
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'close');
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), 3_000);
  await ended;
  clearTimeout(force);
}
