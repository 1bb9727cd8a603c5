import {
  addAnswerHeaders,
  errorResponse,
  newRequestId,
  reportRequest,
  requestIdFrom,
  withoutBody,
} from '../http/respond.ts';
import type { FetchHandler, RequestInfo } from '../../adapters/fetch.ts';
import { accountOf, mayPay, type Account } from '../../state/roles.ts';
import { operatorOf } from '../admin/pages/session.ts';
import { AppError } from '../http/errors.ts';
import { grantsRoute } from '../access/grants-route.ts';
import { accessRoute } from '../access/route.ts';
import { ADMIN_ROUTES } from '../admin/routes/index.ts';
import { cancelRoute } from '../billing/cancel/route.ts';
import { changeRoute, quantityRoute } from '../billing/change-plan/route.ts';
import { previewRoute } from '../billing/preview/route.ts';
import { checkoutSyncRoute } from '../billing/checkout/sync-route.ts';
import { checkoutRoute } from '../billing/checkout/route.ts';
import { withoutLostCustomer } from '../billing/customer.ts';
import { creditRoute } from '../billing/credit/route.ts';
import { descriptionRoutes } from '../http/docs/route.ts';
import {
  invoicePdfRoute,
  invoiceRoute,
  invoicesRoute,
  payInvoiceRoute,
  upcomingRoute,
} from '../billing/invoices/route.ts';
import { oneOffInvoiceRoute } from '../billing/invoices/one-off-route.ts';
import { pauseRoute } from '../billing/pause/route.ts';
import { paymentsRoute, purchasesRoute } from '../billing/payments/route.ts';
import { plansRoute } from '../catalogue/route.ts';
import { portalRoute } from '../billing/portal/route.ts';
import {
  createPromotionRoute,
  discountRoute,
  promotionRoute,
} from '../billing/promotions/route.ts';
import { reactivateRoute } from '../billing/reactivate/route.ts';
import { resumeRoute } from '../billing/resume/route.ts';
import { subscriptionRoute } from '../billing/subscription/route.ts';
import { metricsRoute } from './metrics-route.ts';
import { healthRoute, readyRoute } from './health-routes.ts';
import {
  correctUsageRoute,
  reconcileUsageRoute,
  recordUsageRoute,
  retryUsageRoute,
  usageRoute,
} from '../usage/routes.ts';
import { webhookRoute } from '../webhooks/route.ts';
import {
  hashKey,
  hashRequest,
  onceForKey,
  operatorKeys,
  requireKeyForm,
} from '../http/idempotency.ts';
import { takesIdempotencyKey, type ApiTable } from '../http/openapi.ts';
import { OUTGOING_EVENTS } from '../outbox/outgoing-events.ts';
import {
  createAtOnce,
  createRateLimits,
  networkOf,
  type AtOnce,
  type RateLimits,
} from '../http/rate-limit.ts';
import { withAuditSource, type AuditSource } from '../../db/audit-log.ts';
import { audited, auditRefusal, requireOperatorRole } from '../http/audit.ts';
import { bearerToken } from '../http/authenticate.ts';
import { countRequest, requireRoom } from '../http/count-request.ts';
import { refuseForeignPage, userOfPage } from '../http/page-origin.ts';
import { requireFewWrongTokens, wrongTokensOf } from '../http/wrong-tokens.ts';
import { bodyOf } from '../http/request-body.ts';
import type { Route, RouteContext } from '../http/define-route.ts';
import { asPage } from '../http/pages/error-page.ts';
import { matchRoute } from '../http/route-match.ts';
import type { Services } from '../lib/services.ts';
import { HOSTED_PAGE_ROUTES } from '../storefront/hosted-routes.ts';
import { STOREFRONT_ROUTES } from '../storefront/routes.ts';

