import http from 'node:http';
import https from 'node:https';
import type { Account, IdempotentAnswer } from './account.ts';
import { bodyOf, expandPaths, header, inputOf, keyOf, requestInfo, type Call } from './call.ts';
import { Context } from './context.ts';
import type { Emulator, RequestFault } from './emulator.ts';
import { ApiError, invalidRequest, ValidationError } from './errors.ts';
import { expanded } from './expand.ts';
import { isWireObject, type Wire } from './form.ts';
import { claimKey } from './idempotency.ts';
import { newId } from './ids.ts';
import { wholly } from './journal.ts';
import { RawAnswer, type Route } from './registry.ts';
import { movedPath } from './legacy-paths.ts';
import { unrecognized } from './unserved-resources.ts';
import { keepRequest } from './request-log.ts';

interface JsonAnswer {
  status: number;
  body: string;
  headers: Record<string, string>;
}

/** The HTTP server of an emulator: keys, versions, idempotency and errors; routes do the rest. */
export function createHttpServer(emulator: Emulator, tls?: https.ServerOptions): http.Server {
  const listener = (request: http.IncomingMessage, response: http.ServerResponse) => {
    void serve(emulator, request, response).catch((error: unknown) => {
      emulator.hooks.onBug(error);
      response.destroy();
    });
  };
  const server =
    tls === undefined ? http.createServer(listener) : https.createServer(tls, listener);
  server.keepAliveTimeout = 60_000;
  return server;
}

async function serve(
  emulator: Emulator,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', emulator.shared.publicUrl ?? originOf(request));
  const call: Call = {
    request,
    response,
    url,
    method: request.method ?? 'GET',
    body: await bodyOf(request),
    started: Date.now(),
    requestId: newId('req'),
  };
  const found = routeOf(emulator, call);
  if (found?.route.kind === 'raw') {
    await serveRaw(emulator, call, { handle: found.route.handle, path: found.path });
    return;
  }
  const api = found === null || url.pathname.endsWith('/') ? null : found;
  await serveApi(emulator, call, api);
}

/** The route of a call; one at an address of before is at the address of today from then on. */
function routeOf(
  emulator: Emulator,
  { method, url }: Call,
): ReturnType<Emulator['registry']['match']> {
  const verb = method === 'HEAD' ? 'GET' : method;
  const found = emulator.registry.match(verb, url.pathname);
  const moved = found === null ? movedPath(url.pathname) : null;
  if (moved === null) return found;
  url.pathname = moved.path;
  for (const [name, value] of Object.entries(moved.given)) url.searchParams.set(name, value);
  return emulator.registry.match(verb, moved.path);
}

/** As the caller sees this server, also through a proxy that ends TLS. */
function originOf({ headers, socket }: http.IncomingMessage): string {
  const first = (name: string) =>
    String(headers[name] ?? '')
      .split(',')[0]
      ?.trim() ?? '';
  const own = 'encrypted' in socket ? 'https' : 'http';
  const protocol = first('x-forwarded-proto') === 'https' ? 'https' : own;
  return `${protocol}://${first('x-forwarded-host') || headers.host || 'localhost'}`;
}

async function serveRaw(
  emulator: Emulator,
  call: Call,
  found: { handle: Extract<Route, { kind: 'raw' }>['handle']; path: Record<string, string> },
): Promise<void> {
  const { method, url, body, request, response } = call;
  try {
    const answer = await found.handle({
      method,
      url,
      body,
      headers: request.headers,
      path: found.path,
    });
    response.writeHead(answer.status, answer.headers).end(answer.body);
  } catch (error) {
    const { status, body: text } = errorAnswer(emulator, call, { error, account: null });
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(text);
  }
}

