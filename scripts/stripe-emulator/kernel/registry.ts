import type { Context } from './context.ts';
import type { WireObject } from './form.ts';
import type { ObjectName } from './objects.ts';
import { EXPAND, read, type Fields, type Values } from './params.ts';

/** A page or file rather than a JSON object. */
export class RawAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string | Uint8Array;

  constructor(status: number, headers: Record<string, string>, body: string | Uint8Array) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}

/** What a raw handler receives: no key is asked for, the body is untouched. */
export interface RawRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
  readonly path: Readonly<Record<string, string>>;
}

type Names<P extends string> = P extends `${string}:${infer Name}/${infer Rest}`
  ? Name | Names<Rest>
  : P extends `${string}:${infer Name}`
    ? Name
    : never;
/** The captures of a path: `Path<'/v1/customers/:id'>` is `{id: string}`. */
export type Path<P extends string> = { readonly [K in Names<P>]: string };
export type Answer = object;
type Handler<P extends string, S extends Fields> = (
  ctx: Context,
  params: Values<S>,
  path: Path<P>,
) => Answer;
type RawHandler = (request: RawRequest) => RawAnswer | Promise<RawAnswer>;

/** A route with its types gone: `prepare` reads the parameters and gives the work to do. */
export type Route =
  | {
      kind: 'api';
      pattern: string;
      prepare: (input: WireObject, path: Record<string, string>) => (ctx: Context) => Answer;
    }
  | { kind: 'raw'; pattern: string; handle: RawHandler };

interface Node {
  literals: Map<string, Node>;
  capture: { name: string; node: Node } | null;
  route: Route | null;
}

type Job = (ctx: Context, ref: string) => void;
type Includable = (ctx: Context, id: string) => unknown;

/** All routes, jobs and includable fields. Each resource file adds its own in a `register…(registry)` function. */
export class Registry {
  /** The parameters of each route of the API: `POST /v1/customers`. */
  readonly schemas = new Map<string, Fields>();
  private readonly roots = new Map<string, Node>();
  private readonly jobs = new Map<string, Job>();
  private readonly includables = new Map<string, Includable>();

  get<const P extends string, S extends Fields>(path: P, schema: S, handler: Handler<P, S>): void {
    this.api('GET', path, { schema, handler });
  }

  post<const P extends string, S extends Fields>(path: P, schema: S, handler: Handler<P, S>): void {
    this.api('POST', path, { schema, handler });
  }

  delete<const P extends string, S extends Fields>(
    path: P,
    schema: S,
    handler: Handler<P, S>,
  ): void {
    this.api('DELETE', path, { schema, handler });
  }

  /** A route outside the API's conventions: pages, PDF files, switches of the emulator itself. */
  raw(method: 'GET' | 'POST' | 'DELETE', path: string, handle: RawHandler): void {
    this.put(method, { kind: 'raw', pattern: path, handle });
  }

  /** Work that `ctx.schedule` can plan; it must check for itself that the object still needs it. */
  job(name: string, run: Job): void {
    this.jobs.set(name, run);
  }

  /** A field, or a way to one (`features.subscription_update.products`), that is absent unless the caller expands it. */
  includable(object: ObjectName, field: string, make: Includable): void {
    this.includables.set(`${object}.${field}`, make);
  }

  jobNamed(name: string): Job | undefined {
    return this.jobs.get(name);
  }

  includableOf(object: string, field: string): Includable | undefined {
    return this.includables.get(`${object}.${field}`);
  }

  /** The route of a request, with the captures of its path. */
  match(method: string, pathname: string): { route: Route; path: Record<string, string> } | null {
    const root = this.roots.get(method);
    if (root === undefined) return null;
    const path: Record<string, string> = {};
    const segments = pathname.split('/').filter((segment) => segment !== '');
    const route = walk(root, segments, path);
    return route === null ? null : { route, path };
  }

  private api<P extends string, S extends Fields>(
    method: string,
    pattern: P,
    rest: { schema: S; handler: Handler<P, S> },
  ): void {
    const fields: S & typeof EXPAND = { ...rest.schema, ...EXPAND };
    this.schemas.set(`${method} ${pattern}`, fields);
    this.put(method, {
      kind: 'api',
      pattern,
      prepare(input, path) {
        const values = read<S>(fields, input, '');
        const captured = capturedPath<P>(path);
        return (ctx) => rest.handler(ctx, values, captured);
      },
    });
  }

  private put(method: string, route: Route): void {
    let node = this.roots.get(method) ?? empty();
    this.roots.set(method, node);
    for (const segment of route.pattern.split('/').filter((part) => part !== '')) {
      if (segment.startsWith(':')) {
        node.capture ??= { name: segment.slice(1), node: empty() };
        node = node.capture.node;
      } else {
        const next = node.literals.get(segment) ?? empty();
        node.literals.set(segment, next);
        node = next;
      }
    }
    node.route = route;
  }
}

function empty(): Node {
  return { literals: new Map(), capture: null, route: null };
}

function walk(node: Node, segments: readonly string[], path: Record<string, string>): Route | null {
  const [head, ...rest] = segments;
  if (head === undefined) return node.route;
  const literal = node.literals.get(head);
  const found = literal === undefined ? null : walk(literal, rest, path);
  if (found !== null) return found;
  if (node.capture === null) return null;
  path[node.capture.name] = decoded(head);
  return walk(node.capture.node, rest, path);
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** The pattern that matched is where `P` comes from, so its captures are there. */
function capturedPath<P extends string>(path: Record<string, string>): Path<P>;
function capturedPath(path: Record<string, string>): Record<string, string> {
  return path;
}
