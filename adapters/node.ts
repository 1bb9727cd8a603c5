import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener, RequestError } from '@hono/node-server';
import type { FetchHandler, RequestInfo } from './fetch.ts';

/**
 * A `node:http` listener. `fail` is told of a handler that threw, before anything was answered;
 * without it the answer is an empty 500. (Express's `next` has its place and its form.)
 */
export type NodeListener = (
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  fail?: (error: unknown) => void,
) => Promise<void>;

export interface NodeOptions {
  /** What is known of a request beside itself and its bytes; asked once for each. */
  info?: (incoming: IncomingMessage) => RequestInfo;
}

/**
 * `(req, res)` from a fetch handler. The conversion is lazy: headers and body of the incoming
 * message are read in place, and the runtime's own Request and Response stay untouched.
 */
export function createNodeListener(handler: FetchHandler, options: NodeOptions = {}): NodeListener {
  const failures = new WeakMap<object, { error: unknown }>();
  const listener = getRequestListener(
    async (request, env) => {
      const incoming = env.incoming as IncomingMessage;
      try {
        return await handler(request, { native: incoming, ...options.info?.(incoming) });
      } catch (error) {
        failures.set(incoming, { error });
        throw error;
      }
    },
    // A request that is no HTTP request (a Host that is no host) is answered here, a failure of ours below.
    { overrideGlobalObjects: false, errorHandler: (error) => badRequest(error) },
  );
  return async (incoming, outgoing, fail = () => outgoing.writeHead(500).end()) => {
    await listener(incoming, outgoing);
    const failure = failures.get(incoming);
    if (failure && !outgoing.headersSent) fail(failure.error);
  };
}

function badRequest(error: unknown): Response | undefined {
  return error instanceof RequestError ? new Response(null, { status: 400 }) : undefined;
}
