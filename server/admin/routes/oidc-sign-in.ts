import { createHmac, timingSafeEqual } from 'node:crypto';
import { beginSignIn, endSignIn, type SignInUnderWay } from '../../../adapters/openid.ts';
import type { Operator } from '../../../state/roles.ts';
import type { Config } from '../../config/config.ts';
import { auditRefusal, auditSession } from '../../http/audit.ts';
import { defineRoute, type RouteContext } from '../../http/define-route.ts';
import { AppError } from '../../http/errors.ts';
import { operatorOfEmail } from '../../http/operators.ts';
import { cookieOf } from '../../http/pages/cookies.ts';
import { redirect } from '../../http/pages/respond.ts';
import { networkOf } from '../../http/rate-limit.ts';
import { requireFewWrongTokens, wrongTokensOf } from '../../http/wrong-tokens.ts';
import { sessionCookie } from '../pages/session.ts';
import { localPath } from './admin-page.ts';
import { signedIn, signInForm } from './sign-in-pages.ts';

const PATH = '/admin/login/oidc';
const COOKIE = 'tenure_oidc';
/** How long someone may take at the provider. */
const MINUTES = 15;

type Services = RouteContext['services'];

function settingsOf({ oidc, http }: Config) {
  if (oidc === null) throw new AppError('not_found', 'There is nothing at this path.');
  const { issuer, clientId, secret } = oidc;
  return { issuer, clientId, secret, redirectUri: `${http.appUrl}${PATH}/callback` };
}

const begin = defineRoute({
  method: 'GET',
  path: PATH,
  auth: 'public',
  page: true,
  summary: 'Sends an operator to the OpenID provider',
  response: null,
  handler: async (request, { services }) => {
    const settings = settingsOf(services.config);
    const back = localPath(new URL(request.url).searchParams.get('back'));
    try {
      const { url, underWay } = await beginSignIn(settings);
      return redirect(url, [keep(services.config, { ...underWay, back })]);
    } catch (error) {
      services.log.error(
        { err: error, issuer: settings.issuer },
        'the OpenID provider did not answer',
      );
      const words = 'The sign-in service does not answer. Try again in a moment.';
      return signInForm(request, { services, error: words, back, status: 503 });
    }
  },
});

const callback = defineRoute({
  method: 'GET',
  path: `${PATH}/callback`,
  auth: 'public',
  page: true,
  summary: 'Where the OpenID provider sends an operator back to',
  response: null,
  handler: async (request, context) => {
    const { services } = context;
    const settings = settingsOf(services.config);
    const caller = networkOf(context.address ?? 'unknown');
    requireFewWrongTokens(services, 'form', caller);
    const underWay = kept(services.config, request);
    const refuse = async (error: string, detail: { email?: string } = {}) => {
      wrongTokensOf(services, 'form').count(caller);
      await auditRefusal(services, 'sign_in.failed', { by: 'oidc', ...detail });
      const back = underWay?.back ?? '/admin';
      return signInForm(request, { services, error, back, status: 401 });
    };
    if (!underWay) return refuse('This sign-in took too long, or began in another browser.');
    let identity: Awaited<ReturnType<typeof endSignIn>>;
    try {
      identity = await endSignIn(settings, new URL(request.url).search, underWay);
    } catch (error) {
      services.log.warn({ err: error, issuer: settings.issuer }, 'an OpenID sign-in failed');
      return refuse('The sign-in did not succeed. Try again.');
    }
    const operator = operatorIn(services, identity);
    const { email } = identity;
    if (!operator) {
      return refuse(
        email === null || !identity.isVerified
          ? 'The sign-in service does not vouch for an e-mail address of yours.'
          : `${email} is not an operator here.`,
        email === null ? {} : { email },
      );
    }
    await auditSession(services, operator, { action: 'sign_in', by: 'oidc' });
    const response = await signedIn(request, underWay.back);
    response.headers.append('set-cookie', sessionCookie(services, operator));
    response.headers.append('set-cookie', cookie(services.config, '', 0));
    return response;
  },
});

function operatorIn(
  { config }: Services,
  { email, isVerified }: { email: string | null; isVerified: boolean },
): Operator | null {
  return email === null || !isVerified ? null : operatorOfEmail(email, config);
}

interface Kept extends SignInUnderWay {
  back: string;
  until: number;
}

function keep(config: Config, underWay: Omit<Kept, 'until'>): string {
  const until = Date.now() + MINUTES * 60_000;
  const text = Buffer.from(JSON.stringify({ ...underWay, until })).toString('base64url');
  return cookie(config, `${text}.${macOf(config, text)}`, MINUTES * 60);
}

/** What this browser began; null when it began nothing, or it is over. */
function kept(config: Config, request: Request): Kept | null {
  const [text = '', mac = ''] = (cookieOf(request, COOKIE) ?? '').split('.');
  const [right, sent] = [Buffer.from(macOf(config, text)), Buffer.from(mac)];
  if (right.length !== sent.length || !timingSafeEqual(right, sent)) return null;
  const found = JSON.parse(Buffer.from(text, 'base64url').toString()) as Kept;
  return found.until < Date.now() ? null : found;
}

function macOf({ stripe, oidc }: Config, text: string): string {
  const key = `tenure oidc\n${oidc?.secret}\n${stripe.secretKey}`;
  return createHmac('sha256', key).update(text).digest('base64url');
}

/** It comes along when the provider leads back here, which a strict one would not. */
function cookie({ http }: Config, value: string, maxAge: number): string {
  const secure = http.appUrl.startsWith('https:') ? '; Secure' : '';
  return `${COOKIE}=${value}; Path=${PATH}; Max-Age=${maxAge}; HttpOnly; SameSite=Lax${secure}`;
}

export const OIDC_SIGN_IN = [begin, callback];
