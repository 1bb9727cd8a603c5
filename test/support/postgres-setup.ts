import { tmpdir } from 'node:os';
import type { TestProject } from 'vitest/node';
import {
  startPostgres as startServer,
  type PostgresServer,
} from '../../scripts/postgres/start-postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string;
  }
}

/** A real PostgreSQL, once for the whole run; each test file makes a database of its own in it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Tests end processes, never the machine: what the operating system has is not lost.
  const server = await startPostgres(['fsync=off', 'full_page_writes=off']);
  project.provide('postgresUrl', server.url);
  return () => server.remove();
}

/** Starts a PostgreSQL of one's own, for tests that stop it. */
export function startPostgres(settings: string[] = []): Promise<PostgresServer> {
  return startServer({ parent: tmpdir(), settings: ['max_connections=300', ...settings] });
}
