import type { z } from 'zod';
import type { FetchHandler } from '../../adapters/fetch.ts';
import type { Account, Operator, OperatorRole } from '../../state/roles.ts';
import type { User } from '../lib/services.ts';
import { AppError, type ErrorCode } from './errors.ts';
import type { Services } from '../lib/services.ts';

export type Auth = 'public' | 'user' | 'admin' | 'signature';
export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What every route gets, before its own schemas are applied. */
export interface RouteContext {
  services: Services;
  /** Set on `user` routes: who acts. */
  user: User | null;
  /** Set on `user` routes: who pays. Everything that is stored or asked for belongs to it. */
  account: Account | null;
  /** Set on `admin` routes: who acts. */
  operator: Operator | null;
  params: Record<string, string>;
  requestId: string;
  /** Who is connected, as far as the adapter tells; null where it cannot. */
  address: string | null;
  /** The body exactly as it arrived, at most 1 MiB. */
  bytes: () => Promise<Uint8Array>;
  /** The body as JSON; `{}` when there is none. */
  json: () => Promise<unknown>;
  /** Every route of the server, by request: for pages that use the public ones, as their visitors do. */
  dispatch: FetchHandler;
  /** A key for Stripe: stable over retries of this request when the client sent `Idempotency-Key`. */
  commandKey: (step: string) => string;
}

/** What a handler gets: the same, with body and query validated and the user where one is required. */
export interface HandlerContext<
  Body = undefined,
  Query = undefined,
  A extends Auth = Auth,
> extends Omit<RouteContext, 'user' | 'account' | 'operator'> {
  user: A extends 'user' ? User : User | null;
  operator: A extends 'admin' ? Operator : Operator | null;
  account: A extends 'user' ? Account : Account | null;
  body: Body;
  query: Query;
}

/** A handler in the platform's own terms; it throws AppError and never catches to hide. */
export type Handler<Body = undefined, Query = undefined, A extends Auth = Auth> = (
  request: Request,
  context: HandlerContext<Body, Query, A>,
) => Promise<Response>;

interface RouteInfo<A extends Auth> {
  method: Method;
  /** Canonical path, `:name` for parameters. */
  path: string;
  auth: A;
  /** Whether members of an account may ask for it too. Otherwise only those who may pay: owner and billing. */
  members?: A extends 'user' ? true : never;
  /** The least that an operator must be for it; pages of the dashboard have one too. */
  role?: OperatorRole;
  summary: string;
  description?: string;
  /** Schema of the JSON answer; null for answers that are not JSON. */
  response: z.ZodType | null;
  /** Media type of an answer that is not described by a schema; nothing for one without a body. */
  produces?: string;
  /** Schemas of what other statuses say, where it is not an error. */
  others?: Record<number, z.ZodType>;
  /** Status of success, 200 unless said. */
  status?: number;
  /** A page for people: it is no part of the API's description. */
  page?: boolean;
  /** False where no rate limit applies: probes. Signed webhooks never have one. */
  limited?: false;
  /** False where many of one account may be under way at once: they do not wait for each other. */
  oneByOne?: false;
  /** False where it only asks: the audit log does not have what operators looked at. */
  audited?: false;
  /** Whether it reads from Stripe: who has made too many calls is refused for a while. Commands always are. */
  asksStripe?: true;
  /** Whether it answers if a promotion code exists: who tries too many is refused for a while. */
  triesCodes?: true;
  /** Errors beyond those that every route of its kind can give. */
  errors?: ErrorCode[];
}

/** One row of the route table. */
export interface Route extends RouteInfo<Auth> {
  body: z.ZodType | null;
  query: z.ZodType | null;
  handle: (request: Request, context: RouteContext) => Promise<Response>;
}

/** A route of operators does not compile without the role that it needs. */
type RouteSpec<
  A extends Auth,
  Body extends z.ZodType | undefined,
  Query extends z.ZodType | undefined,
> = RouteInfo<A> & {
  body?: Body;
  query?: Query;
  handler: Handler<Output<Body>, Output<Query>, A>;
} & (A extends 'admin' ? { role: OperatorRole } : unknown);

type Output<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;

/** A row of the table whose handler is typed by its own schemas. */
export function defineRoute<
  A extends Auth,
  Body extends z.ZodType | undefined = undefined,
  Query extends z.ZodType | undefined = undefined,
>(spec: RouteSpec<A, Body, Query>): Route {
  const { handler, body: bodySchema, query: querySchema, ...info } = spec;
  return {
    ...info,
    body: bodySchema ?? null,
    query: querySchema ?? null,
    handle: async (request, context) => {
      const query = querySchema ? parse(querySchema, queryOf(request), 'query') : undefined;
      const body = bodySchema ? parse(bodySchema, await context.json(), 'body') : undefined;
      return handler(request, { ...context, query, body } as HandlerContext<
        Output<Body>,
        Output<Query>,
        A
      >);
    },
  };
}

/** How JSON is sent. */
export const JSON_TYPE = 'application/json; charset=utf-8';

/** A JSON answer. */
export function json(value: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(value), {
    status,
    headers: { 'content-type': JSON_TYPE, ...headers },
  });
}

/** A list of a thousand wrong entries is told by its beginning. */
const MAX_ISSUES = 20;

function parse(schema: z.ZodType, value: unknown, place: 'body' | 'query'): unknown {
  const result = schema.safeParse(value);
  if (result.success) {
    // Only now: what fits a schema is no deeper than it, and a body of a million brackets fits none.
    if (!hasNul(result.data)) return result.data;
    const words = `The ${place} has a character that no text may have (U+0000).`;
    throw new AppError('invalid_request', words);
  }
  const issues = result.error.issues
    .flatMap((issue) => innerIssues(issue))
    .slice(0, MAX_ISSUES)
    .map((issue) => ({ path: issue.path.join('.'), message: issue.message }));
  const words = issues.map(({ path, message }) => (path ? `${path}: ${message}` : message));
  throw new AppError('invalid_request', `The ${place} is not valid: ${words.join('; ')}`, {
    fields: { issues },
  });
}

/** Of a choice between forms, what is wrong with the form that was meant: "Invalid input" alone helps no one. */
function innerIssues(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const isOtherForm = ({ path, code }: z.core.$ZodIssue) =>
    path.length === 0 && code === 'invalid_type';
  const meant = issue.errors.find((issues) => issues.length > 0 && !issues.some(isOtherForm));
  if (meant === undefined) return [issue];
  return meant.flatMap((each) =>
    innerIssues(each).map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })),
  );
}

/** PostgreSQL stores every character but this one. */
function hasNul(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('\0');
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([name, each]) => name.includes('\0') || hasNul(each));
}

// A repeated name becomes an array, which a schema of single values refuses.
function queryOf(request: Request): Record<string, string | string[]> {
  const params = new URL(request.url).searchParams;
  return Object.fromEntries(
    [...new Set(params.keys())].map((name) => {
      const values = params.getAll(name);
      return [name, values.length === 1 ? (values[0] ?? '') : values];
    }),
  );
}
