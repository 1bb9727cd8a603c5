import type pg from 'pg';
import { markDatabaseError } from './database-errors.ts';

type Done = (error: Error | null, result: unknown) => void;
/** The one method that knex and we call, in both of its forms. */
interface Connection {
  query: (...args: unknown[]) => unknown;
  connection: { stream: { destroy: () => void } };
}

/**
 * Prepares a new connection. A statement that is not answered in `timeoutMs` ends its connection: one that has gone silent
 * is never heard of again, and each statement that followed on it would wait as long. 0 waits without end.
 */
export function preparePostgres(client: pg.Client, timeoutMs: number): void {
  const connection = client as unknown as Connection;
  const query = connection.query.bind(connection);
  connection.query = (...args) => {
    const timer = timeoutMs > 0 ? setTimeout(destroy, timeoutMs) : undefined;
    timer?.unref();
    const done = args.at(-1);
    if (typeof done === 'function') {
      const answered: Done = (error, result) => {
        clearTimeout(timer);
        markDatabaseError(error);
        (done as Done)(error, result);
      };
      return query(...args.slice(0, -1), answered);
    }
    const answer = query(...args);
    if (answer instanceof Promise) {
      answer.catch(markDatabaseError).finally(() => clearTimeout(timer));
    } else clearTimeout(timer);
    return answer;
  };
  // The driver then fails what is under way, and knex takes another connection.
  const destroy = () => connection.connection.stream.destroy();
}

/** Says goodbye, and does not wait long for an answer: a connection that has gone silent never gives one. */
export async function endConnection(client: pg.Client, ms: number): Promise<void> {
  const { stream } = (client as unknown as Connection).connection;
  const timer = setTimeout(() => stream.destroy(), ms);
  await client.end().catch(() => undefined);
  clearTimeout(timer);
}
