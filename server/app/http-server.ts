import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createApp } from './express-app.ts';
import { TimedOut, withTimeout } from '../lib/limit.ts';
import { liveHub } from '../admin/pages/live.ts';
import { createHandler } from './route-list.ts';
import type { Services } from '../lib/services.ts';
import { createFastPath } from '../webhooks/fast-path.ts';

/** Slow senders are cut off with 408: the whole request within this, its headers sooner. In ms. */
const TIMEOUTS = { requestTimeout: 30_000, headersTimeout: 10_000 };
/** Longer than load balancers keep an idle connection: else they send a request into one that just closed. */
const KEEP_ALIVE_MS = 65_000;
/** How often connections are looked at for that; Node's own 30 s would make the above a wish. */
const CHECK_MS = 1_000;
/** How long requests in flight may take after a stop was asked for. */
const DRAIN_MS = 15_000;
/** How long work under way may take to end after that. Supervisors kill 30 s after they asked; leases hand over what is left. */
const CLOSE_MS = 10_000;
/** How long a connection that never said anything may still do so; browsers open some in advance. */
const SILENCE_MS = 500;

export interface RunningServer {
  url: string;
  port: number;
  /** Stops accepting, finishes requests in flight, then closes the services. */
  close: () => Promise<void>;
  /** The same, after `/readyz` has answered 503 for `DRAIN_SECONDS`: balancers have sent everything elsewhere by then. */
  drain: () => Promise<void>;
}

/** Serves the API on `config.http`; rejects when the port is taken. */
export async function startServer(
  services: Services,
  timeouts: Partial<typeof TIMEOUTS> = {},
): Promise<RunningServer> {
  const { host, port } = services.config.http;
  const app = createApp(createHandler(services), services.config.http);
  const serve = createFastPath(services, app);
  const { log, lifecycle } = services;
  // A set of responses would be made anew all the time, and its old tables keep requests alive until a great collection.
  const connections = new Map<Socket, ServerResponse | null>();
  const limits = {
    connectionsCheckingInterval: CHECK_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    ...TIMEOUTS,
    ...timeouts,
  };
  const server = createServer(limits, (request, response) => {
    const { socket } = request;
    connections.set(socket, response);
    response.once('close', () => {
      if (connections.get(socket) === response) connections.set(socket, null);
    });
    // A kept-alive connection would outlive the stop, and a request that meets its end would fail.
    if (lifecycle.isDraining) response.setHeader('connection', 'close');
    serve(request, response);
  });
  server.on('connection', (socket: Socket) => {
    connections.set(socket, null);
    socket.once('close', () => connections.delete(socket));
  });
  await listen(server, host, port);
  await services.engine.start();
  const bound = (server.address() as AddressInfo).port;
  let closed: Promise<void> | undefined;
  let draining: Promise<void> | undefined;
  const close = () => (closed ??= stopNow());
  async function stopNow(): Promise<void> {
    lifecycle.isDraining = true;
    log.info('stopping: requests in flight are finished, no new ones are taken');
    // The live view must be done with the database before it is closed.
    await Promise.all([endConnections(server, connections), liveHub(services).close()]);
    try {
      await withTimeout(services.close(), CLOSE_MS);
      log.info('stopped');
    } catch (error) {
      if (!(error instanceof TimedOut)) throw error;
      log.warn(
        'stopped without waiting longer, as for a database that does not answer; what was under way is taken over when its lease ends',
      );
    }
  }
  async function drain(): Promise<void> {
    const ms = services.config.drainMs;
    lifecycle.isDraining = true;
    log.info(
      { ms },
      'told to stop: /readyz answers 503 and requests are still taken (DRAIN_SECONDS)',
    );
    await sleep(ms);
    await close();
  }
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    port: bound,
    close,
    drain: () => (draining ??= drain()),
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

/** Ends what is connected, each with the answer that is under way on it, if one is. */
async function endConnections(
  server: Server,
  connections: ReadonlyMap<Socket, ServerResponse | null>,
): Promise<void> {
  const ended = new Promise<void>((resolve) => server.close(() => resolve()));
  const silentUntil = Date.now() + SILENCE_MS;
  // Again and again: a kept-alive connection may become idle only now.
  const check = setInterval(() => {
    server.closeIdleConnections();
    // To Node a connection without a request yet is not idle.
    if (Date.now() < silentUntil) return;
    for (const socket of connections.keys()) if (socket.bytesRead === 0) socket.destroy();
  }, 50);
  for (const response of connections.values())
    if (response && isStream(response)) response.destroy();
  const giveUp = new AbortController();
  const timeout = sleep(DRAIN_MS, undefined, { signal: giveUp.signal, ref: false }).then(
    () => server.closeAllConnections(),
    () => undefined,
  );
  await Promise.race([ended, timeout]);
  clearInterval(check);
  giveUp.abort();
}

// A stream of events has no end to wait for; its readers connect again elsewhere.
function isStream(response: ServerResponse): boolean {
  return String(response.getHeader('content-type')).startsWith('text/event-stream');
}
