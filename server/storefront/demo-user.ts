import { createHash } from 'node:crypto';
import { SignJWT } from 'jose';
import type { Config } from '../config/config.ts';
import { cookieOf } from '../http/pages/cookies.ts';
import { AppError } from '../http/errors.ts';

/** The storefront's own customers. They sign in by typing an address; no proof is asked for. */
export interface DemoUser {
  id: string;
  email: string;
}

const COOKIE = 'tenure_demo';
const DAYS = 30;
export const DEMO_EMAIL = 'demo@example.com';

/** Whether the storefront is open: with a local Stripe, or a test key and STOREFRONT=demo; and a secret to sign tokens with. */
export function isOpen(config: Config): boolean {
  return !config.stripe.live && config.storefront && config.auth.jwtSecret !== null;
}

/** Only ever a demo id: a typed address must not open the account of a real user. */
function demoUser(email: string): DemoUser {
  const address = email.trim().toLowerCase();
  if (!/^[^\s@]{1,64}@[^\s@]{1,190}$/.test(address)) {
    throw new AppError('invalid_request', 'This is not an e-mail address.');
  }
  if (address === DEMO_EMAIL) return { id: 'user_demo', email: address };
  const hash = createHash('sha256').update(address).digest('hex').slice(0, 16);
  return { id: `user_demo_${hash}`, email: address };
}

/** `Set-Cookie` with a token such as a host app mints after its own login. */
export async function demoCookie(config: Config, email: string): Promise<string> {
  const { audience, issuer = null, jwtSecret, accountClaim = null, roleClaim = null } = config.auth;
  if (jwtSecret === null) throw new AppError('not_found', 'There is no demo login here.');
  const user = demoUser(email);
  const token = new SignJWT({
    email: user.email,
    ...(accountClaim === null ? {} : { [accountClaim]: user.id }),
    ...(roleClaim === null ? {} : { [roleClaim]: 'owner' }),
  })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(user.id)
    .setIssuedAt()
    .setExpirationTime(`${DAYS}d`);
  if (issuer !== null) token.setIssuer(issuer);
  if (audience !== null) token.setAudience(audience);
  const signed = await token.sign(new TextEncoder().encode(jwtSecret));
  return cookie(config, signed, DAYS * 86_400);
}

/** `Set-Cookie` that forgets the customer. */
export function endedDemoCookie(config: Config): string {
  return cookie(config, '', 0);
}

// Lax, not strict: Checkout sends the customer back from another site.
function cookie(config: Config, value: string, maxAge: number): string {
  const secure = config.http.appUrl.startsWith('https:') ? '; Secure' : '';
  return `${COOKIE}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Lax${secure}`;
}

/** The token of the customer who visits, or null. */
export function demoToken(request: Request): string | null {
  return cookieOf(request, COOKIE) || null;
}
