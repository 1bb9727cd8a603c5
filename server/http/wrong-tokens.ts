import type { Database } from '../../db/database.ts';
import { AppError } from './errors.ts';
import { createWindows, type Windows } from './rate-limit.ts';

/** Wrong admin tokens allowed per address and minute; those of another address do not count. */
const MAX_WRONG = 20;

/** Where they were sent: an address that guesses in the sign-in form must not keep a server's own calls of the API out. */
export type TokenPlace = 'form' | 'api';

const windows = { form: new WeakMap<Database, Windows>(), api: new WeakMap<Database, Windows>() };

/** Counts an address's wrong admin tokens. */
export function wrongTokensOf({ database }: { database: Database }, place: TokenPlace): Windows {
  const known = windows[place].get(database) ?? createWindows(MAX_WRONG);
  windows[place].set(database, known);
  return known;
}

/** Throws while an address has sent too many: then even the right one must wait. */
export function requireFewWrongTokens(
  services: { database: Database },
  place: TokenPlace,
  network: string,
): void {
  const wait = wrongTokensOf(services, place).wait(network);
  if (wait === 0) return;
  throw new AppError('rate_limited', 'Too many wrong tokens; wait a minute.', {
    headers: { 'retry-after': String(Math.ceil(wait / 1000)) },
  });
}