async function serveApi(
  emulator: Emulator,
  call: Call,
  found: { route: Route; path: Record<string, string> } | null,
): Promise<void> {
  let account: Account | null = null;
  let fault: RequestFault | undefined;
  let answer: JsonAnswer;
  try {
    if (found === null || found.route.kind !== 'api') throw unrecognized(call);
    account = emulator.accountOf(keyOf(call.request));
    refuseOtherAccount(account, header(call.request, 'stripe-account'));
    fault = emulator.hooks.fault?.(account, {
      method: call.method,
      path: call.url.pathname,
      requestId: call.requestId,
      idempotencyKey: header(call.request, 'idempotency-key'),
    });
    if (fault?.delayMs !== undefined)
      await new Promise((resolve) => setTimeout(resolve, fault?.delayMs));
    if (fault?.cut === 'before') {
      call.request.socket.destroy();
      return;
    }
    answer =
      fault?.answer ??
      answerOnce(emulator, call, { account, route: found.route, path: found.path });
  } catch (error) {
    answer = errorAnswer(emulator, call, { error, account });
  }
  if (fault?.instead !== undefined) answer = fault.instead;
  if (fault?.rewrite !== undefined) answer.body = fault.rewrite(answer.body);
  if (account !== null) logCall(emulator, call, { account, answer });
  if (fault?.holdMs !== undefined)
    await new Promise((resolve) => setTimeout(resolve, fault?.holdMs));
  if (fault?.cut === 'after') call.request.socket.destroy();
  else send(call, account, { ...answer, cut: fault?.cut === 'mid_body' });
}

/** `Stripe-Account`: calls on behalf of connected accounts are not served, rather than done on the wrong account. */
function refuseOtherAccount(account: Account, wanted: string | null): void {
  if (wanted === null || wanted === account.id) return;
  if (account.store.find('account', wanted) !== undefined)
    throw invalidRequest('This emulator does not serve `Stripe-Account`.');
  throw new ApiError(403, {
    type: 'invalid_request_error',
    code: 'account_invalid',
    message: `The provided key '${account.key.slice(0, 8)}${'*'.repeat(20)}${account.key.slice(-4)}' does not have access to account '${wanted}' (or that account does not exist). Application access may have been revoked.`,
  });
}

interface Found {
  account: Account;
  route: Extract<Route, { kind: 'api' }>;
  path: Record<string, string>;
}

/** Runs a call, or replays the answer stored under its idempotency key. */
function answerOnce(emulator: Emulator, call: Call, found: Found): JsonAnswer {
  const key = header(call.request, 'idempotency-key');
  if (key === null || key === '' || call.method !== 'POST') return run(emulator, call, found);
  const claim = claimKey(found.account, {
    key,
    path: call.url.pathname,
    body: call.body,
    requestId: call.requestId,
  });
  if ('replay' in claim) {
    const headers = {
      'Idempotent-Replayed': 'true',
      'Idempotency-Key': key,
      'Original-Request': claim.replay.requestId,
    };
    return { status: claim.replay.status, body: claim.replay.body, headers };
  }
  return runKeyed(emulator, call, { ...found, key, open: claim.open });
}

function runKeyed(
  emulator: Emulator,
  call: Call,
  found: Found & { key: string; open: IdempotentAnswer },
): JsonAnswer {
  const headers = { 'Idempotency-Key': found.key, 'Original-Request': call.requestId };
  let answer: JsonAnswer;
  try {
    answer = run(emulator, call, found);
  } catch (error) {
    if (error instanceof ValidationError) {
      found.account.idempotency.delete(found.key);
      throw error;
    }
    answer = errorAnswer(emulator, call, { error, account: found.account });
  }
  Object.assign(found.open, { running: false, status: answer.status, body: answer.body });
  return { ...answer, headers: { ...answer.headers, ...headers } };
}

function run(emulator: Emulator, call: Call, found: Found): JsonAnswer {
  const work = found.route.prepare(inputOf(call), found.path);
  const ctx = new Context(found.account, emulator.shared, requestInfo(call, found.account));
  const answer = () => answerOf(emulator, call, { ctx, result: work(ctx) });
  if (call.method === 'GET' || call.method === 'HEAD') return answer();
  return wholly(ctx, (error) => tellsOfPayment(ctx, error), answer);
}