/** Every route of the server: what adapters serve, and what `/openapi.json` is made from. */
export const ROUTES: readonly Route[] = [
  webhookRoute,
  plansRoute,
  checkoutRoute,
  checkoutSyncRoute,
  subscriptionRoute,
  previewRoute,
  changeRoute,
  quantityRoute,
  cancelRoute,
  resumeRoute,
  pauseRoute,
  reactivateRoute,
  discountRoute,
  paymentsRoute,
  purchasesRoute,
  invoicesRoute,
  upcomingRoute,
  invoiceRoute,
  invoicePdfRoute,
  payInvoiceRoute,
  oneOffInvoiceRoute,
  creditRoute,
  promotionRoute,
  createPromotionRoute,
  portalRoute,
  recordUsageRoute,
  usageRoute,
  correctUsageRoute,
  reconcileUsageRoute,
  retryUsageRoute,
  accessRoute,
  grantsRoute,
  ...HOSTED_PAGE_ROUTES,
  healthRoute,
  readyRoute,
  metricsRoute,
  ...descriptionRoutes(() => API),
  ...ADMIN_ROUTES,
  ...STOREFRONT_ROUTES,
];

/** What the OpenAPI document is made from. */
export const API: ApiTable = { routes: ROUTES, webhooks: OUTGOING_EVENTS };

export interface HandlerOptions {
  /** Another table, in tests and for additions. */
  routes?: readonly Route[];
}

/**
 * The whole API as one function from Request to Response; every adapter wraps this one. It does not
 * throw: here, and only here, an error becomes a response.
 */
export function createHandler(services: Services, options: HandlerOptions = {}): FetchHandler {
  const match = matchRoute(options.routes ?? ROUTES);
  const limits = createRateLimits(services.config.rateLimit, services.metrics);
  const atOnce = createAtOnce();
  const handler: FetchHandler = async (request, info = {}) => {
    const started = performance.now();
    const given = request.headers.get('x-request-id');
    // What is charged and recorded goes by an id of our own: two requests may come under one of the caller's.
    const requestId = newRequestId();
    const answerId = given === null ? requestId : requestIdFrom(given);
    let response: Response;
    let pattern = 'unmatched';
    try {
      const { pathname, search } = new URL(request.url);
      const { params, route } = match(request.method, pathname);
      pattern = route.path;
      if (route.page) refuseNul(search);
      const source = { requestId, address: info.address ?? null, recorded: 0 };
      const call = {
        services,
        request,
        info,
        requestId,
        answerId,
        params,
        dispatch: handler,
        limits,
        atOnce,
        source,
      };
      const run = () => answer(route, call);
      // What users do is in the history; acts of operators and sign-ins tell where they came from.
      response = await (route.auth === 'admin' || route.page
        ? withAuditSource(source, run)
        : run());
    } catch (error) {
      response = await asPage(request, errorResponse(services, error, answerId));
    }
    if (request.method === 'HEAD') response = await withoutBody(response);
    addAnswerHeaders(response, answerId);
    const { status } = response;
    const done = { status, requestId: answerId, ownId: requestId, started, pattern };
    reportRequest(services, pathOf(request), done);
    return response;
  };
  return handler;
}

/** Pages read their query as it is; routes of the API have schemas, which see to it. */
function refuseNul(text: string): void {
  if (!text.includes('%00')) return;
  throw new AppError(
    'invalid_request',
    'The query has a character that no text may have (U+0000).',
  );
}

interface Call {
  services: Services;
  request: Request;
  info: RequestInfo;
  /** Ours. */
  requestId: string;
  /** The caller's, where it sent one. */
  answerId: string;
  params: Record<string, string>;
  dispatch: FetchHandler;
  limits: RateLimits;
  atOnce: AtOnce;
  source: AuditSource;
}

async function answer(route: Route, call: Call): Promise<Response> {
  const { services, request, requestId } = call;
  const { user, operator } = await admit(route, call);
  const body = bodyOf(request, call.info);
  const key = takesIdempotencyKey(route) ? request.headers.get('idempotency-key') : null;
  const account = user && accountOf(user);
  if (account) requireRole(route, account);
  const owner = account?.id ?? operatorKeys(operator);
  const context: RouteContext = {
    ...body,
    services,
    user,
    account,
    operator,
    params: call.params,
    requestId,
    address: call.info.address ?? null,
    dispatch: call.dispatch,
    // Unlike the request id, the client's key is the same when the request comes again.
    commandKey: (step) => `tenure-${step}-${key === null ? requestId : hashKey(owner, key)}`,
  };
  const run = () => withKey(route, call, { context, key, owner });
  if (account === null) return run();
  // Before anything is read or written: what is refused must cost others nothing.
  requireRoom(route, call.limits, account.id);
  const mayWait = request.method !== 'GET' && (route.oneByOne !== false || key !== null);
  return mayWait ? call.atOnce(account.id, run) : run();
}

