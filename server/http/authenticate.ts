import type { User, UserAccount } from '../lib/services.ts';
import {
  createRemoteJWKSet,
  errors,
  jwtVerify,
  type JWTPayload,
  type JWTVerifyOptions,
} from 'jose';
import type { Config } from '../config/config.ts';
import { roleOf } from '../../state/roles.ts';
import { AppError } from './errors.ts';

const CLOCK_TOLERANCE_SECONDS = 5;
const ASYMMETRIC = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'EdDSA',
];

/** Bearer JWTs: HS256 with the shared secret, or asymmetric with the key set; no other algorithm. */
export function createAuthenticate(
  auth: Config['auth'],
): (request: Request) => Promise<User | null> {
  const verify = verifierOf(auth);
  return async (request) => {
    const token = bearerToken(request);
    if (token === null || verify === null) return null;
    try {
      const payload = await verify(token);
      return isFromTheFuture(payload) ? null : userOf(payload, auth);
    } catch (error) {
      if (isBadToken(error)) return null;
      if (error instanceof AppError) throw error;
      throw new AppError('authentication_unavailable', 'The signing keys cannot be read now.', {
        headers: { 'retry-after': '5' },
        cause: error,
      });
    }
  };
}

/** The token of `Authorization: Bearer …`, or null. */
export function bearerToken(request: Request): string | null {
  const header = request.headers.get('authorization');
  return /^Bearer ([\w~+/.=-]+)$/i.exec(header ?? '')?.[1] ?? null;
}

function verifierOf(auth: Config['auth']): ((token: string) => Promise<JWTPayload>) | null {
  const options: JWTVerifyOptions = {
    audience: auth.audience ?? undefined,
    issuer: auth.issuer ?? undefined,
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    requiredClaims: auth.allowNoExpiry ? ['sub'] : ['sub', 'exp'],
  };
  if (auth.jwtSecret !== null) {
    const keys = [auth.jwtSecret, ...(auth.formerJwtSecrets ?? [])].map((secret) =>
      new TextEncoder().encode(secret),
    );
    return (token) => verifyWithAny(token, keys, { ...options, algorithms: ['HS256'] });
  }
  if (auth.jwksUrl !== null) {
    const keys = createRemoteJWKSet(new URL(auth.jwksUrl));
    return async (token) =>
      (await jwtVerify(token, keys, { ...options, algorithms: ASYMMETRIC })).payload;
  }
  return null;
}

/** While a secret is replaced, there are tokens of two. */
async function verifyWithAny(
  token: string,
  [key, ...others]: Uint8Array[],
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, key!, options)).payload;
  } catch (error) {
    const isOfAnother = error instanceof errors.JWSSignatureVerificationFailed;
    if (!isOfAnother || others.length === 0) throw error;
    return verifyWithAny(token, others, options);
  }
}

/** The library looks at `iat` only where tokens have a greatest age. */
function isFromTheFuture({ iat }: JWTPayload): boolean {
  return iat !== undefined && iat > Date.now() / 1000 + CLOCK_TOLERANCE_SECONDS;
}

function userOf(payload: JWTPayload, auth: Config['auth']): User | null {
  const { email, name } = payload;
  const id = typeof payload.sub === 'string' ? idOf(payload.sub) : null;
  if (id === null) return null;
  const account = accountInClaims(payload, auth);
  return { id, email: wordsOf(email), name: wordsOf(name), ...(account && { account }) };
}

/**
 * The account that the claims name; null without AUTH_ACCOUNT_CLAIM. A token without the claim then names no one who
 * pays: its user is not taken for an account, because a team may have that id. Throws 403 for it.
 */
export function accountInClaims(claims: JWTPayload, auth: Config['auth']): UserAccount | null {
  const { accountClaim = null, accountNameClaim = null, roleClaim = null } = auth;
  if (accountClaim === null) return null;
  const id = idOf(claimAt(claims, accountClaim));
  if (id === null) {
    throw new AppError('forbidden', `The token names no account (claim "${accountClaim}").`);
  }
  const name = accountNameClaim === null ? null : wordsOf(claimAt(claims, accountNameClaim));
  return { id, name, role: roleClaim === null ? 'owner' : roleOf(claimAt(claims, roleClaim)) };
}

/** A claim by its name, which may have dots in it, or else by a path into claims that are objects. */
function claimAt(claims: JWTPayload, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let value: unknown = claims;
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part))
      return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

function idOf(claim: unknown): string | null {
  const id = Number.isSafeInteger(claim) ? String(claim) : claim;
  const isId = typeof id === 'string' && id !== '' && id.length <= 255 && !id.includes('\0');
  return isId ? id : null;
}

// PostgreSQL stores every character but U+0000.
function wordsOf(claim: unknown): string | null {
  return typeof claim === 'string' && claim !== '' && !claim.includes('\0') ? claim : null;
}

// A key set that cannot be fetched says nothing about the token; everything else of jose does.
function isBadToken(error: unknown): boolean {
  if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) return false;
  if (error instanceof errors.JOSEError) return error.code !== 'ERR_JOSE_GENERIC';
  return false;
}
