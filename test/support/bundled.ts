import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Bundles a program of the tests: a process then starts in half the time that tsx takes. */
export async function bundled(entry: URL): Promise<string> {
  const file = fileURLToPath(entry);
  // Below node_modules, so that the packages, which are not bundled, are found.
  const folder = fileURLToPath(new URL('../../node_modules/.cache/tenure-test/', import.meta.url));
  const outfile = `${folder}${basename(file, '.ts')}-${process.pid}.mjs`;
  await build({
    entryPoints: [file],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
  });
  return outfile;
}
