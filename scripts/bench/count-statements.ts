import { Client } from 'pg';
import sqlite3 from 'sqlite3';

let statements = 0;

/** Statements that this process has sent to a database since `countStatements`. */
export function countedStatements(): number {
  return statements;
}

/** Counts at the drivers, below any library, so that nothing is missed. */
export function countStatements(): void {
  wrap(Client.prototype, ['query']);
  // Its `all`, `run` and `get` prepare a statement and call that one's.
  wrap(sqlite3.Database.prototype, ['exec']);
  wrap(sqlite3.Statement.prototype, ['all', 'run', 'get']);
}

function wrap(target: object, names: string[]): void {
  const methods = target as Record<string, (...args: unknown[]) => unknown>;
  for (const name of names) {
    const original = methods[name];
    if (!original) continue;
    methods[name] = function counted(this: unknown, ...args: unknown[]): unknown {
      statements += 1;
      return original.apply(this, args);
    };
  }
}
