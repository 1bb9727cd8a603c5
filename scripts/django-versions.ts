import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A Django that can be imported: which Python runs it, and with what on its path. */
export interface Django {
  version: string;
  python: string;
  /** Goes before PYTHONPATH; empty when the Python has it by itself. */
  path: string;
  source: string;
}

/** A Django that was wanted and could not be had, with the reason of each way that was tried. */
export interface Absent {
  version: string;
  reasons: string[];
}

interface Wanted {
  version: string;
  /** The Debian releases that package it, or did. */
  releases: string[];
  /** The newest Python that runs it. */
  newestPython: number;
}

/** The supported long-term versions. */
export const WANTED: readonly Wanted[] = [
  { version: '3.2', releases: ['bookworm'], newestPython: 11 },
  { version: '4.2', releases: ['trixie'], newestPython: 12 },
  { version: '5.2', releases: ['sid', 'forky'], newestPython: 99 },
];

const NEEDED = ['python3-django', 'python3-asgiref', 'python3-sqlparse', 'python3-tz'];
/** What widens the tests, by the name of its module; `rest_framework` is installed under another. */
const EXTRAS = ['rest_framework', 'gunicorn', 'uvicorn'];
const DISTRIBUTIONS: Record<string, string> = { rest_framework: 'djangorestframework' };
const EXTRA_PACKAGES = [
  'python3-djangorestframework',
  'python3-gunicorn',
  'python3-uvicorn',
  'python3-h11',
  'python3-click',
  'python3-packaging',
];
const KEYRINGS = ['gpg', 'pgp'].map((end) => `/usr/share/keyrings/debian-archive-keyring.${end}`);
/** Where Debian is for a machine that does not say where it has its packages from. */
const ARCHIVE = 'http://deb.debian.org/debian';
/** No step of getting a Django takes longer; without a network each fails within its own seconds. */
const STEP_MS = 90_000;
const UNPACKED = join('usr', 'lib', 'python3', 'dist-packages');

/** The Django named by `DJANGO_PATH`, which is then the only one; null when none is named. */
export function namedDjango(env: Record<string, string | undefined>): Django | Absent | null {
  const path = env['DJANGO_PATH'];
  if (!path) return null;
  const found = firstThatImports(path, 99);
  if (!found)
    return { version: 'DJANGO_PATH', reasons: [`no python3 imports django from ${path}`] };
  return { ...found, path, source: 'DJANGO_PATH' };
}

/**
 * One supported version: by pip in a virtual environment, else from Debian's packages. An index that
 * lacks one of the extras is asked last, because their tests would be skipped.
 */
export function obtainDjango(wanted: Wanted, cacheDir: string): Django | Absent {
  const pip = byPip(wanted, cacheDir);
  if (typeof pip !== 'string' && EXTRAS.every((extra) => hasModule(pip.python, extra))) return pip;
  const debian = byDebian(wanted, cacheDir);
  if (typeof debian !== 'string') return debian;
  return typeof pip === 'string' ? { version: wanted.version, reasons: [pip, debian] } : pip;
}

/** One supported version, if an earlier run has fetched it. */
export function fetchedDjango(wanted: Wanted, cacheDir: string): Django | Absent {
  const { version, newestPython } = wanted;
  const path = debianPath(version, cacheDir);
  const found = existsSync(path) ? firstThatImports(path, newestPython) : null;
  if (found?.version.startsWith(`${version}.`)) return { ...found, path, source: 'Debian' };
  const python = pipPython(version, cacheDir);
  const byPip = importsDjango(python, '', version);
  if (byPip) return { version: byPip, python, path: '', source: 'pip' };
  return { version, reasons: ['no earlier run has fetched it'] };
}

/** Whatever Django a Python of this machine imports by itself. */
export function installedDjango(): Django | null {
  const found = firstThatImports('', 99);
  return found && { ...found, path: '', source: 'installed' };
}

function byPip(wanted: Wanted, cacheDir: string): Django | string {
  const python = pythonUpTo(wanted.newestPython);
  if (!python) return `pip: no python3 up to 3.${wanted.newestPython}`;
  const home = join(cacheDir, `pip-${wanted.version}`);
  const inside = pipPython(wanted.version, cacheDir);
  if (!importsDjango(inside, '', wanted.version)) {
    rmSync(home, { recursive: true, force: true });
    if (!run(python, ['-m', 'venv', home]).ok) return 'pip: no virtual environment can be made';
    const install = ['-m', 'pip', 'install', '--quiet', '--retries', '0', '--timeout', '15'];
    const answer = run(inside, [...install, `django~=${wanted.version}.0`]);
    if (!answer.ok) return `pip: ${lastLine(answer.errors)}`;
    for (const extra of EXTRAS) run(inside, [...install, DISTRIBUTIONS[extra] ?? extra]);
  }
  const version = importsDjango(inside, '', wanted.version);
  return version ? { version, python: inside, path: '', source: 'pip' } : 'pip: it does not import';
}

/** The Python of a version's virtual environment. */
function pipPython(version: string, cacheDir: string): string {
  return join(cacheDir, `pip-${version}`, 'bin', 'python');
}

/** Where Debian's packages of a version are unpacked. */
function debianPath(version: string, cacheDir: string): string {
  return join(cacheDir, `debian-${version}`, UNPACKED);
}

