import type { Server } from 'node:http';

/** Where a server of the benchmark listens. */
export function addressOf(server: Server | null): string {
  const address = server?.address();
  if (typeof address !== 'object' || address === null) throw new Error('it does not listen');
  return `http://127.0.0.1:${address.port}`;
}