interface Keyed {
  context: RouteContext;
  key: string | null;
  /** Whose key it is. */
  owner: string;
}

async function withKey(route: Route, call: Call, keyed: Keyed): Promise<Response> {
  const { services, request, answerId } = call;
  const { context, key, owner } = keyed;
  const counted = () => countRequest(route, { request, limits: call.limits }, context);
  const handle = () =>
    context.account === null
      ? audited(route, { ...call, context }, counted)
      : withoutLostCustomer(services, context.account.id, counted);
  if (key === null) return handle();
  requireKeyForm(key);
  const body = context;
  const bytes = call.info.consumed
    ? Buffer.from(JSON.stringify(await body.json()))
    : await body.bytes();
  return onceForKey(services, { owner, key, hash: hashRequest(request, bytes) }, async () => {
    try {
      return await handle();
    } catch (error) {
      // Refusals are answers too: a repetition gets the same one.
      return errorResponse(services, error, answerId);
    }
  });
}

/**
 * Who it is, and not too often: a known user is counted by account, so a proxy in front is not taken for
 * one caller; everybody else, a wrong token too, by address.
 */
async function admit(route: Route, call: Call): Promise<Caller> {
  if (route.auth === 'signature' || route.limited === false) return identify(route, call);
  const { limits, info, services, request } = call;
  const caller = networkOf(info.address ?? 'unknown');
  // No limit by address: the proxy in front counts.
  const isLimited = services.config.rateLimit.perAddress > 0;
  const guesses = isLimited && route.auth === 'admin' && bearerToken(request) !== null;
  if (guesses) requireFewWrongTokens(services, 'api', caller);
  try {
    const known = await identify(route, call);
    if (known.user) limits.user(known.user.id);
    else if (route.auth === 'public') limits.address(info.address);
    return known;
  } catch (error) {
    if (error instanceof AppError && error.code === 'unauthenticated') {
      if (request.headers.has('authorization'))
        services.metrics.refusedTokens.inc({ by: route.auth });
      if (guesses) {
        wrongTokensOf(services, 'api').count(caller);
        await auditRefusal(services, 'token.refused', { path: route.path });
      }
      limits.address(info.address);
    }
    throw error;
  }
}

type Caller = Pick<RouteContext, 'user' | 'operator'>;

async function identify(route: Route, { services, request, info }: Call): Promise<Caller> {
  if (route.auth === 'user') {
    const ofPage = userOfPage(request);
    if (ofPage) return { user: ofPage, operator: null };
    const user = await services.authenticate(request, info.native);
    if (user) {
      refuseForeignPage(request, services.config.http.appUrl);
      return { user, operator: null };
    }
    throw new AppError('unauthenticated', 'A valid bearer token is needed.', {
      headers: { 'www-authenticate': 'Bearer' },
    });
  }
  if (route.auth !== 'admin') return { user: null, operator: null };
  const operator = await operatorOf(services, request);
  if (operator === null) {
    throw new AppError('unauthenticated', 'The admin token is needed.', {
      headers: { 'www-authenticate': 'Bearer' },
    });
  }
  await requireOperatorRole(route, operator, services);
  return { user: null, operator };
}

function requireRole({ members }: Route, { role }: Account): void {
  if (members || mayPay(role)) return;
  throw new AppError(
    'forbidden',
    'Only owners of the account, and those who see to its billing, may do this.',
    { fields: { role } },
  );
}

const pathOf = (request: Request) => ({
  method: request.method,
  get path() {
    return new URL(request.url).pathname;
  },
});
