import { recordAudit, type AuditSource } from '../../db/audit-log.ts';
import type { Services } from '../lib/services.ts';
import type { Route, RouteContext } from './define-route.ts';
import { mayOperate, operatorActor, type Operator } from '../../state/roles.ts';
import { AppError, toAppError } from './errors.ts';
import { createWindows, type Windows } from './rate-limit.ts';

/** Of a body, so much is kept. */
const MAX_BODY_CHARACTERS = 2_000;
/** Rows of failed sign-ins that a process writes in a minute: guesses from many addresses must not fill the table. */
const MAX_FAILURES = 200;
const failures = new WeakMap<object, Windows>();

interface Audited {
  services: Services;
  request: Request;
  source: AuditSource;
  context: RouteContext;
}

/**
 * Notes what an operator asked for through the API, refusals too. A handler that noted its act itself, in words of its own, is
 * not noted again.
 */
export async function audited(
  route: Route,
  { services, request, source, context }: Audited,
  handle: () => Promise<Response>,
): Promise<Response> {
  const { operator } = context;
  const isAsked = ['GET', 'HEAD'].includes(request.method) || route.audited === false;
  if (operator === null || isAsked) return handle();
  const note = async (outcome: { status: number; error?: string }) => {
    if (source.recorded > 0) return;
    const body = JSON.stringify(await context.json().catch(() => null)) ?? '';
    await writeAudit(services, {
      actor: operatorActor(operator),
      action: `${request.method} ${route.path}`,
      target: Object.values(context.params)[0] ?? null,
      detail: { ...outcome, body: body.slice(0, MAX_BODY_CHARACTERS) },
    });
  };
  let response: Response;
  try {
    response = await handle();
  } catch (error) {
    const { status, code } = toAppError(error);
    await note({ status, error: code });
    throw error;
  }
  await note({ status: response.status });
  return response;
}

/** Notes that an operator signed in, or out. */
export function auditSession(
  services: Services,
  operator: Operator,
  { action, ...detail }: { action: 'sign_in' | 'sign_out'; by?: string },
): Promise<void> {
  return writeAudit(services, { actor: operatorActor(operator), action, target: null, detail });
}

/** Throws 403 unless an operator's role is enough for a route, and notes what they tried to change. Without a role it is `admin`. */
export async function requireOperatorRole(
  { role = 'admin', method, path }: Pick<Route, 'role' | 'method' | 'path'>,
  operator: Operator,
  services: Services,
): Promise<void> {
  if (mayOperate(operator, role)) return;
  if (method !== 'GET') {
    await writeAudit(services, {
      actor: operatorActor(operator),
      action: `${method} ${path}`,
      target: null,
      detail: { status: 403, error: 'forbidden', role: operator.role },
    });
  }
  throw new AppError('forbidden', `This needs the role ${role}; yours is ${operator.role}.`, {
    fields: { role: operator.role },
  });
}

/** Notes a sign-in that failed, or a token that was refused. */
export async function auditRefusal(
  services: Services,
  action: 'sign_in.failed' | 'token.refused',
  detail: Record<string, unknown>,
): Promise<void> {
  const windows = failures.get(services.database) ?? createWindows(MAX_FAILURES);
  failures.set(services.database, windows);
  if (windows.count('all') > 0) return;
  await writeAudit(services, { actor: 'unknown', action, target: null, detail });
}

/** It is done whether or not this can be written: the log has it all the same. */
async function writeAudit(
  { database, log }: Services,
  act: Parameters<typeof recordAudit>[1],
): Promise<void> {
  log.info({ audit: act }, 'audit');
  try {
    await recordAudit(database.knex, act);
  } catch (error) {
    log.error({ err: error, audit: act }, 'the audit log cannot be written');
  }
}
