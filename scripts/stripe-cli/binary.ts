import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';

/**
 * The official CLI: the platform's own binary of `@stripe/cli`, because its npm launcher leaves it running when it is
 * stopped; else the `stripe` of the PATH. Throws with words for people when there is none.
 */
export function stripeCliBinary(env: NodeJS.ProcessEnv = process.env): string {
  const name = process.platform === 'win32' ? 'stripe.exe' : 'stripe';
  const bundled = bundledBinary(name);
  if (bundled !== null) return bundled;
  const installed = (env['PATH'] ?? '')
    .split(delimiter)
    .map((directory) => join(directory, name))
    .find((path) => existsSync(path));
  if (installed !== undefined) return installed;
  throw new Error(
    'The Stripe CLI was not found. Run npm install (it brings @stripe/cli), or install it: https://docs.stripe.com/stripe-cli',
  );
}

function bundledBinary(name: string): string | null {
  try {
    const require = createRequire(import.meta.url);
    const launcher = createRequire(require.resolve('@stripe/cli/package.json'));
    return launcher.resolve(`@stripe/cli-${process.platform}-${process.arch}/bin/${name}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return null;
    throw error;
  }
}
