import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FetchHandler, RequestInfo } from './fetch.ts';
import { createNodeListener } from './node.ts';

/** A middleware in the terms that Express 4, Express 5 and Connect share. */
export type Middleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

export interface ExpressOptions {
  /** Path under which the handler knows its routes; it stands for wherever the router is mounted. */
  innerPath: string;
  /** Which of the handler's paths are meant; others go to the next route of the host. Default: all. */
  serves?: (innerPath: string) => boolean;
}

/** What Express and its body parsers leave on a request. */
interface ParsedMessage extends IncomingMessage {
  originalUrl?: string;
  body?: unknown;
  rawBody?: unknown;
  /** What Express makes of the socket's address and its `trust proxy` setting. */
  ip?: string;
}

/**
 * A middleware for Express 4 and 5, at any prefix: `app.use('/anything', createRouter(handler, …))`.
 * The bytes are passed on untouched. When a parser in front has consumed them, the handler is told
 * so instead of being given a body that was made anew.
 */
export function createRouter(handler: FetchHandler, options: ExpressOptions): Middleware {
  const listener = createNodeListener(handler, { info: infoOf });
  return (request, response, next) => {
    // Express has cut the mount path off `url`; the handler knows its routes under `innerPath`.
    const mounted = request.url ?? '/';
    const url = options.innerPath + (mounted.startsWith('/?') ? mounted.slice(1) : mounted);
    if (options.serves && !options.serves(url.replace(/[?#].*$/, ''))) {
      next();
      return;
    }
    keepRawBytes(request);
    request.url = url;
    let failed = false;
    const fail = (error: unknown) => {
      failed = true;
      request.url = mounted;
      next(error);
    };
    listener(request, response, fail)
      .then(() => {
        // After a failure the url belongs to the host again.
        if (!failed) request.url = mounted;
      })
      .catch(fail);
  };
}

/** Answers a request, or lets it through with null. It sees method, path and headers, no body. */
export type Guard = (request: Request, info: RequestInfo) => Promise<Response | null>;

/** A middleware that stands before the routes of a host app. */
export function createGuard(guard: Guard): Middleware {
  return (request, response, next) => {
    guard(viewOf(request), { native: request })
      .then(async (answer) => {
        if (answer === null) {
          next();
          return;
        }
        response.statusCode = answer.status;
        answer.headers.forEach((value, name) => response.setHeader(name, value));
        response.end(Buffer.from(await answer.arrayBuffer()));
      })
      .catch(next);
  };
}

/** Sees a request before it is handled, and how it was answered; what it throws is its own affair. */
export type Observer = (
  request: Request,
  info: RequestInfo & { answered: Promise<number | null> },
) => void;

/**
 * A middleware that lets everything through at once. `answered` resolves to the status once the answer is sent, or to
 * null when the client went away before.
 */
export function createObserver(observe: Observer): Middleware {
  return (request, response, next) => {
    const answered = new Promise<number | null>((resolve) => {
      response.once('finish', () => resolve(response.statusCode));
      response.once('close', () => resolve(null));
    });
    observe(viewOf(request), { native: request, answered });
    next();
  };
}

function viewOf(incoming: ParsedMessage): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    for (const each of [value ?? []].flat()) headers.append(name, each);
  }
  const path = incoming.originalUrl ?? incoming.url ?? '/';
  const url = `http://${incoming.headers.host ?? 'localhost'}${path}`;
  // A gate decides by who asks; a Host header that is no host must not break it.
  const known = URL.canParse(url) ? url : 'http://localhost/';
  return new Request(known, { method: incoming.method, headers });
}

/** Who asks, and what consumed the body before us, if anything did and the bytes are gone. */
function infoOf(incoming: ParsedMessage): RequestInfo {
  const address = incoming.ip ?? incoming.socket.remoteAddress;
  if (!incoming.readableDidRead || Buffer.isBuffer(incoming.rawBody)) return { address };
  return { address, consumed: { by: parserName(incoming.body), parsed: incoming.body } };
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
