/** The floor: the least that any server of webhooks must do. Check, parse, store each event, answer. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { promisify } from 'node:util';
import { Pool } from 'pg';
import sqlite3 from 'sqlite3';
import { verifyStripeSignature } from '../../adapters/stripe-signature.ts';
import { answerAsChild } from './child-main.ts';
import { countStatements } from './count-statements.ts';
import { addressOf } from './listening.ts';
import { WEBHOOK_SECRET } from './payload.ts';

export interface FloorSettings {
  /** null: verify only, store nothing. */
  databaseUrl: string | null;
}

interface Store {
  add(event: { id: string; type: string; payload: string }): Promise<unknown>;
  close(): Promise<unknown>;
}

const TABLE =
  'CREATE TABLE floor_events (id text PRIMARY KEY, type text NOT NULL, payload text NOT NULL, received_at bigint NOT NULL)';

let server: Server | null = null;
let store: Store | null = null;

answerAsChild({
  async start({ databaseUrl }: FloorSettings) {
    countStatements();
    store = databaseUrl === null ? null : await openStore(databaseUrl);
    server = createServer((request, response) => {
      receive(request).then(
        (status) => {
          response.writeHead(status, { 'content-type': 'application/json' });
          response.end(status === 200 ? '{"received":true}' : '{"error":"refused"}');
        },
        () => response.writeHead(500).end(),
      );
    });
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  },
  address: () => Promise.resolve(`${addressOf(server)}/api/webhooks/stripe`),
  async stop() {
    server?.closeAllConnections();
    await store?.close();
  },
});

async function receive(request: IncomingMessage): Promise<number> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const signature = verifyStripeSignature(
    {
      body,
      header: String(request.headers['stripe-signature']),
      receivedAt: Math.floor(Date.now() / 1000),
    },
    [WEBHOOK_SECRET],
  );
  if (signature !== 'valid') return 400;
  const payload = body.toString();
  const { id, type } = JSON.parse(payload) as { id: string; type: string };
  await store?.add({ id, type, payload });
  return 200;
}

function openStore(url: string): Promise<Store> {
  return url.startsWith('sqlite:') ? openSqlite(url.slice('sqlite:'.length)) : openPostgres(url);
}

async function openPostgres(connectionString: string): Promise<Store> {
  const pool = new Pool({ connectionString, max: 10 });
  pool.on('error', () => undefined); // the database may stop first
  await pool.query(TABLE);
  return {
    add: ({ id, type, payload }) =>
      pool.query({
        name: 'add',
        text: 'INSERT INTO floor_events VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING',
        values: [id, type, payload, Date.now()],
      }),
    close: () => pool.end(),
  };
}

async function openSqlite(filename: string): Promise<Store> {
  const database = new sqlite3.Database(filename);
  const exec = promisify(database.exec.bind(database));
  await exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  await exec(TABLE);
  const insert = database.prepare(
    'INSERT INTO floor_events VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING',
  );
  return {
    add: ({ id, type, payload }) =>
      new Promise<void>((resolve, reject) => {
        insert.run([id, type, payload, Date.now()], (error) => (error ? reject(error) : resolve()));
      }),
    close: () => new Promise((resolve) => insert.finalize(() => database.close(resolve))),
  };
}
