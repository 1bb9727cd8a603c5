import { randomUUID } from 'node:crypto';
import type { Services } from '../lib/services.ts';
import { json } from './define-route.ts';
import { toAppError } from './errors.ts';

/** What every answer of the API carries beside its own headers. */
export const ANSWER_HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
} as const;

/** Adds them, and the request's id. */
export function addAnswerHeaders({ headers }: Response, requestId: string): void {
  for (const [name, value] of Object.entries(ANSWER_HEADERS)) {
    if (!headers.has(name)) headers.set(name, value);
  }
  headers.set('x-request-id', requestId);
}

/** What a thrown error looks like to the caller; what it was in truth goes to the log. */
export function errorResponse(
  services: Pick<Services, 'log'>,
  thrown: unknown,
  requestId: string = newRequestId(),
): Response {
  const error = toAppError(thrown);
  if (error.status >= 500) {
    services.log.error({ err: error.cause ?? error, code: error.code, requestId }, error.message);
  }
  const { code, message, fields } = error;
  return json({ error: { code, message, requestId, ...fields } }, error.status, error.headers);
}

/** The answer to HEAD: what GET would be answered, without its body. */
export async function withoutBody(response: Response): Promise<Response> {
  if (response.headers.get('content-type')?.startsWith('text/event-stream')) {
    // It has no end and no length.
    await response.body?.cancel();
    return new Response(null, response);
  }
  const { byteLength } = await response.arrayBuffer();
  const headers = new Headers(response.headers);
  headers.set('content-length', String(byteLength));
  return new Response(null, { status: response.status, headers });
}

/** Counts a request that was answered, and logs it; `pattern` is the route's path, or `unmatched`. */
export function reportRequest(
  services: Services,
  request: { method: string; path: string },
  done: { status: number; requestId: string; ownId?: string; started: number; pattern: string },
): void {
  const { status, requestId, ownId, started, pattern: route } = done;
  // Anybody may invent methods and paths; none of them becomes a label.
  const method = route === 'unmatched' ? 'any' : request.method;
  const seconds = (performance.now() - started) / 1000;
  services.metrics.requests.observe({ method, route, status }, seconds);
  const level = status >= 500 ? 'warn' : 'debug';
  if (!services.log.isLevelEnabled(level)) return;
  services.log[level](
    {
      requestId,
      ...(ownId === undefined || ownId === requestId ? {} : { ownId }),
      method: request.method,
      path: request.path,
      status,
      ms: Math.round(seconds * 1000),
    },
    'request',
  );
}

/** The caller's own id when it has a sane form: for the log and the answer, never for a key or a cause. */
export function requestIdFrom(given: string | null): string {
  return given !== null && /^[\w.:-]{1,128}$/.test(given) ? given : newRequestId();
}

export function newRequestId(): string {
  return `req_${randomUUID()}`;
}
