import { spawn, type ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How one run of the CLI ended. */
export interface CliRun {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A CLI command that stays until it is stopped. */
export interface CliProcess {
  /** Everything it printed so far, both streams. */
  output: () => string;
  /** Resolves once the output matches; rejects with the output after the time-out. */
  until: (pattern: RegExp, timeoutMs?: number) => Promise<string>;
  stop: () => Promise<void>;
}

/** The Go binary itself: its npm launcher leaves it running when it is stopped. */
export function cliBinary(): string {
  const require = createRequire(import.meta.url);
  const platform = `${process.platform}-${process.arch}`;
  const shim = createRequire(require.resolve('@stripe/cli/package.json'));
  const name = process.platform === 'win32' ? 'stripe.exe' : 'stripe';
  return shim.resolve(`@stripe/cli-${platform}/bin/${name}`);
}

/** The official CLI for one API key, with its own empty home. */
export class StripeCli {
  private readonly home = mkdtempSync(join(tmpdir(), 'stripe-cli-'));
  private readonly running = new Set<ChildProcess>();
  private readonly target: { url?: string; socket?: string; key: string };

  constructor(target: { url?: string; socket?: string; key: string }) {
    this.target = target;
  }

  /** Runs a command to its end. */
  async run(args: string[], timeoutMs = 20_000): Promise<CliRun> {
    const child = this.spawn(args);
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (chunk) => (stdout += String(chunk)));
    child.stderr?.on('data', (chunk) => (stderr += String(chunk)));
    child.stdin?.end();
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    clearTimeout(timer);
    return { code, stdout, stderr };
  }

  /** Starts a command that stays (`listen`, `logs tail`). */
  start(args: string[]): CliProcess {
    const child = this.spawn(args);
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
      until: (pattern, timeoutMs = 15_000) =>
        new Promise((resolve, reject) => {
          const check = () => {
            if (!pattern.test(text)) return;
            clearTimeout(timer);
            wake.delete(check);
            resolve(text);
          };
          const timer = setTimeout(() => {
            wake.delete(check);
            reject(new Error(`no ${pattern} in: ${text}`));
          }, timeoutMs);
          wake.add(check);
          check();
        }),
      stop: () => stopped(child),
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.running].map(stopped));
    rmSync(this.home, { recursive: true, force: true });
  }

  private spawn(args: string[]): ChildProcess {
    const base = this.target.url === undefined ? [] : ['--api-base', this.target.url];
    const env: NodeJS.ProcessEnv = {
      PATH: process.env['PATH'],
      HOME: this.home,
      XDG_CONFIG_HOME: this.home,
      STRIPE_API_KEY: this.target.key,
      STRIPE_CLI_TELEMETRY_OPTOUT: '1',
      ...(this.target.socket === undefined
        ? { HTTPS_PROXY: 'http://127.0.0.1:9' }
        : { STRIPE_CLI_UNIX_SOCKET: this.target.socket }),
    };
    const child = spawn(cliBinary(), [...args, ...base], { env, stdio: 'pipe' });
    this.running.add(child);
    child.once('close', () => this.running.delete(child));
    return child;
  }
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), 3_000);
  await ended;
  clearTimeout(force);
}
