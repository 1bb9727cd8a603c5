import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Client } from 'pg';
import type { Dialect } from '../../db/database.ts';
import { startPostgres } from '../postgres/start-postgres.ts';

/** Where the benchmark's databases live: real files on a real disk, with the durability of production. */
export interface DatabaseHost {
  dialect: Dialect;
  /** A new, empty database. */
  create(): Promise<string>;
  /** Bytes of write-ahead log that a database has cost so far; on SQLite 0, which has no such counter. */
  bytesWritten(): Promise<number>;
  /** Puts aside what earlier rounds left to do. */
  calm(): Promise<void>;
  /** Removes all databases made so far: PostgreSQL would go on to vacuum them. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

export interface HostOptions {
  /** Directory on the disk to measure. */
  directory: string;
  /** A PostgreSQL to use in place of the embedded one, without a database name. */
  postgresUrl: string | null;
}

export function openHost(dialect: Dialect, options: HostOptions): Promise<DatabaseHost> {
  return dialect === 'sqlite' ? Promise.resolve(sqliteHost(options)) : postgresHost(options);
}

function sqliteHost({ directory }: HostOptions): DatabaseHost {
  const folder = mkdtempSync(join(directory, 'tenure-bench-'));
  let serial = 0;
  return {
    dialect: 'sqlite',
    create: () => Promise.resolve(`sqlite:${join(folder, `${(serial += 1)}.sqlite`)}`),
    bytesWritten: () => Promise.resolve(0),
    calm: () => Promise.resolve(),
    clear: () => Promise.resolve(),
    close: () => Promise.resolve(rmSync(folder, { recursive: true, force: true })),
  };
}

async function postgresHost(options: HostOptions): Promise<DatabaseHost> {
  // All settings, durability above all, are as PostgreSQL ships.
  const server = options.postgresUrl
    ? { url: options.postgresUrl, remove: () => Promise.resolve() }
    : await startPostgres({ parent: options.directory, settings: [] });
  const client = new Client({ connectionString: `${server.url}/postgres` });
  client.on('error', () => undefined); // the database may stop first
  await client.connect();
  const created: string[] = [];
  let serial = 0;
  async function clear(): Promise<void> {
    for (const name of created.splice(0))
      await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  }
  return {
    dialect: 'postgres',
    async create() {
      const name = `tenure_bench_${process.pid}_${(serial += 1)}`;
      created.push(name);
      await client.query(`CREATE DATABASE ${name}`);
      return `${server.url}/${name}`;
    },
    async bytesWritten() {
      const { rows } = await client.query<{ bytes: string }>(
        "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') AS bytes",
      );
      return Number(rows[0]?.bytes ?? 0);
    },
    async calm() {
      await client.query('CHECKPOINT');
    },
    clear,
    async close() {
      await clear();
      await client.end();
      await server.remove();
    },
  };
}

/** A port that is free at the moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
