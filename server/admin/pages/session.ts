import { cookieOf } from '../../http/pages/cookies.ts';
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { isNonceUsed, useNonce } from '../../../db/dashboard-lookups.ts';
import { hasAdminToken } from '../../http/authenticate.ts';
import type { Services } from '../../lib/services.ts';

type Parts = Pick<Services, 'config' | 'database'>;

/** An operator who signed in to the dashboard. */
export interface Session {
  nonce: string;
  /** ms since the epoch. */
  expiresAt: number;
}

/** With https, a name that browsers accept from this host itself only. */
const cookieName = ({ config }: Pick<Parts, 'config'>) =>
  isHttps(config) ? '__Host-tenure_session' : 'tenure_session';
const isHttps = (config: Parts['config']) => config.http.appUrl.startsWith('https:');
const THEME_COOKIE = 'tenure_theme';
const SESSION_MS = 12 * 3_600_000;
const LINK_MS = 15 * 60_000;

/**
 * Everything is signed with a key made from the admin token: no table of sessions is needed, each process
 * knows them all, and a new token ends them all. Of those that were signed out, the database knows the nonce.
 */
function sign(services: Pick<Parts, 'config'>, purpose: string, text: string): string | null {
  const { adminToken } = services.config;
  return adminToken === null ? null : signWith(adminToken, purpose, text);
}

function signWith(adminToken: string, purpose: string, text: string): string {
  const key = createHmac('sha256', adminToken).update('tenure dashboard').digest();
  return createHmac('sha256', key).update(`${purpose}\n${text}`).digest('base64url');
}

function isSigned({ config }: Pick<Parts, 'config'>, purpose: string, token: Signed): boolean {
  if (config.adminToken === null) return false;
  const sent = Buffer.from(token.mac);
  return [config.adminToken, ...config.formerAdminTokens].some((each) => {
    const right = Buffer.from(signWith(each, purpose, token.text));
    return right.length === sent.length && timingSafeEqual(right, sent);
  });
}

interface Signed {
  nonce: string;
  expiresAt: number;
  text: string;
  mac: string;
}

function issue(services: Pick<Parts, 'config'>, purpose: string, lasts: number): string | null {
  const text = `${randomBytes(18).toString('base64url')}.${Date.now() + lasts}`;
  const mac = sign(services, purpose, text);
  return mac === null ? null : `${text}.${mac}`;
}

/** The parts of a token that is well-formed and not over; its signature is not checked here. */
function parse(token: string | null): Signed | null {
  const match = /^([\w-]{24})\.(\d{13})\.([\w-]{43})$/.exec(token ?? '');
  if (!match) return null;
  const [, nonce = '', expires = '', mac = ''] = match;
  if (Number(expires) < Date.now()) return null;
  return { nonce, expiresAt: Number(expires), text: `${nonce}.${expires}`, mac };
}

/** The signed-in session of a request, or null. */
export async function sessionOf(services: Parts, request: Request): Promise<Session | null> {
  const token = parse(cookieOf(request, cookieName(services)));
  if (!token || !isSigned(services, 'session', token)) return null;
  if (await isNonceUsed(services.database.knex, token.nonce)) return null;
  return { nonce: token.nonce, expiresAt: token.expiresAt };
}

/** The token that each form of this session must bring back. */
export function csrfToken(services: Pick<Parts, 'config'>, session: Session): string {
  return sign(services, 'csrf', session.nonce) ?? '';
}

/** Whether a form or a script of this session's own pages sent the request. */
export function isOwnRequest(
  services: Pick<Parts, 'config'>,
  session: Session,
  given: string | null,
): boolean {
  const right = Buffer.from(csrfToken(services, session));
  const sent = Buffer.from(given ?? '');
  return right.length > 0 && right.length === sent.length && timingSafeEqual(right, sent);
}

/** Admin routes of the API: the token, or a session; a session's changes need its CSRF token. */
export async function isAdmin(services: Parts, request: Request): Promise<boolean> {
  if (hasAdminToken(request, services.config)) return true;
  const session = await sessionOf(services, request);
  if (!session) return false;
  if (request.method === 'GET' || request.method === 'HEAD') return true;
  return isOwnRequest(services, session, request.headers.get('x-csrf-token'));
}

/** A link that signs in once, within 15 minutes; null when there is no admin token. */
export function createLoginLink(services: Pick<Parts, 'config'>): string | null {
  const token = issue(services, 'login', LINK_MS);
  return token === null ? null : `${services.config.http.appUrl}/admin/login?link=${token}`;
}

/** Uses a sign-in link up; false when it is wrong, over, or has been used. */
export async function redeemLoginLink(services: Parts, link: string): Promise<boolean> {
  const token = parse(link);
  if (!token || !isSigned(services, 'login', token)) return false;
  return useNonce(services.database.knex, token.nonce);
}

/** `Set-Cookie` that begins a session. */
export function sessionCookie(services: Pick<Parts, 'config'>): string {
  const token = issue(services, 'session', SESSION_MS) ?? '';
  return cookie(services, `${cookieName(services)}=${token}`, SESSION_MS / 1000);
}

/** Ends a session on the server, also for a copy of its cookie. Returns the `Set-Cookie` that forgets it. */
export async function endSession(services: Parts, session: Session): Promise<string> {
  await useNonce(services.database.knex, session.nonce);
  return cookie(services, `${cookieName(services)}=`, 0);
}

export function themeCookie(services: Pick<Parts, 'config'>, theme: 'light' | 'dark'): string {
  return cookie(services, `${THEME_COOKIE}=${theme}`, 365 * 86_400);
}

export function themeOf(request: Request): 'light' | 'dark' | null {
  const theme = cookieOf(request, THEME_COOKIE);
  return theme === 'light' || theme === 'dark' ? theme : null;
}

function cookie(services: Pick<Parts, 'config'>, pair: string, maxAge: number): string {
  const [path, secure] = isHttps(services.config) ? ['/', '; Secure'] : ['/admin', ''];
  return `${pair}; Path=${path}; Max-Age=${maxAge}; HttpOnly; SameSite=Strict${secure}`;
}
