import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Mounted {
  path: string;
  readOnly: () => void;
  unmount: () => void;
}

/** A small file system of its own, in memory; null, with the reason printed, where this process may not mount one. */
export function mountTmpfs(size: string): Mounted | null {
  const path = mkdtempSync(join(tmpdir(), 'tenure-mount-'));
  const mount = (...args: string[]) => execFileSync('mount', args, { stdio: 'pipe' });
  try {
    mount('-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path);
  } catch (error) {
    rmdirSync(path);
    process.stdout.write(`skipped: no file system can be mounted here (${String(error)})\n`);
    return null;
  }
  return {
    path,
    readOnly: () => void mount('-o', 'remount,ro', path),
    unmount: () => {
      execFileSync('umount', ['-l', path]);
      rmdirSync(path);
    },
  };
}
