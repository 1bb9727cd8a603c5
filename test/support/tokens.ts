import { SignJWT } from 'jose';

/** The HS256 secret of test servers. */
export const TEST_JWT_SECRET = 'a secret of tests that is long enough';
export const TEST_ADMIN_TOKEN = 'the-admin-token-of-tests';

/** A token such as a host app mints for one of its users. */
export function tokenFor(
  userId: string,
  claims: {
    email?: string;
    name?: string;
    expiresIn?: string;
    audience?: string;
    /** Further claims, such as those of an account. */
    more?: Record<string, unknown>;
  } = {},
): Promise<string> {
  const { email = `${userId}@example.com`, name, expiresIn = '10m', audience, more } = claims;
  const jwt = new SignJWT({ email, ...(name ? { name } : {}), ...more })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(userId)
    .setIssuedAt()
    .setExpirationTime(expiresIn);
  if (audience) jwt.setAudience(audience);
  return jwt.sign(new TextEncoder().encode(TEST_JWT_SECRET));
}
