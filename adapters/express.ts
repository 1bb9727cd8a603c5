import type { IncomingMessage } from 'node:http';
import type { RequestHandler } from 'express';
import type { FetchHandler, RequestInfo } from './fetch.ts';
import { createNodeListener } from './node.ts';

export interface ExpressOptions {
  /** Path under which the handler knows its routes; it stands for wherever the router is mounted. */
  innerPath: string;
}

/** What Express and its body parsers leave on a request. */
interface ParsedMessage extends IncomingMessage {
  body?: unknown;
  rawBody?: unknown;
}

/**
 * A middleware for Express 4 and 5, at any prefix: `app.use('/anything', createRouter(handler, …))`.
 * The bytes are passed on untouched. When a parser in front has consumed them, the handler is told
 * so instead of being given a body that was made anew.
 */
export function createRouter(handler: FetchHandler, options: ExpressOptions): RequestHandler {
  const listener = createNodeListener(handler, { info: consumption });
  return (request, response, next) => {
    // Express has cut the mount path off `url`; the handler knows its routes under `innerPath`.
    const mounted = request.url;
    const path = mounted.startsWith('/?') ? mounted.slice(1) : mounted;
    keepRawBytes(request);
    request.url = options.innerPath + path;
    listener(request, response)
      .catch(next)
      .finally(() => {
        request.url = mounted;
      });
  };
}

/** Answers a request, or lets it through with null. It sees method, path and headers, no body. */
export type Guard = (request: Request) => Promise<Response | null>;

/** A middleware that stands before the routes of a host app. */
export function createGuard(guard: Guard): RequestHandler {
  return (request, response, next) => {
    const view = new Request(
      `http://${request.headers.host ?? 'localhost'}${request.originalUrl}`,
      {
        method: request.method,
        headers: plainHeaders(request),
      },
    );
    guard(view)
      .then(async (answer) => {
        if (answer === null) {
          next();
          return;
        }
        response.status(answer.status);
        answer.headers.forEach((value, name) => response.setHeader(name, value));
        response.end(Buffer.from(await answer.arrayBuffer()));
      })
      .catch(next);
  };
}

function plainHeaders(incoming: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    for (const each of [value ?? []].flat()) headers.append(name, each);
  }
  return headers;
}

/** What consumed the body before us, if anything did and the bytes are gone. */
function consumption(incoming: ParsedMessage): RequestInfo | undefined {
  if (!incoming.readableDidRead || Buffer.isBuffer(incoming.rawBody)) return undefined;
  return { consumed: { by: parserName(incoming.body), parsed: incoming.body } };
}

// `express.raw()` leaves the true bytes in `body`; the listener looks for them in `rawBody`.
function keepRawBytes(request: ParsedMessage): void {
  if (
    request.readableDidRead &&
    !Buffer.isBuffer(request.rawBody) &&
    Buffer.isBuffer(request.body)
  ) {
    request.rawBody = request.body;
  }
}

function parserName(body: unknown): string {
  if (body === undefined) return 'a middleware that read the request stream';
  if (typeof body === 'string') return 'a text body parser such as express.text()';
  return 'a body parser such as express.json() or express.urlencoded()';
}
