import { mountFetch, type FetchHandler, type FetchOptions } from './fetch.ts';

type RouteHandler = (request: Request) => Promise<Response>;

/** What a catch-all `route.ts` of the App Router exports. */
export type RouteHandlers = Record<
  'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS',
  RouteHandler
>;

/** Route handlers for the App Router. `handler` may be made lazily, at the first request. */
export function createRouteHandlers(
  handler: () => FetchHandler | Promise<FetchHandler>,
  options: FetchOptions,
): RouteHandlers {
  const serve: RouteHandler = async (request) => {
    const answer = mountFetch(await handler(), options)(request);
    return (await answer) ?? new Response(null, { status: 404 });
  };
  return {
    GET: serve,
    HEAD: serve,
    POST: serve,
    PUT: serve,
    PATCH: serve,
    DELETE: serve,
    OPTIONS: serve,
  };
}

/**
 * One value per process and name, made at the first call and again after one that failed. Next loads modules anew
 * on each hot reload and once per bundle; a connection pool must outlive that.
 */
export function oncePerProcess<T>(name: string, create: () => Promise<T>): Promise<T> {
  const holder = globalThis as unknown as Record<symbol, Promise<T> | undefined>;
  const key = Symbol.for(name);
  const known = holder[key];
  if (known) return known;
  const making = create();
  holder[key] = making;
  making.catch(() => {
    holder[key] = undefined;
  });
  return making;
}

/** A Request that carries the headers of the page being rendered, for functions that read identity. */
export function pageRequest(headers: Headers, path = '/'): Request {
  const url = `http://${headers.get('host') ?? 'localhost'}${path}`;
  return new Request(URL.canParse(url) ? url : `http://localhost${path}`, { headers });
}
