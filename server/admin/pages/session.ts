import { cookieOf } from '../../http/pages/cookies.ts';
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { isNonceUsed, useNonce } from '../../../db/dashboard-lookups.ts';
import { ADMIN, type Operator } from '../../../state/roles.ts';
import { operatorOfEmail, operatorOfRequest } from '../../http/operators.ts';
import type { Services } from '../../lib/services.ts';

type Parts = Pick<Services, 'config' | 'database'>;

/** An operator who signed in to the dashboard. */
export interface Session {
  nonce: string;
  /** With the role that they have now. */
  operator: Operator;
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
 * Everything is signed with a key made from the operator's token: no table of sessions is needed, each process knows them all,
 * and a new token, or none, ends those of its operator. Of those that were signed out, the database knows the nonce.
 * The hash of a token is no secret, so the key of a named operator needs one of the server's beside it.
 */
function keysOf({ config }: Pick<Parts, 'config'>, name: string): string[] {
  if (name === ADMIN.name) {
    return config.adminToken === null ? [] : [config.adminToken, ...config.formerAdminTokens];
  }
  const secrets = config.operators
    .filter((each) => each.name === name)
    .map(({ tokenHash }) => tokenHash);
  if (config.oidc !== null && operatorOfEmail(name, config)) {
    secrets.push(`${config.oidc.issuer}\n${config.oidc.secret}`);
  }
  return secrets.map((secret) =>
    createHmac('sha256', config.stripe.secretKey).update(`${name}\n${secret}`).digest('hex'),
  );
}

function sign(key: string, purpose: string, text: string): string {
  const derived = createHmac('sha256', key).update('tenure dashboard').digest();
  return createHmac('sha256', derived).update(`${purpose}\n${text}`).digest('base64url');
}

function isSigned(services: Pick<Parts, 'config'>, purpose: string, token: Signed): boolean {
  const sent = Buffer.from(token.mac);
  return keysOf(services, token.name).some((each) => {
    const right = Buffer.from(sign(each, purpose, token.text));
    return right.length === sent.length && timingSafeEqual(right, sent);
  });
}

interface Signed {
  nonce: string;
  expiresAt: number;
  /** The operator's. */
  name: string;
  text: string;
  mac: string;
}

interface Wanted {
  name: string;
  purpose: string;
  lastsMs: number;
}

function issue(services: Pick<Parts, 'config'>, { name, purpose, lastsMs }: Wanted): string | null {
  const [key] = keysOf(services, name);
  if (key === undefined) return null;
  const whose = name === ADMIN.name ? '' : `.${Buffer.from(name).toString('base64url')}`;
  const text = `${randomBytes(18).toString('base64url')}.${Date.now() + lastsMs}${whose}`;
  return `${text}.${sign(key, purpose, text)}`;
}

/** The parts of a token that is well-formed and not over; its signature is not checked here. */
function parse(token: string | null): Signed | null {
  const match = /^(([\w-]{24})\.(\d{13})(?:\.([\w-]{1,340}))?)\.([\w-]{43})$/.exec(token ?? '');
  if (!match) return null;
  const [, text = '', nonce = '', expires = '', whose, mac = ''] = match;
  if (Number(expires) < Date.now()) return null;
  const name = whose === undefined ? ADMIN.name : Buffer.from(whose, 'base64url').toString();
  return { nonce, expiresAt: Number(expires), name, text, mac };
}

/** The signed-in session of a request, or null. */
export async function sessionOf(services: Parts, request: Request): Promise<Session | null> {
  const token = parse(cookieOf(request, cookieName(services)));
  if (!token || !isSigned(services, 'session', token)) return null;
  const { nonce, expiresAt, name } = token;
  const operator = operatorNamed(services, name);
  if (!operator || (await isNonceUsed(services.database.knex, nonce))) return null;
  return { nonce, expiresAt, operator };
}

function operatorNamed({ config }: Pick<Parts, 'config'>, name: string): Operator | null {
  if (name === ADMIN.name) return ADMIN;
  const found = config.operators.find((each) => each.name === name);
  return found ? { name, role: found.role } : operatorOfEmail(name, config);
}

/** The token that each form of this session must bring back. */
export function csrfToken(
  services: Pick<Parts, 'config'>,
  { nonce, operator }: Pick<Session, 'nonce' | 'operator'>,
): string {
  const [key] = keysOf(services, operator.name);
  return key === undefined ? '' : sign(key, 'csrf', nonce);
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

/** Who asks a route of the admin API: by a token, or a session; a session's changes need its CSRF token. */
export async function operatorOf(services: Parts, request: Request): Promise<Operator | null> {
  const operator = operatorOfRequest(request, services.config);
  if (operator) return operator;
  const session = await sessionOf(services, request);
  if (!session) return null;
  if (request.method === 'GET' || request.method === 'HEAD') return session.operator;
  const own = isOwnRequest(services, session, request.headers.get('x-csrf-token'));
  return own ? session.operator : null;
}

/** A link that signs the operator `admin` in once, within 15 minutes; null when there is no admin token. */
export function createLoginLink(services: Pick<Parts, 'config'>): string | null {
  const token = issue(services, { name: ADMIN.name, purpose: 'login', lastsMs: LINK_MS });
  return token === null ? null : `${services.config.http.appUrl}/admin/login?link=${token}`;
}

/** Uses a sign-in link up; false when it is wrong, over, or has been used. */
export async function redeemLoginLink(services: Parts, link: string): Promise<boolean> {
  const token = parse(link);
  if (!token || !isSigned(services, 'login', token)) return false;
  return useNonce(services.database.knex, token.nonce);
}

/** `Set-Cookie` that begins a session of an operator. */
export function sessionCookie(services: Pick<Parts, 'config'>, { name }: Operator): string {
  const token = issue(services, { name, purpose: 'session', lastsMs: SESSION_MS }) ?? '';
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
