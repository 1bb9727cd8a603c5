import { Client, escapeIdentifier } from 'pg';
import { endConnection } from './postgres-connection.ts';
import { isPostgres, type Database, type Db } from './database.ts';

/** Payloads of NOTIFY end at 8,000 bytes. */
const MAX_PAYLOAD = 7_000;
/** How long the end of a connection is waited for, in ms. */
const END_MS = 1_000;

/** Tells the other processes something; does nothing on SQLite, where there are none to tell. */
export async function notify(db: Db, channel: string, payload = ''): Promise<void> {
  if (!isPostgres(db)) return;
  await db.raw('SELECT pg_notify(?, ?)', [channel, payload.length > MAX_PAYLOAD ? '' : payload]);
}

export interface Listener {
  close(): Promise<void>;
}

/**
 * Calls `heard` for each NOTIFY on the channels, over a connection of its own that is made again whenever
 * it breaks; `onGap` then says that messages may have been missed. Does nothing on SQLite.
 */
export function listen(
  database: Database,
  channels: string[],
  on: { heard: (channel: string, payload: string) => void; onGap?: () => void },
): Listener {
  if (database.dialect === 'sqlite') return { close: () => Promise.resolve() };
  let closed = false;
  let client: Client | null = null;
  let timer: NodeJS.Timeout | undefined;
  let delay = 100;

  const connect = async (): Promise<void> => {
    const next = new Client({
      connectionString: database.url,
      application_name: 'tenure listener',
      connectionTimeoutMillis: 5_000,
      query_timeout: 5_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
    });
    client = next;
    next.on('notification', (message) => on.heard(message.channel, message.payload ?? ''));
    next.on('error', () => undefined); // 'end' follows, and that is where it reconnects
    next.on('end', () => reconnect(next));
    try {
      await next.connect();
      for (const channel of channels) await next.query(`LISTEN ${escapeIdentifier(channel)}`);
      delay = 100;
      on.onGap?.();
    } catch {
      await endConnection(next, END_MS);
      reconnect(next);
    }
  };
  const reconnect = (broken: Client): void => {
    if (closed || client !== broken) return;
    client = null;
    timer = setTimeout(() => void connect(), delay);
    delay = Math.min(delay * 2, 5_000);
  };

  const first = connect();
  return {
    async close() {
      closed = true;
      clearTimeout(timer);
      await first;
      if (client) await endConnection(client, END_MS);
    },
  };
}
