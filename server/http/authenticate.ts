import type { User } from '../lib/services.ts';
import { createHash, timingSafeEqual } from 'node:crypto';
import {
  createRemoteJWKSet,
  errors,
  jwtVerify,
  type JWTPayload,
  type JWTVerifyOptions,
} from 'jose';
import type { Config } from '../config/config.ts';
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
      return isFromTheFuture(payload) ? null : userOf(payload);
    } catch (error) {
      if (isBadToken(error)) return null;
      throw new AppError('authentication_unavailable', 'The signing keys cannot be read now.', {
        headers: { 'retry-after': '5' },
        cause: error,
      });
    }
  };
}

/** True when the request carries the admin token; compared in constant time. */
export function hasAdminToken(request: Request, adminToken: string | null): boolean {
  const given = bearerToken(request);
  if (given === null || adminToken === null) return false;
  return timingSafeEqual(sha256(given), sha256(adminToken));
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
    const key = new TextEncoder().encode(auth.jwtSecret);
    return async (token) =>
      (await jwtVerify(token, key, { ...options, algorithms: ['HS256'] })).payload;
  }
  if (auth.jwksUrl !== null) {
    const keys = createRemoteJWKSet(new URL(auth.jwksUrl));
    return async (token) =>
      (await jwtVerify(token, keys, { ...options, algorithms: ASYMMETRIC })).payload;
  }
  return null;
}

/** The library looks at `iat` only where tokens have a greatest age. */
function isFromTheFuture({ iat }: JWTPayload): boolean {
  return iat !== undefined && iat > Date.now() / 1000 + CLOCK_TOLERANCE_SECONDS;
}

function userOf(payload: JWTPayload): User | null {
  const { sub, email, name } = payload;
  if (typeof sub !== 'string' || sub === '' || sub.length > 255 || sub.includes('\0')) return null;
  return {
    id: sub,
    email: wordsOf(email),
    name: wordsOf(name),
  };
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

function sha256(value: string): Buffer {
  return createHash('sha256').update(value).digest();
}
