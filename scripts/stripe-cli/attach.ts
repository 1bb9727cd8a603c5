import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripeCliBinary } from './binary.ts';
import { createStripeCli } from './cli.ts';
import { cliEnvironment, targetArgs, type CliTarget } from './target.ts';

/** Runs a command of the CLI in this terminal until it ends or is interrupted; resolves with its exit code. */
export async function attachStripeCli(target: CliTarget, args: string[]): Promise<number> {
  const home = mkdtempSync(join(tmpdir(), 'stripe-cli-'));
  const child = spawn(stripeCliBinary(), [...args, ...targetArgs(target)], {
    env: { ...cliEnvironment(target, home), TERM: process.env['TERM'] ?? '' },
    stdio: 'inherit',
  });
  // Ctrl-C reaches the CLI by itself, being in our group; a signal that was sent to us alone does not.
  const pass = () => child.kill('SIGTERM');
  process.on('SIGTERM', pass);
  process.on('SIGINT', () => undefined);
  try {
    await once(child, 'close');
    return child.exitCode ?? 0;
  } finally {
    process.off('SIGTERM', pass);
    rmSync(home, { recursive: true, force: true });
  }
}

/** The secret that `stripe listen` has its events signed with; it stays the same. Throws with the CLI's words. */
export async function listenSecret(target: CliTarget): Promise<string> {
  await requireReachable(target);
  const cli = createStripeCli(target);
  try {
    const { stdout, stderr } = await cli.run(['listen', '--print-secret']);
    const secret = /whsec_\S+/.exec(stdout)?.[0];
    if (secret) return secret;
    throw new Error(`stripe listen --print-secret gave no secret: ${stderr.trim()}`);
  } finally {
    await cli.close();
  }
}

/** The local Stripe is not running; the message says what to do. */
export class LocalStripeDown extends Error {
  override name = 'LocalStripeDown';
}

/** Says what to do when the local Stripe is not there, rather than let the CLI try for seconds. */
export async function requireReachable(
  { apiBase }: Pick<CliTarget, 'apiBase'>,
  keyVariable = 'STRIPE_API_KEY',
): Promise<void> {
  if (apiBase === null) return;
  try {
    await fetch(apiBase);
  } catch (error) {
    throw new LocalStripeDown(
      `There is no local Stripe on ${apiBase}. Run npm start (or npm run emulator) first, or set ${keyVariable} to work on a sandbox.`,
      { cause: error },
    );
  }
}
