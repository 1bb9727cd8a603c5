import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import type { CliHub } from './hub.ts';
import { openGrant } from './identity.ts';
import { WEBSOCKET_PATH } from './routes.ts';

/** The words that make the CLI open a new session instead of retrying a dead one for ever. */
const UNKNOWN_ID = JSON.stringify({ error: { message: 'Unknown WebSocket ID.' } });

/** Serves the CLI's websockets on an HTTP server; gives the function that closes them all. */
export function attachCliWebsockets(server: Server, hub: CliHub): () => void {
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const id = headerOf(request, 'websocket-id');
    const grant = openGrant(id);
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname !== WEBSOCKET_PATH || grant === null) {
      refuse(socket);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (client) => {
      const session = hub.connect(id, grant, client);
      client.on('message', (data) => session.receive(textOf(data)));
      client.on('close', () => hub.disconnect(id, client));
      client.on('error', () => client.terminate());
    });
  });
  return () => {
    for (const client of sockets.clients) closeNow(client);
    sockets.close();
  };
}

function headerOf(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? '';
}

function refuse(socket: Duplex): void {
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: ${UNKNOWN_ID.length}\r\nConnection: close\r\n\r\n${UNKNOWN_ID}`,
  );
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString('utf8');
  return Buffer.isBuffer(data) ? data.toString('utf8') : Buffer.from(data).toString('utf8');
}

function closeNow(client: WebSocket): void {
  client.close(1012);
  client.terminate();
}
