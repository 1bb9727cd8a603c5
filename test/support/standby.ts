import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, statSync, writeFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { claimPort } from '../../scripts/free-port.ts';

export interface Standby {
  host: string;
  port: number;
  /** Makes it the primary. */
  promote(): Promise<void>;
  remove(): Promise<void>;
}

/** A hot standby of a PostgreSQL on this machine: a copy of its data that follows it, and can only be read. */
export async function startStandby(primaryUrl: string): Promise<Standby> {
  const primary = await connected(primaryUrl);
  const folder = mkdtempSync(join(tmpdir(), 'tenure-standby-'));
  chmodSync(folder, 0o755);
  const data = join(folder, 'data');
  const { rows } = await primary.query<{ data: string; bin: string }>(
    "SELECT current_setting('data_directory') AS data, (SELECT setting FROM pg_config WHERE name = 'BINDIR') AS bin",
  );
  const { data: source, bin } = rows[0]!;
  await primary.query("SELECT pg_backup_start('standby', true)");
  cpSync(source, data, { recursive: true, preserveTimestamps: true });
  const stopped = await primary.query<{ labelfile: string }>(
    'SELECT labelfile FROM pg_backup_stop(false)',
  );
  await primary.end();
  rmSync(join(data, 'postmaster.pid'), { force: true });
  writeFileSync(join(data, 'backup_label'), stopped.rows[0]!.labelfile);
  writeFileSync(join(data, 'standby.signal'), '');
  const { uid, gid } = statSync(source);
  await once(spawn('chown', ['-R', `${uid}:${gid}`, data]), 'exit');
  chmodSync(data, 0o700);
  const port = await claimPort(0, '127.0.0.1');
  const { hostname, port: primaryPort, username, password } = new URL(primaryUrl);
  const settings = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    'max_connections=300',
    'unix_socket_directories=',
    'fsync=off',
    `primary_conninfo=host=${hostname} port=${primaryPort} user=${username} password=${password}`,
  ].flatMap((setting) => ['-c', setting]);
  const server = spawn(join(bin, 'postgres'), ['-D', data, ...settings], {
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(process.getuid?.() === 0 && { uid, gid }),
  });
  let said = '';
  server.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const url = new URL(primaryUrl);
  url.port = String(port);
  while (!said.includes('ready to accept read-only connections')) {
    if (server.exitCode !== null) throw new Error(`The standby ended: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    host: '127.0.0.1',
    port,
    async promote() {
      const client = await connected(url.href);
      await client.query('SELECT pg_promote()');
      await client.end();
    },
    async remove() {
      const exited = once(server, 'exit');
      server.kill('SIGINT');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function connected(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return client;
}
