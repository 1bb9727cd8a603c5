import { loadAssets } from '../../http/pages/assets.ts';
import { redeemLoginLink, sessionCookie } from '../pages/session.ts';
import { isLocalStack } from '../../config/local-stack.ts';
import { isLoopback } from '../../config/loopback.ts';
import { AppError } from '../../http/errors.ts';
import { isProxied, requireSameOrigin } from '../../http/page-origin.ts';
import { operatorOfToken } from '../../http/operators.ts';
import { ADMIN } from '../../../state/roles.ts';
import { networkOf } from '../../http/rate-limit.ts';
import { auditRefusal, auditSession } from '../../http/audit.ts';
import { requireFewWrongTokens, wrongTokensOf } from '../../http/wrong-tokens.ts';
import { defineRoute } from '../../http/define-route.ts';
import { formOf, redirect } from '../../http/pages/respond.ts';
import { localPath } from './admin-page.ts';
import { signedIn, signInForm } from './sign-in-pages.ts';

const login = defineRoute({
  method: 'GET',
  path: '/admin/login',
  auth: 'public',
  page: true,
  summary: 'The sign-in form; with a link from the console, the sign-in',
  response: null,
  handler: async (request, context) => {
    const { services } = context;
    const query = new URL(request.url).searchParams;
    const back = localPath(query.get('back'));
    const link = query.get('link');
    if (link === null) return signInForm(request, { services, error: null, back });
    const caller = networkOf(context.address ?? 'unknown');
    requireFewWrongTokens(services, 'form', caller);
    if (!(await redeemLoginLink(services, link))) {
      wrongTokensOf(services, 'form').count(caller);
      await auditRefusal(services, 'sign_in.failed', { by: 'link' });
      const error = 'This link has been used, or is over. Sign in with your token.';
      return signInForm(request, { services, error, back });
    }
    await auditSession(services, ADMIN, { action: 'sign_in', by: 'link' });
    const response = await signedIn(request, back);
    response.headers.append('set-cookie', sessionCookie(services, ADMIN));
    return response;
  },
});

const submit = defineRoute({
  method: 'POST',
  path: '/admin/login',
  auth: 'public',
  page: true,
  summary: "Signs in with an operator's token",
  response: null,
  handler: async (request, context) => {
    const { services } = context;
    requireSameOrigin(request);
    const fields = await formOf(request, context);
    const back = localPath(fields.get('back'));
    const caller = networkOf(context.address ?? 'unknown');
    const wrongTokens = wrongTokensOf(services, 'form');
    if (wrongTokens.wait(caller) > 0) {
      const error = 'Too many wrong tokens; wait a minute.';
      return signInForm(request, { services, error, back, status: 429 });
    }
    const operator = operatorOfToken(fields.get('token') ?? '', services.config);
    if (!operator) {
      wrongTokens.count(caller);
      await auditRefusal(services, 'sign_in.failed', { by: 'token' });
      return signInForm(request, {
        services,
        error: 'This is not the token of an operator.',
        back,
        status: 401,
      });
    }
    await auditSession(services, operator, { action: 'sign_in', by: 'token' });
    return redirect(back, [sessionCookie(services, operator)]);
  },
});

/** The demo shop's button: on the local stack there is nothing to protect, and its token stands in the terminal. */
const local = defineRoute({
  method: 'POST',
  path: '/admin/login/local',
  auth: 'public',
  page: true,
  summary: 'Signs in from the demo shop, on the local stack only',
  response: null,
  handler: async (request, context) => {
    const { services } = context;
    requireSameOrigin(request);
    // Another name that leads to this machine may be a trap of a page that the reader has open; a tunnel lets others in.
    const isHere = isLoopback(new URL(request.url).hostname) && !isProxied(request);
    const isEmulated = isLocalStack(services.config) && services.config.adminToken !== null;
    if (!isHere || !isEmulated) throw new AppError('not_found', 'There is nothing at this path.');
    await auditSession(services, ADMIN, { action: 'sign_in', by: 'local' });
    return redirect('/admin', [sessionCookie(services, ADMIN)]);
  },
});

const asset = defineRoute({
  method: 'GET',
  path: '/admin/assets/:hash/:name',
  auth: 'public',
  page: true,
  summary: 'Style sheet and client',
  response: null,
  handler: async (request) => {
    const { css, js } = await loadAssets();
    const { pathname } = new URL(request.url);
    const found = [css, js].find(({ path }) => path === pathname);
    if (!found) throw new AppError('not_found', 'There is nothing at this path.');
    return new Response(found.content, {
      headers: {
        'content-type': found.type,
        'cache-control': 'public, max-age=31536000, immutable',
        'x-content-type-options': 'nosniff',
      },
    });
  },
});

export const SIGN_IN = [login, submit, local, asset];
