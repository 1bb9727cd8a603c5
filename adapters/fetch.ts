/** What an adapter may tell about a request beside the request itself. */
export interface RequestInfo {
  /** The request as the framework has it (Express's, Hono's context …): a host may know its users by it. */
  native?: unknown;
  /** Set when something in front of us consumed the body: what it was, and what it made of it. */
  consumed?: { by: string; parsed: unknown };
  /** Who is connected: the socket's address, or the client's when the host app trusts its proxies. */
  address?: string;
}

/** The neutral handler that every adapter wraps. */
export type FetchHandler = (request: Request, info?: RequestInfo) => Promise<Response>;

export interface FetchOptions {
  /** Path at which the runtime mounts the handler, e.g. `/billing-api`; it stands for `innerPath`. */
  mountPath: string;
  /** Path under which the handler knows its routes, e.g. `/api`. */
  innerPath: string;
  /** Which of the handler's paths are meant; the host's own routes may share the mount. Default: all. */
  serves?: (innerPath: string) => boolean;
}

/** Answers what lies under its mount; null for everything else, so that the app can go on with it. */
export type MountedHandler = (request: Request, info?: RequestInfo) => Promise<Response> | null;

/** For any Fetch runtime (Hono, Deno, Bun, workers, service routers): the handler under another path. */
export function mountFetch(handler: FetchHandler, options: FetchOptions): MountedHandler {
  const mount = options.mountPath.replace(/\/+$/, '');
  return (request, info) => {
    const url = new URL(request.url);
    if (url.pathname !== mount && !url.pathname.startsWith(`${mount}/`)) return null;
    const path = options.innerPath + url.pathname.slice(mount.length);
    if (options.serves && !options.serves(path)) return null;
    if (path === url.pathname) return handler(request, info);
    url.pathname = path;
    // The body stream moves into the new request; no byte of it is read here.
    return handler(new Request(url, request), info);
  };
}
