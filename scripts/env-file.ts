import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

/**
 * Sets variables in a `.env` file, each in its place or at the end, and leaves every other line alone. The file is
 * readable by its owner only, because it holds secrets. Returns the names whose value changed.
 */
export function setInEnvFile(path: string, values: Record<string, string>): string[] {
  const before = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const lines = before === '' ? [] : before.replace(/\n$/, '').split('\n');
  const changed: string[] = [];
  for (const [name, value] of Object.entries(values)) {
    const line = `${name}=${value}`;
    const at = lines.findLastIndex((each) => each.startsWith(`${name}=`));
    if (at >= 0 && lines[at] === line) continue;
    if (at >= 0) lines[at] = line;
    else lines.push(line);
    changed.push(name);
  }
  if (changed.length > 0) {
    // Whole or not at all: this file may be the only place where a secret is.
    const fresh = `${path}.${process.pid}`;
    writeFileSync(fresh, `${lines.join('\n')}\n`, { mode: 0o600 });
    renameSync(fresh, path);
  }
  return changed;
}
