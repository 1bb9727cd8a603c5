import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface TcpProxy {
  port: number;
  /** Breaks every connection and refuses new ones. */
  cut: () => void;
  restore: () => void;
  /** Breaks every connection, and leads new ones elsewhere. */
  leadTo: (target: { host: string; port: number }) => void;
  /** Every connection that is there goes silent for good; new ones work. */
  silence: () => void;
  /** The same, and new ones are silent too until it is restored. */
  swallow: () => void;
  close: () => Promise<void>;
}

/** Stands before a server and can take it away, as a failing network does. */
export async function startTcpProxy(first: { host: string; port: number }): Promise<TcpProxy> {
  let target = first;
  const sockets = new Set<Socket>();
  let isCut = false;
  let isSwallowing = false;
  const breakAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
  };
  const server = createServer((inside) => {
    track(inside);
    if (isCut) {
      inside.destroy();
      return;
    }
    if (isSwallowing) {
      inside.pause();
      return;
    }
    const outside = connect(target.port, target.host);
    track(outside);
    inside.pipe(outside).pipe(inside);
    inside.on('close', () => outside.destroy());
    outside.on('close', () => inside.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const silence = () => {
    for (const socket of sockets) {
      socket.unpipe();
      socket.pause();
    }
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => {
      isCut = true;
      breakAll();
    },
    leadTo: (other) => {
      target = other;
      breakAll();
    },
    silence,
    swallow: () => {
      isSwallowing = true;
      silence();
    },
    restore: () => {
      isCut = false;
      isSwallowing = false;
    },
    close: () => {
      breakAll();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
