import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';

export interface LocalStripe {
  url: string;
  close: () => Promise<void>;
}

/**
 * Starts the emulator as a process of its own, so that everything between it and the server is real
 * HTTP. Rejects with a sentence for people when it cannot start.
 */
export async function startLocalStripe(options: {
  port: number;
  dataFile: string;
}): Promise<LocalStripe> {
  const child = spawnEmulator(options);
  const url = await Promise.race([readyUrl(child), earlyExit(child, options.port)]);
  return { url, close: () => stop(child) };
}

function spawnEmulator({ port, dataFile }: { port: number; dataFile: string }): ChildProcess {
  const self = fileURLToPath(import.meta.url);
  const script = self.replace(/local-stripe(\.[jt]s)$/, 'emulator$1');
  const loader = script.endsWith('.ts') ? ['--import', 'tsx'] : [];
  const args = [...loader, script, '--json', '--port', String(port), '--data', dataFile];
  return spawn(process.execPath, args, {
    // A group of its own: Ctrl-C reaches the server first, which still needs it to finish.
    detached: true,
    // It ends with us, however we end: it watches the IPC channel.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
}

async function readyUrl(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('the emulator has no output');
  for await (const line of createInterface({ input: child.stdout })) {
    const parsed: unknown = line.startsWith('{') ? JSON.parse(line) : null;
    if (isReady(parsed)) {
      child.stdout.resume();
      return parsed.url;
    }
  }
  // Its end is told by `earlyExit`, with the reason.
  return new Promise(() => undefined);
}

function isReady(value: unknown): value is { url: string } {
  return typeof value === 'object' && value !== null && 'url' in value;
}

async function earlyExit(child: ChildProcess, port: number): Promise<never> {
  let words = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-2000);
  });
  await once(child, 'exit');
  if (words.includes('EADDRINUSE')) {
    throw new Error(
      `Port ${port} is taken, and the local Stripe needs it. Stop the program that holds it, or set EMULATOR_PORT to another port (0 for any).`,
    );
  }
  throw new Error(`The local Stripe did not start:\n${words.trim()}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const killTimer = setTimeout(() => child.kill('SIGKILL'), 3_000);
  await exited;
  clearTimeout(killTimer);
}
