import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { compiledScript } from '../support/compiled.ts';

export interface ScriptRun {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs one of `scripts/` as `npm run` does, in an environment that holds what is given and nothing of ours. */
export async function runScript(
  name: string,
  args: string[] = [],
  env: Record<string, string | undefined> = {},
): Promise<ScriptRun> {
  const child = spawn(process.execPath, [compiledScript(name), ...args], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  await once(child, 'close');
  return { code: child.exitCode, stdout, stderr };
}
