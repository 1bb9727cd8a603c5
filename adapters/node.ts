import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { FetchHandler, RequestInfo } from './fetch.ts';

/** A `node:http` listener; the second argument of the handler rides along per request. */
export type NodeListener = (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void>;

export interface NodeOptions {
  /** What is known of a request beside itself and its bytes; asked once for each. */
  info?: (incoming: IncomingMessage) => RequestInfo;
}

/**
 * `(req, res)` from a fetch handler. The conversion is lazy: headers and body of the incoming
 * message are read in place, and the runtime's own Request and Response stay untouched.
 */
export function createNodeListener(handler: FetchHandler, options: NodeOptions = {}): NodeListener {
  return getRequestListener(
    (request, env) => {
      const incoming = env.incoming as IncomingMessage;
      return handler(request, { native: incoming, ...options.info?.(incoming) });
    },
    { overrideGlobalObjects: false },
  );
}
