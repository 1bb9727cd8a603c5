import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../db/database.ts';
import { DatabaseStartError, prepareDatabase } from '../../db/prepare-database.ts';
import { saveCursor } from '../../db/cursors.ts';
import { createTestDatabase, type TestDatabase } from '../support/databases.ts';
import { mountTmpfs } from '../support/mounted.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

/** The error, or null. */
async function prepare(url: string, waitMs: number, notes: string[] = []): Promise<unknown> {
  const database = openDatabase(url, { poolSize: 1 });
  const note = (text: string) => void notes.push(text);
  try {
    await prepareDatabase(database, { waitMs, note });
    return null;
  } catch (error) {
    return error;
  } finally {
    await database.close();
  }
}

describe('A PostgreSQL that cannot be reached at the start', () => {
  let stored: TestDatabase;
  let proxy: TcpProxy;
  let behind: string;
  beforeAll(async () => {
    stored = await createTestDatabase('postgres', { empty: true });
    const url = new URL(stored.url);
    proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
    url.port = String(proxy.port);
    url.password ||= 'the-password';
    behind = url.href;
  });
  afterAll(async () => {
    await proxy.close();
    await stored.drop();
  });

  it('S-28: is waited for, and said to be', async () => {
    proxy.cut();
    const notes: string[] = [];
    const preparing = prepare(behind, 30_000, notes);
    setTimeout(proxy.restore, 1_500);
    expect(await preparing).toBeNull();
    expect(notes.length).toBeGreaterThan(1);
    expect(notes[0]).toMatch(/^The database 127\.0\.0\.1:\d+\/test_\w+ cannot be reached yet \(/);
    expect(notes.join()).not.toContain(new URL(behind).password);
  });

  it('S-28: is given up in the end, in one sentence with the place and the reason', async () => {
    proxy.cut();
    const error = await prepare(behind, 600);
    proxy.restore();
    expect(error).toBeInstanceOf(DatabaseStartError);
    expect(String(error)).toMatch(
      /\/test_\w+ could not be reached within 1 s \(.+\)\. Is it running/,
    );
    expect(String(error)).not.toContain(new URL(behind).password);
  });

  it('is not waited for where waiting does not help', async () => {
    const url = new URL(behind);
    url.pathname = '/no_such_database';
    const notes: string[] = [];
    expect(String(await prepare(url.href, 30_000, notes))).toMatch(/no_such_database/);
    expect(notes).toEqual([]);
  });

  it('S-28: a standby is told from a primary', async () => {
    const readOnly = new URL(stored.url);
    readOnly.searchParams.set('options', '-c default_transaction_read_only=on');
    expect(String(await prepare(readOnly.href, 0))).toMatch(
      /takes no changes .*must name the primary/,
    );
  });
});

describe('A SQLite file that cannot be worked with', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenure-prepare-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const messageOf = async (file: string) => {
    const error = await prepare(`sqlite:${file}`, 0);
    expect(error).toBeInstanceOf(DatabaseStartError);
    return (error as Error).message;
  };

  it('S-28: is named when it is no database, with what to do', async () => {
    const file = join(folder, 'text.sqlite');
    writeFileSync(
      file,
      'no database at all, but a text that is long enough to be looked at\n'.repeat(99),
    );
    const message = await messageOf(file);
    expect(message).toContain(`The SQLite file ${file} is damaged, or is not a SQLite database`);
    expect(message).toContain('docs/production.md');
  });

  it('S-28: is named when its tables are damaged', async () => {
    const file = join(folder, 'damaged.sqlite');
    expect(await prepare(`sqlite:${file}`, 0)).toBeNull();
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.fill(0x5a, 200, bytes.length - 200));
    expect(await messageOf(file)).toContain(`${file} is damaged`);
  });

  it('S-28: is named when it is a folder', async () => {
    expect(await messageOf(folder)).toMatch(/cannot be opened .*Is the path in DATABASE_URL right/);
  });

  it('S-28: is named when its disk is full or read-only', async () => {
    const disk = mountTmpfs('2m');
    if (disk === null) return;
    try {
      const file = join(disk.path, 'tenure.sqlite');
      expect(await prepare(`sqlite:${file}`, 0)).toBeNull();
      const filler = join(disk.path, 'filler');
      execFileSync('sh', ['-c', `head -c 2m /dev/zero > ${filler} || true`], { stdio: 'pipe' });
      expect(await messageOf(file)).toMatch(
        /tenure\.sqlite has no room: its disk is full .*Make room/,
      );
      rmSync(filler);
      expect(await prepare(`sqlite:${file}`, 0)).toBeNull();
      disk.readOnly();
      expect(await messageOf(file)).toMatch(/tenure\.sqlite cannot be written .*read-only/);
    } finally {
      disk.unmount();
    }
  });

  it('S-28: is backed up whole, while it is in use, by the command of docs/production.md', async () => {
    const page = readFileSync(new URL('../../docs/production.md', import.meta.url), 'utf8');
    const [, from = '', sql = '', to = ''] =
      /sqlite3 (\S+) "(VACUUM INTO '(\S+)')"/.exec(page) ?? [];
    expect(from).toBe('data/tenure.sqlite');
    const file = join(folder, 'used.sqlite');
    const used = openDatabase(`sqlite:${file}`);
    await prepareDatabase(used, { waitMs: 0, note: () => undefined });
    await used.knex.raw('PRAGMA wal_checkpoint(TRUNCATE)');
    await saveCursor(used.knex, 'later', 'in the log that is not in the file yet');
    const [copied, saved] = [join(folder, 'copied.sqlite'), join(folder, 'saved.sqlite')];
    copyFileSync(file, copied);
    await used.knex.raw(sql.replace(to, saved));
    const later = async (path: string) => {
      const database = openDatabase(`sqlite:${path}`);
      const row: unknown = await database.knex('cursors').where({ name: 'later' }).first('value');
      await database.close();
      return row;
    };
    expect(await later(copied)).toBeUndefined();
    expect(await later(saved)).toEqual({ value: 'in the log that is not in the file yet' });
    await used.close();
  });
});
