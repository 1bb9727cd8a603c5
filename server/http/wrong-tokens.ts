import type { Database } from '../../db/database.ts';
import { AppError } from './errors.ts';
import { createWindows, type Windows } from './rate-limit.ts';

/** Wrong admin tokens allowed per address and minute, by whatever way; those of another address do not count. */
const MAX_WRONG = 20;
const windows = new WeakMap<Database, Windows>();

/** Counts an address's wrong admin tokens, of the sign-in form and of the API together. */
export function wrongTokensOf({ database }: { database: Database }): Windows {
  const known = windows.get(database) ?? createWindows(MAX_WRONG);
  windows.set(database, known);
  return known;
}

/** Throws while an address has sent too many: then even the right one must wait. */
export function requireFewWrongTokens(services: { database: Database }, network: string): void {
  const wait = wrongTokensOf(services).wait(network);
  if (wait === 0) return;
  throw new AppError('rate_limited', 'Too many wrong tokens; wait a minute.', {
    headers: { 'retry-after': String(Math.ceil(wait / 1000)) },
  });
}
