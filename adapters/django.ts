import { errors, jwtVerify, SignJWT } from 'jose';

/** The life of a token of `tenure_django`. */
const TOKEN_SECONDS = 60;
const CLOCK_TOLERANCE_SECONDS = 5;

export interface DjangoTokens {
  /** `TENURE["JWT_SECRET"]` in Django, 32 bytes or more. */
  secret: string;
  /** `TENURE["JWT_AUDIENCE"]` in Django: a token for another service is then worth nothing here. */
  audience: string | null;
}

/** The logged-in user as Django states it. */
export interface DjangoUser {
  id: string;
  email: string | null;
  name: string | null;
  /** All that the token says, the account too. */
  claims: Record<string, unknown>;
}

/**
 * Who a token of the Python package speaks for; null unless it is HS256 with this secret, for this
 * audience, and made to live 60 seconds: a longer-lived one of the same secret was made for another purpose.
 */
export async function readDjangoToken(
  token: string,
  { secret, audience }: DjangoTokens,
): Promise<DjangoUser | null> {
  try {
    const { payload } = await jwtVerify(token, new TextEncoder().encode(secret), {
      algorithms: ['HS256'],
      audience: audience ?? undefined,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      maxTokenAge: TOKEN_SECONDS,
      requiredClaims: ['sub', 'iat', 'exp'],
    });
    const { sub, email, name, iat = 0, exp = Infinity } = payload;
    if (typeof sub !== 'string' || sub === '' || exp - iat > TOKEN_SECONDS) return null;
    return { id: sub, email: text(email), name: text(name), claims: payload };
  } catch (error) {
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}

/** The token that Django would send for a user: for other services that speak to the same server. */
export async function mintDjangoToken(
  user: {
    id: string;
    email?: string | null;
    name?: string | null;
    account?: { id: string; name?: string | null; role?: string | null } | null;
  },
  { secret, audience }: DjangoTokens,
): Promise<string> {
  const claims = Object.fromEntries(
    Object.entries({
      email: user.email,
      name: user.name,
      account_id: user.account?.id,
      account_name: user.account?.name,
      account_role: user.account?.role,
    }).filter(([, value]) => Boolean(value)),
  );
  const token = new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(user.id)
    .setIssuedAt()
    .setExpirationTime(`${TOKEN_SECONDS}s`);
  if (audience !== null) token.setAudience(audience);
  return token.sign(new TextEncoder().encode(secret));
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
