import type http from 'node:http';
import type { Account } from './account.ts';
import type { RequestInfo } from './context.ts';
import { ValidationError } from './errors.ts';
import { isWireObject, parseForm, type Wire, type WireObject } from './form.ts';

const MAX_BODY = 8 * 1024 * 1024;

/** One HTTP call on its way through. */
export interface Call {
  request: http.IncomingMessage;
  response: http.ServerResponse;
  url: URL;
  method: string;
  body: Buffer;
  started: number;
  requestId: string;
}
export async function bodyOf(request: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes: Buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    size += bytes.length;
    if (size <= MAX_BODY) chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

export function requestInfo(call: Call, account: Account): RequestInfo {
  const version = header(call.request, 'stripe-version');
  if (version !== null && !isVersion(version)) {
    throw new ValidationError(400, {
      type: 'invalid_request_error',
      message: `Invalid Stripe API version: ${version}`,
    });
  }
  return {
    id: call.requestId,
    method: call.method,
    path: call.url.pathname,
    idempotencyKey: header(call.request, 'idempotency-key'),
    apiVersion: version ?? account.settings.apiVersion,
    versioned: version !== null,
    baseUrl: call.url.origin,
  };
}

/** Versions are dates that exist; since 2024-09-30 they have a name too. */
function isVersion(text: string): boolean {
  const match = /^(\d{4}-\d{2}-\d{2})(\.\w+)?(; .*)?$/.exec(text);
  const date = new Date(`${match?.[1] ?? ''}T00:00:00Z`);
  if (Number.isNaN(date.getTime()) || date.toISOString().slice(0, 10) !== match?.[1]) return false;
  return match[1] < FIRST_NAMED || match[2] !== undefined;
}

const FIRST_NAMED = '2024-09-30';

/** Query of GET and DELETE, body of POST: a form in v1, JSON in v2. */
export function inputOf(call: Call): WireObject {
  const query = parseForm(call.url.search.slice(1));
  if (call.body.length === 0) return query;
  const text = textOf(call.body);
  const json = (header(call.request, 'content-type') ?? '').includes('json');
  if (json && call.url.pathname.startsWith('/v1/'))
    throw new ValidationError(400, {
      type: 'invalid_request_error',
      message:
        'Invalid request (check that your POST content type is application/x-www-form-urlencoded). If you have any questions, we can help at https://support.stripe.com/.',
    });
  if (!json) return { ...query, ...parseForm(text) };
  try {
    const parsed: Wire = JSON.parse(text);
    if (isWireObject(parsed)) return { ...query, ...parsed };
  } catch {
    // falls through to the error below
  }
  throw new ValidationError(400, {
    type: 'invalid_request_error',
    message: 'Invalid request body: not a JSON object.',
  });
}

function textOf(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new ValidationError(400, {
      type: 'invalid_request_error',
      message: 'Invalid request: the body is not valid UTF-8.',
    });
  }
}

export function expandPaths(call: Call): string[] {
  if (!call.url.search.includes('expand') && !call.body.includes('expand')) return [];
  const { expand } = inputOf(call);
  if (expand === undefined || expand === '') return [];
  return Object.values(
    typeof expand === 'object' && expand !== null ? expand : { only: expand },
  ).map(String);
}

export function keyOf(request: http.IncomingMessage): string | null {
  const authorization = request.headers.authorization ?? '';
  if (authorization.startsWith('Bearer ')) return authorization.slice(7).trim();
  if (!authorization.startsWith('Basic ')) return null;
  return Buffer.from(authorization.slice(6), 'base64').toString('utf8').split(':')[0] ?? null;
}

export function header(request: http.IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return Array.isArray(value) ? (value[0] ?? null) : (value ?? null);
}
