/** The part of the driver's connection that is used here. Callbacks get their result in `this` as well. */
export interface SqliteConnection {
  all: Call;
  run: Call;
  exec(sql: string, done: (error: SqliteError | null) => void): void;
  prepare(sql: string, done: (error: SqliteError | null) => void): Statement;
  close(done: (error: Error | null) => void): void;
}

interface Statement {
  all(values: unknown[], done: Callback): unknown;
  finalize(done?: () => void): unknown;
}

type Call = (sql: string, ...rest: unknown[]) => unknown;
type Callback = (this: unknown, error: SqliteError | null, ...results: unknown[]) => void;
type SqliteError = Error & { code?: string };

const PRAGMAS = [
  'PRAGMA busy_timeout = 0',
  'PRAGMA journal_mode = WAL',
  'PRAGMA synchronous = FULL',
  'PRAGMA foreign_keys = ON',
].join(';');

/** How long a statement waits for another connection's write lock, in ms. */
const BUSY_TIMEOUT = 15_000;

/**
 * Prepares a new connection: durable, and patient when another one holds the write lock.
 *
 * SQLite's own busy time-out waits in one of libuv's four threads: five waiting connections of a process
 * leave none for the one they wait for. So the waiting is done by timers here. A transaction that reads first and
 * writes later fails when another process wrote in between, however long it waits; so all begin IMMEDIATE,
 * and inside one nothing is ever busy.
 */
export function prepareConnection(
  connection: SqliteConnection,
  done: (error: Error | null) => void,
): void {
  const all = connection.all.bind(connection);
  const run = connection.run.bind(connection);
  connection.all = (sql, ...rest) =>
    patiently(all, sql === 'BEGIN;' ? 'BEGIN IMMEDIATE;' : sql, rest);
  connection.run = (sql, ...rest) => patiently(run, sql, rest);
  const close = connection.close.bind(connection);
  connection.close = (closed) => {
    // SQLite closes nothing that still has a statement.
    for (const statement of prepared.get(connection)?.values() ?? []) statement.finalize();
    prepared.delete(connection);
    close(closed);
  };
  const ready = (error: Error | null) => {
    // The pool forgets one that could not be prepared, and would leave its file open.
    if (error) close(() => done(error));
    else done(null);
  };
  patiently((sql, callback) => connection.exec(sql, callback as Callback), PRAGMAS, [ready]);
}

const prepared = new WeakMap<SqliteConnection, Map<string, Statement>>();

/**
 * Rows of a statement that is prepared once for each connection: parsing it anew takes as long as a small INSERT. For the
 * few statements that are run thousands of times; each is kept until its connection is closed.
 */
export function allPrepared<Row>(
  connection: SqliteConnection,
  sql: string,
  values: unknown[],
): Promise<Row[]> {
  const statements = prepared.get(connection) ?? new Map<string, Statement>();
  prepared.set(connection, statements);
  return new Promise((resolve, reject) => {
    const statement =
      statements.get(sql) ??
      connection.prepare(sql, (error) => {
        if (!error) return;
        statements.delete(sql);
        reject(error);
      });
    statements.set(sql, statement);
    const all: Call = (_sql, ...rest) => statement.all(rest[0] as unknown[], rest[1] as Callback);
    const done: Callback = (error, rows) => (error ? reject(error) : resolve(rows as Row[]));
    patiently(all, sql, [values, done]);
  });
}

/** Makes the call again, a little later each time, for as long as the database is locked. */
function patiently(call: Call, sql: string, rest: unknown[]): void {
  const callback = rest.at(-1) as Callback;
  const deadline = Date.now() + BUSY_TIMEOUT;
  let delay = 1;
  const attempt = () => {
    call(
      sql,
      ...rest.slice(0, -1),
      function answer(this: unknown, ...answer: Parameters<Callback>) {
        if (answer[0]?.code !== 'SQLITE_BUSY' || Date.now() > deadline) {
          callback.apply(this, answer);
          return;
        }
        setTimeout(attempt, delay * (0.5 + Math.random()));
        delay = Math.min(delay * 2, 16);
      },
    );
  };
  attempt();
}
