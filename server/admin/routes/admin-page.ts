import { ACT_NOTICES } from '../pages/act-forms/index.ts';
import { formOf, redirect } from '../../http/pages/respond.ts';
import { newestTransitionId } from '../../../db/dashboard-transitions.ts';
import { inboxHealth } from '../../../db/webhook-events.ts';
import { loadAssets } from '../../http/pages/assets.ts';
import type { Frame } from '../pages/page.ts';
import { listConflicts } from '../../../db/owner-conflicts.ts';
import { duplicatesOf } from '../pages/queries/subscriptions.ts';
import { AdminApi } from '../pages/admin-api.ts';
import { csrfToken, isOwnRequest, sessionOf, themeOf, type Session } from '../pages/session.ts';
import { testClockOf } from '../pages/test-clock.ts';
import type { OperatorRole } from '../../../state/roles.ts';
import { requireOperatorRole } from '../../http/audit.ts';
import { AppError } from '../../http/errors.ts';
import { defineRoute, type Route, type RouteContext } from '../../http/define-route.ts';
import type { Services } from '../../lib/services.ts';

/** What a page of the dashboard gets. */
export interface AdminContext {
  services: Services;
  session: Session;
  request: Request;
  params: Record<string, string>;
  /** The query. */
  query: URLSearchParams;
  requestId: string;
  address: string | null;
  /** The routes of the admin API, as this operator may use them. */
  api: AdminApi;
}

/** What a page gets beside: the newest line of the history, as of before anything else was read. */
export interface PageContext extends AdminContext {
  seen: number;
}

/** What a form of the dashboard gets: the same, and its fields. */
export interface FormContext extends AdminContext {
  form: URLSearchParams;
  /** Where the form came from: a path of the dashboard. */
  back: string;
}

interface PageSpec {
  path: string;
  role: OperatorRole;
  summary: string;
  handler: (context: PageContext) => Promise<Response>;
}

/** A page for those who signed in; the others are sent to the sign-in form. */
export function adminPage({ path, role, summary, handler }: PageSpec): Route {
  return defineRoute({
    method: 'GET',
    path,
    auth: 'public',
    role,
    page: true,
    summary,
    response: null,
    handler: async (request, context) => {
      const session = await sessionOf(context.services, request);
      if (!session) return toLogin(request);
      await requireOperatorRole({ role, method: 'GET', path }, session.operator, context.services);
      const seen = await newestTransitionId(context.services.database.knex);
      return handler({ ...adminContext(request, context, session), seen });
    },
  });
}

interface FormSpec {
  path: string;
  role: OperatorRole;
  summary: string;
  handler: (context: FormContext) => Promise<Response>;
}

/** A form of the dashboard: it needs the session and the session's own CSRF token. */
export function adminForm({ path, role, summary, handler }: FormSpec): Route {
  return defineRoute({
    method: 'POST',
    path,
    auth: 'public',
    role,
    page: true,
    summary,
    response: null,
    handler: async (request, context) => {
      const { services } = context;
      const session = await sessionOf(services, request);
      if (!session) return toLogin(request);
      const form = await formOf(request, context);
      if (!isOwnRequest(services, session, form.get('csrf'))) {
        throw new AppError('forbidden', 'The form is not of this session: reload the page.');
      }
      await requireOperatorRole({ role, method: 'POST', path }, session.operator, services);
      const own = adminContext(request, context, session);
      return handler({ ...own, form, back: localPath(form.get('back')) });
    },
  });
}

function adminContext(
  request: Request,
  context: Pick<RouteContext, 'services' | 'params' | 'requestId' | 'address' | 'dispatch'>,
  session: Session,
): AdminContext {
  const { services, params, requestId, address } = context;
  return {
    services,
    params,
    requestId,
    address,
    api: new AdminApi(context, { request, csrf: csrfToken(services, session) }),
    session,
    request,
    query: new URL(request.url).searchParams,
  };
}

/** A path of the dashboard; whatever else is asked for becomes its first page. */
export function localPath(path: string | null): string {
  return path !== null && /^\/admin([/?#]|$)/.test(path) && !path.includes('\\') ? path : '/admin';
}

function toLogin(request: Request): Response {
  const { pathname, search } = new URL(request.url);
  const back = request.method === 'GET' ? `${pathname}${search}` : '/admin';
  return redirect(`/admin/login?back=${encodeURIComponent(back)}`);
}

/** What has just been done, by its code in `?did=`; the words are ours, never the query's. */
const NOTICES: Record<string, (count: string) => string> = {
  ...ACT_NOTICES,
  replayed: (count) => `${count} ${count === '1' ? 'event' : 'events'} will be processed again.`,
  repaired: () => 'The subscription was updated from Stripe.',
  resent: () => 'The webhook will be sent now.',
  advanced: () => 'The clock was moved.',
  moving: () => 'The clock is advancing; this page updates as events arrive.',
  none: () => 'Select at least one event to replay.',
  unmoved: () => 'The clock was not moved: it is still advancing, or nothing is due.',
};

/** The frame of a page: who looks at it, what needs attention, the clock. */
export async function frameOf(context: PageContext): Promise<Frame> {
  const { services, session, request, query, seen } = context;
  const db = services.database.knex;
  const [inbox, duplicates, conflicts, assets] = await Promise.all([
    inboxHealth(db, Date.now()),

    duplicatesOf(services),
    listConflicts(db, 5),
    loadAssets(),
  ]);
  const { stripe } = services.config;
  const did = query.get('did') ?? '';
  const url = new URL(request.url);
  for (const name of ['did', 'n', 'check']) url.searchParams.delete(name);
  return {
    here: `${url.pathname}${url.search}`,
    csrf: csrfToken(services, session),
    operator: session.operator,
    theme: themeOf(request),
    now: Date.now(),
    seen,
    mode: stripe.live ? 'live' : stripe.apiBase === null ? 'test' : 'emulator',
    inbox,
    duplicates,
    conflicts,
    clock: testClockOf(services),
    notice: Object.hasOwn(NOTICES, did) ? (NOTICES[did]?.(countOf(query.get('n'))) ?? null) : null,
    assets: { css: assets.css.path, js: assets.js.path },
  };
}

function countOf(text: string | null): string {
  return /^\d{1,7}$/.test(text ?? '') ? (text ?? '0') : '0';
}

/** A page's address with a word about what was done. */
export function withNotice(path: string, did: string, count?: number): string {
  const [main = '', hash] = path.split('#');
  const sign = main.includes('?') ? '&' : '?';
  const number = count === undefined ? '' : `&n=${count}`;
  return `${main}${sign}did=${did}${number}${hash === undefined ? '' : `#${hash}`}`;
}
