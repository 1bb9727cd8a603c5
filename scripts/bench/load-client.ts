import { connect, type Socket } from 'node:net';

/** One keep-alive connection that sends whole requests; a client library would cost more than the server it measures. */
export interface LoadClient {
  /** Sends the bytes of a request and resolves with the status of the answer. */
  send(request: Buffer): Promise<number>;
  close(): void;
}

const END_OF_HEAD = Buffer.from('\r\n\r\n');
const END_OF_CHUNKS = Buffer.from('0\r\n\r\n');

/** Connects; rejects when no server listens. */
export function openClient(url: URL): Promise<LoadClient> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
    let pending: { resolve: (status: number) => void; reject: (error: Error) => void } | null =
      null;
    let received: Buffer = Buffer.alloc(0);
    const fail = (error: Error): void => {
      pending?.reject(error);
      pending = null;
    };
    socket.on('data', (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      if (!isComplete(received)) return;
      const status = Number(received.toString('latin1', 9, 12));
      received = Buffer.alloc(0);
      const waiting = pending;
      pending = null;
      waiting?.resolve(status);
    });
    socket.on('error', (error) => {
      fail(error);
      reject(error);
    });
    socket.on('close', () => fail(new Error('The server closed the connection')));
    socket.once('connect', () =>
      resolve({
        send: (request) =>
          new Promise((resolve, reject) => {
            pending = { resolve, reject };
            socket.write(request);
          }),
        close: () => socket.destroy(),
      }),
    );
  });
}

function isComplete(received: Buffer): boolean {
  const end = received.indexOf(END_OF_HEAD);
  if (end === -1) return false;
  const head = received.toString('latin1', 0, end).toLowerCase();
  const length = /content-length: (\d+)/.exec(head);
  if (length) return received.length >= end + 4 + Number(length[1]);
  return received.subarray(-END_OF_CHUNKS.length).equals(END_OF_CHUNKS);
}
