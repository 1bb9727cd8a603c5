import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { bundled } from './bundled.ts';
import { signedRequest } from './engine-lab.ts';

const KEPT_LINES = 200;

/** A server in a process of its own. */
export interface ServerProcess {
  url: string;
  isAlive(): boolean;
  /** SIGSTOP, SIGCONT, SIGTERM. */
  signal(name: NodeJS.Signals): void;
  /** Resolves to its exit code when it has ended. */
  exited: Promise<number | null>;
  /** The last lines of its log. */
  said(): string[];
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
}

export interface ServerProcesses {
  start(env: Record<string, string>): Promise<ServerProcess>;
  /** Ends all that are left. */
  close(): Promise<void>;
}

/** Bundles the server once. */
export async function prepareServerProcesses(): Promise<ServerProcesses> {
  const outfile = await bundled(new URL('./server-process.ts', import.meta.url));
  const children = new Set<ChildProcess>();
  return {
    async start(env) {
      const child = spawn(process.execPath, [outfile], {
        env: { PATH: process.env['PATH'], PORT: '0', ...env },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.add(child);
      const exited = once(child, 'exit').then(([code]) => {
        children.delete(child);
        return code as number | null;
      });
      const lines: string[] = [];
      const port = await new Promise<string>((resolve, reject) => {
        createInterface({ input: child.stdout }).on('line', (line) => {
          const [, said] = /^listening on (\d+)$/.exec(line) ?? [];
          if (said) resolve(said);
          else if (lines.push(line) > KEPT_LINES) lines.shift();
        });
        void exited.then(() =>
          reject(new Error(`The server process ended before it listened: ${lines.join('\n')}`)),
        );
      });
      return {
        url: `http://127.0.0.1:${port}`,
        isAlive: () => child.exitCode === null && child.signalCode === null && !child.killed,
        signal: (name) => void process.kill(child.pid!, name),
        exited,
        said: () => lines,
        async kill() {
          child.kill('SIGKILL');
          await exited;
        },
      };
    },
    async close() {
      for (const child of children) child.kill('SIGKILL');
      await Promise.all([...children].map((child) => once(child, 'exit')));
      await rm(outfile, { force: true });
    },
  };
}

/** Delivers an event over HTTP; the status, or null when the process broke the connection. */
export async function deliverTo(server: ServerProcess, event: unknown): Promise<number | null> {
  const request = signedRequest(JSON.stringify(event));
  try {
    const response = await fetch(`${server.url}/api/webhooks/stripe`, {
      method: 'POST',
      headers: request.headers,
      body: await request.arrayBuffer(),
      signal: AbortSignal.timeout(15_000),
    });
    await response.body?.cancel();
    return response.status;
  } catch {
    return null;
  }
}
