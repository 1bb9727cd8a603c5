import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createApp } from './app.ts';
import { liveHub } from './dashboard/live.ts';
import { createHandler } from './routes.ts';
import type { Services } from './services.ts';

/** Slow senders are cut off: the whole request within this, its headers sooner. */
const REQUEST_TIMEOUT_MS = 30_000;
const HEADERS_TIMEOUT_MS = 10_000;
/** How long requests in flight may take after a stop was asked for. */
const DRAIN_MS = 15_000;

export interface RunningServer {
  url: string;
  port: number;
  /** Stops accepting, finishes requests in flight, then closes the services. */
  close: () => Promise<void>;
}

/** Serves the API on `config.http`; rejects when the port is taken. */
export async function startServer(services: Services): Promise<RunningServer> {
  const { host, port } = services.config.http;
  const app = createApp(createHandler(services));
  let closing = false;
  const server = createServer((request, response) => {
    // A kept-alive connection would outlive the stop.
    if (closing) response.setHeader('connection', 'close');
    app(request, response);
  });
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  await listen(server, host, port);
  await services.engine.start();
  const bound = (server.address() as AddressInfo).port;
  let closed: Promise<void> | undefined;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    port: bound,
    close: () => {
      closing = true;
      // Streams of open dashboards would keep the server from draining.
      liveHub(services).close();
      return (closed ??= drain(server).then(() => services.close()));
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function drain(server: Server): Promise<void> {
  const ended = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const giveUp = new AbortController();
  const patience = sleep(DRAIN_MS, undefined, { signal: giveUp.signal, ref: false }).then(
    () => server.closeAllConnections(),
    () => undefined,
  );
  await Promise.race([ended, patience]);
  giveUp.abort();
}
