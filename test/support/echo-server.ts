import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createNodeListener } from '../../adapters/node.ts';
import { echo } from '../adapters/echo.ts';

/**
 * The echo handler of the adapters' conformance suite as a program, for suites in other languages.
 * Prints its address as one JSON line; ends when its standard input does.
 */
const listener = createNodeListener(echo);
const server = createServer((request, response) => void listener(request, response));
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}` })}\n`);
});
process.stdin.resume().once('end', () => {
  server.close();
  server.closeAllConnections();
});
