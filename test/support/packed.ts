import { execFile } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '../..');
/** What the package is made from. */
const SOURCES = [
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'LICENSE',
  'README.md',
  'CHANGELOG.md',
  'SECURITY.md',
  '.env.example',
  'docs',
  'server',
  'adapters',
  'db',
  'state',
  'scripts',
];

/** Runs `npm pack` (which builds) on a copy of the sources, away from `dist/`; the tarball's path. */
export async function packTarball(dir: string): Promise<string> {
  for (const name of SOURCES) {
    cpSync(join(ROOT, name), join(dir, name), {
      recursive: true,
      filter: (path) => !path.includes('__pycache__'),
    });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
  buildUnchecked(dir);
  await run('npm', ['pack', '--silent'], dir);
  const { version } = readPackage(dir);
  return join(dir, `tenure-${version}.tgz`);
}

/** Lets a copy of the sources be built in half the time, or in a quarter with what more is left out: `npm run check` checks types. */
export function buildUnchecked(
  dir: string,
  more: { declaration?: false; sourceMap?: false } = {},
): void {
  const file = join(dir, 'tsconfig.build.json');
  const config = JSON.parse(readFileSync(file, 'utf8')) as { compilerOptions: object };
  Object.assign(config.compilerOptions, { noCheck: true, ...more });
  writeFileSync(file, JSON.stringify(config));
}

/** Puts the tarball into a project as `npm install` would; what it depends on is found from there already. */
export async function unpackTarball(tarball: string, project: string): Promise<void> {
  const modules = join(project, 'node_modules');
  mkdirSync(join(modules, 'tenure'), { recursive: true });
  await run(
    'tar',
    ['-xzf', tarball, '-C', join(modules, 'tenure'), '--strip-components=1'],
    project,
  );
}

/** The same for a project far from here: its dependencies, and what the host has beside it, are linked. */
export async function installTarball(
  tarball: string,
  project: string,
  hostHas: string[],
): Promise<void> {
  await unpackTarball(tarball, project);
  const modules = join(project, 'node_modules');
  const { dependencies, bin } = readPackage(join(modules, 'tenure'));
  mkdirSync(join(modules, '.bin'));
  for (const [name, path] of Object.entries(bin)) {
    chmodSync(join(modules, 'tenure', path), 0o755);
    symlinkSync(join('..', 'tenure', path), join(modules, '.bin', name));
  }
  for (const name of new Set([...Object.keys(dependencies), ...hostHas])) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
}

/** A command to its end; what it printed. Rejects with what it complained of. */
export async function run(command: string, args: string[], cwd: string): Promise<string> {
  try {
    const { stdout } = await exec(command, args, { cwd, maxBuffer: 16 * 1024 * 1024 });
    return stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}

interface PackageFile {
  version: string;
  dependencies: Record<string, string>;
  bin: Record<string, string>;
}

function readPackage(dir: string): PackageFile {
  return JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as PackageFile;
}
