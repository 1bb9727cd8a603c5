import { createHash } from 'node:crypto';
import { EncryptJWT, errors, jwtDecrypt } from 'jose';
import { z } from 'zod';
import type { Config } from '../config/config.ts';
import type { User } from '../lib/services.ts';

/** How long a link opens the page, in ms: a customer pays at Stripe and comes back meanwhile. */
const LINK_MS = 30 * 60_000;

const claims = z.object({
  sub: z.string(),
  email: z.string().nullable(),
  name: z.string().nullable(),
  account: z
    .object({ id: z.string(), name: z.string().nullish(), role: z.string().nullish() })
    .nullable(),
});

// All processes of a deployment know it, and another deployment on the same Stripe account has another.
function keyOf({ stripe, ownership }: Config): Uint8Array {
  const parts = ['tenure billing page', stripe.secretKey, ownership.deploymentId];
  return createHash('sha256').update(parts.join('\n')).digest();
}

/** Encrypted, so that no e-mail address stands in logs, and authenticated: what was altered does not open. */
export async function createPageLink(
  config: Config,
  user: User,
): Promise<{ token: string; expiresAt: number }> {
  const expiresAt = Math.floor((Date.now() + LINK_MS) / 1000) * 1000;
  const token = await new EncryptJWT({
    email: user.email,
    name: user.name,
    account: user.account ?? null,
  })
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
    .setSubject(user.id)
    .setExpirationTime(expiresAt / 1000)
    .encrypt(keyOf(config));
  return { token, expiresAt };
}

/** Whose page a link opens; null when it is expired, altered, or of another deployment. */
export async function userOfPageLink(config: Config, token: string): Promise<User | null> {
  try {
    const options = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] };
    const { payload } = await jwtDecrypt(token, keyOf(config), {
      ...options,
      requiredClaims: ['sub', 'exp'],
    });
    const { sub: id, email, name, account } = claims.parse(payload);
    return { id, email, name, account };
  } catch (error) {
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}