function answerOf(
  emulator: Emulator,
  call: Call,
  done: { ctx: Context; result: object },
): JsonAnswer {
  const { ctx, result } = done;
  if (result instanceof RawAnswer)
    return {
      status: result.status,
      body: Buffer.from(result.body).toString('utf8'),
      headers: result.headers,
    };
  const paths = expandPaths(call);
  const render = rendererOf(emulator, call, ctx.account);
  const body = JSON.stringify(
    paths.length === 0 && render === undefined
      ? result
      : expanded(ctx, emulator.registry, { answer: result, paths, render }),
  );
  return { status: 200, body, headers: {} };
}

/** True for a decline whose payment attempt is on record: that is the one refusal that leaves something behind. */
function tellsOfPayment(ctx: Context, error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  const { payment_intent, setup_intent, charge } = error.body;
  return [payment_intent?.id, setup_intent?.id, charge].some(
    (id) => id !== undefined && ctx.store.resolve(id) !== undefined,
  );
}

/** How the call's API version shows objects; undefined where that is how they are stored. */
function rendererOf(
  emulator: Emulator,
  call: Call,
  account: Account,
): ((value: unknown) => unknown) | undefined {
  const version = header(call.request, 'stripe-version') ?? account.settings.apiVersion;
  return emulator.hooks.renderer?.(account, version);
}

function errorAnswer(
  emulator: Emulator,
  call: Call,
  failure: { error: unknown; account: Account | null },
): JsonAnswer {
  const { error, account } = failure;
  if (!(error instanceof ApiError)) {
    emulator.hooks.onBug(error);
    const message = `The emulator failed: ${error instanceof Error ? error.message : String(error)}`;
    return {
      status: 500,
      headers: {},
      body: JSON.stringify({ error: { type: 'api_error', message } }),
    };
  }
  const render = account === null ? undefined : rendererOf(emulator, call, account);
  const shown = (body: object) => render?.(body) ?? body;
  const request_log_url = `${call.url.origin}/test/logs/${call.requestId}?t=${Math.floor(call.started / 1000)}`;
  return {
    status: error.status,
    headers: {},
    body: JSON.stringify({ error: shown({ ...error.body, request_log_url }) }),
  };
}

function send(call: Call, account: Account | null, answer: JsonAnswer & { cut: boolean }): void {
  const version = header(call.request, 'stripe-version') ?? account?.settings.apiVersion;
  call.response.writeHead(answer.status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(answer.body),
    'Request-Id': call.requestId,
    ...(version === undefined ? {} : { 'Stripe-Version': version }),
    ...answer.headers,
  });
  if (answer.cut) {
    call.response.write(answer.body.slice(0, answer.body.length / 2), () =>
      call.request.socket.destroy(),
    );
    return;
  }
  call.response.end(call.method === 'HEAD' ? undefined : answer.body);
}

function logCall(
  emulator: Emulator,
  call: Call,
  done: { account: Account; answer: JsonAnswer },
): void {
  const { account, answer } = done;
  const entry = {
    id: call.requestId,
    created: Math.floor(call.started / 1000),
    method: call.method,
    path: call.url.pathname,
    query: call.url.search,
    status: answer.status,
    ms: Date.now() - call.started,
    apiVersion: header(call.request, 'stripe-version') ?? account.settings.apiVersion,
    idempotencyKey: header(call.request, 'idempotency-key'),
    userAgent: call.request.headers['user-agent'] ?? '',
    ip: call.request.socket.remoteAddress ?? '',
    requestBody: call.body.subarray(0, 20_000).toString('utf8'),
    responseBody: answer.body.slice(0, 20_000),
    error: errorIn(answer),
  };
  keepRequest(account.requests, entry);
  for (const listener of emulator.hooks.onRequestLogged) listener(account, entry);
}

function errorIn(
  answer: JsonAnswer,
): { type: string; message: string; code?: string; param?: string; decline_code?: string } | null {
  if (answer.status < 400) return null;
  const parsed: Wire = JSON.parse(answer.body);
  const error = isWireObject(parsed) ? parsed['error'] : undefined;
  if (!isWireObject(error)) return null;
  const textOf = (key: string) => (typeof error[key] === 'string' ? error[key] : undefined);
  return {
    type: textOf('type') ?? 'api_error',
    message: textOf('message') ?? '',
    code: textOf('code'),
    param: textOf('param'),
    decline_code: textOf('decline_code'),
  };
}
