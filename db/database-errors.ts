/**
 * What a failure of the database means, by where it comes from and by its structured code; never by its words.
 * A statement that is wrong is none of these: that is a fault of the program.
 */
export type DatabaseFailure = 'unreachable' | 'busy' | 'read_only' | 'full' | 'corrupt' | 'timeout';

/** Errors that came out of a driver or a pool of connections, whatever they look like. */
const fromDatabase = new WeakSet<Error>();

/** Notes that an error comes from the database; a socket of a caller gives the same codes. */
export function markDatabaseError(error: unknown): void {
  if (error instanceof Error) fromDatabase.add(error);
}

/** SQLSTATE, or its class (two characters). */
const BY_SQLSTATE: Record<string, DatabaseFailure> = {
  '08': 'unreachable',
  '25006': 'read_only',
  '25P03': 'timeout',
  '40001': 'busy',
  '40P01': 'busy',
  '53': 'full',
  '53300': 'busy',
  '53400': 'busy',
  '55P03': 'busy',
  '57014': 'timeout',
  '57P01': 'unreachable',
  '57P02': 'unreachable',
  '57P03': 'unreachable',
  '57P05': 'unreachable',
  '58': 'unreachable',
  XX001: 'corrupt',
  XX002: 'corrupt',
};

const BY_SQLITE_CODE: Record<string, DatabaseFailure> = {
  SQLITE_BUSY: 'busy',
  SQLITE_LOCKED: 'busy',
  SQLITE_CANTOPEN: 'unreachable',
  SQLITE_IOERR: 'unreachable',
  // The file was closed.
  SQLITE_MISUSE: 'unreachable',
  SQLITE_FULL: 'full',
  SQLITE_READONLY: 'read_only',
  SQLITE_PERM: 'read_only',
  SQLITE_CORRUPT: 'corrupt',
  SQLITE_NOTADB: 'corrupt',
};

/** Why the database could not do it; null when that is not the matter. */
export function databaseFailure(error: unknown): DatabaseFailure | null {
  if (!(error instanceof Error)) return null;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code.startsWith('SQLITE_')) return BY_SQLITE_CODE[code] ?? null;
  // PostgreSQL's begin with a digit, F, H, P or X; those of the system (EPIPE, EROFS) with E.
  if (/^[0-9FHPX][0-9A-Z]{4}$/.test(code)) {
    return BY_SQLSTATE[code] ?? BY_SQLSTATE[code.slice(0, 2)] ?? null;
  }
  // Nothing else connects without saying what it was.
  if (code === 'ECONNREFUSED' || error.name === 'KnexTimeoutError') return 'unreachable';
  // The server has a code for all that it refuses; what has none is about the connection.
  const isConnection = fromDatabase.has(error) && !(error instanceof TypeError);
  return isConnection ? 'unreachable' : null;
}