function byDebian(wanted: Wanted, cacheDir: string): Django | string {
  const home = join(cacheDir, `debian-${wanted.version}`);
  const path = debianPath(wanted.version, cacheDir);
  const problems: string[] = [];
  for (const release of wanted.releases) {
    if (!existsSync(path)) {
      const problem = unpackFrom(release, home, join(cacheDir, 'apt'));
      if (problem) {
        problems.push(`Debian ${release}: ${problem}`);
        continue;
      }
    }
    const found = firstThatImports(path, wanted.newestPython);
    if (found?.version.startsWith(`${wanted.version}.`)) {
      return { ...found, path, source: `Debian ${release}` };
    }
    problems.push(
      found
        ? `Debian ${release} has Django ${found.version} now`
        : `Debian ${release}: no python3 up to 3.${wanted.newestPython} imports it`,
    );
    rmSync(home, { recursive: true, force: true });
  }
  return problems.join('; ');
}

/** Downloads a release's packages with a private apt configuration and unpacks them; installs nothing. */
function unpackFrom(release: string, home: string, aptDir: string): string | null {
  if (!run('apt-get', ['--version']).ok) return 'there is no apt-get';
  const dir = join(aptDir, release);
  const downloads = join(dir, 'downloads');
  rmSync(downloads, { recursive: true, force: true });
  for (const part of ['lists/partial', 'cache/archives/partial', 'downloads']) {
    mkdirSync(join(dir, part), { recursive: true });
  }
  const keyring = KEYRINGS.find((file) => existsSync(file));
  const signed = keyring ? `[signed-by=${keyring}] ` : '';
  writeFileSync(join(dir, 'sources.list'), `deb ${signed}${debianArchive()} ${release} main\n`);
  const options = [
    `Dir::Etc::sourcelist=${join(dir, 'sources.list')}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::lists=${join(dir, 'lists')}`,
    `Dir::Cache=${join(dir, 'cache')}`,
    'APT::Sandbox::User=root',
    'Acquire::Retries=2',
    'Acquire::http::Timeout=15',
    'Acquire::https::Timeout=15',
    'Acquire::Languages=none',
  ].flatMap((option) => ['-o', option]);
  // A release that is not there any more is an error only with this word.
  const updated = run('apt-get', [...options, '-qq', '--error-on=any', 'update']);
  if (!updated.ok) return lastLine(updated.errors);
  const download = (names: string[]) =>
    run('apt-get', [...options, '-qq', 'download', ...names.map((n) => `${n}/${release}`)], {
      cwd: downloads,
    });
  const all = [...NEEDED, ...EXTRA_PACKAGES];
  // One by one only where a release lacks one of them (python3-tz is gone from newer ones).
  if (!download(all).ok) {
    for (const name of all) {
      const got = download([name]);
      if (!got.ok && name === 'python3-django') return lastLine(got.errors);
    }
  }
  return unpackAll(downloads, home);
}

function unpackAll(downloads: string, home: string): string | null {
  // Under another name until it is whole: a run that was broken off must not be taken for one.
  const partial = `${home}.partial`;
  rmSync(partial, { recursive: true, force: true });
  for (const file of readdirSync(downloads).filter((name) => name.endsWith('.deb'))) {
    const unpacked = run('dpkg-deb', ['-x', join(downloads, file), partial]);
    if (!unpacked.ok) return lastLine(unpacked.errors);
  }
  rmSync(home, { recursive: true, force: true });
  renameSync(partial, home);
  return null;
}

/** The archive that this machine installs Debian's packages from. */
function debianArchive(): string {
  const format = ['--format', '$(REPO_URI) $(LABEL)', 'Created-By: Packages'];
  const lines = run('apt-get', ['indextargets', ...format]).output.split('\n');
  return lines.find((line) => line.endsWith(' Debian'))?.split(' ')[0] ?? ARCHIVE;
}

function pythons(): string[] {
  const minors = [13, 12, 11, 10, 9].map((minor) => `python3.${minor}`);
  return [
    ...new Set([process.env['PYTHON'] ?? 'python3', 'python3', '/usr/bin/python3', ...minors]),
  ];
}

function pythonUpTo(newest: number): string | undefined {
  return pythons().find((python) => {
    const minor = Number(run(python, ['-c', 'import sys; print(sys.version_info.minor)']).output);
    return minor >= 9 && minor <= newest;
  });
}

function firstThatImports(
  path: string,
  newest: number,
): { version: string; python: string } | null {
  for (const python of pythons()) {
    const code = `import sys; assert (3, 9) <= sys.version_info[:2] <= (3, ${newest})`;
    if (!run(python, ['-c', code]).ok) continue;
    const version = importsDjango(python, path, '');
    if (version) return { version, python };
  }
  return null;
}

/** The version that a Python imports, if it begins as asked and can start the parts that matter. */
function importsDjango(python: string, path: string, version: string): string | null {
  const code = 'import django, django.core.handlers.wsgi; print(django.get_version())';
  const { ok, output } = run(python, ['-c', code], { path });
  return ok && output.trim().startsWith(version) ? output.trim() : null;
}

function hasModule(python: string, name: string): boolean {
  const code = `import importlib.util as u, sys; sys.exit(u.find_spec("${name}") is None)`;
  return run(python, ['-c', code]).ok;
}

interface Ran {
  ok: boolean;
  output: string;
  errors: string;
}

function run(command: string, args: string[], where: { cwd?: string; path?: string } = {}): Ran {
  const env = { ...process.env, PYTHONPATH: joinPaths(where.path, process.env['PYTHONPATH']) };
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: where.cwd,
    env,
    encoding: 'utf8',
    timeout: STEP_MS,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { ok: status === 0, output: stdout ?? '', errors: error?.message ?? stderr ?? '' };
}

/** PYTHONPATH from its parts, without the empty ones. */
export function joinPaths(...parts: (string | undefined)[]): string {
  return parts.filter(Boolean).join(delimiter);
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.slice(0, 200) || 'failed without a word';
}
