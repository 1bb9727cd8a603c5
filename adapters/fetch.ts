/** What an adapter may tell about a request beside the request itself. */
export interface RequestInfo {
  /** Set when something in front of us consumed the body: what it was, and what it made of it. */
  consumed?: { by: string; parsed: unknown };
}

/** The neutral handler that every adapter wraps. */
export type FetchHandler = (request: Request, info?: RequestInfo) => Promise<Response>;

export interface FetchOptions {
  /** Path at which the runtime mounts the handler, e.g. `/billing-api`; it stands for `innerPath`. */
  mountPath: string;
  /** Path under which the handler knows its routes, e.g. `/api`. */
  innerPath: string;
}

/**
 * For any Fetch runtime (Hono, Deno, Bun, workers, service routers): the handler under another
 * path. Null when the request lies outside the mount, so that the app can go on with it.
 */
export function mountFetch(
  handler: FetchHandler,
  options: FetchOptions,
): (request: Request) => Promise<Response> | null {
  const mount = options.mountPath.replace(/\/+$/, '');
  return (request) => {
    const url = new URL(request.url);
    if (url.pathname !== mount && !url.pathname.startsWith(`${mount}/`)) return null;
    if (mount === options.innerPath) return handler(request);
    url.pathname = options.innerPath + url.pathname.slice(mount.length);
    // The body stream moves into the new request; no byte of it is read here.
    return handler(new Request(url, request));
  };
}
