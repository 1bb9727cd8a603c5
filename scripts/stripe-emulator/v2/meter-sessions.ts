import { createHmac, timingSafeEqual } from 'node:crypto';

const LIFETIME_MS = 15 * 60_000;

/** A token for the meter event stream: it names its account and its end, signed with the account's key. */
export function newSessionToken(apiKey: string, now: number): { token: string; expiresAt: number } {
  const expiresAt = now + LIFETIME_MS;
  const content = Buffer.from(JSON.stringify({ apiKey, expiresAt })).toString('base64url');
  return { token: `mesess_${content}.${sign(apiKey, content)}`, expiresAt };
}

/** The account's key and whether the token still holds; null for anything else. */
export function readSessionToken(
  token: string,
  now: number,
): { apiKey: string; expired: boolean } | null {
  const [content, signature] = token.startsWith('mesess_')
    ? token.slice('mesess_'.length).split('.')
    : [];
  if (content === undefined || signature === undefined) return null;
  try {
    const value: unknown = JSON.parse(Buffer.from(content, 'base64url').toString());
    if (
      typeof value !== 'object' ||
      value === null ||
      !('apiKey' in value) ||
      !('expiresAt' in value)
    )
      return null;
    const { apiKey, expiresAt } = value;
    if (typeof apiKey !== 'string' || typeof expiresAt !== 'number') return null;
    const expected = Buffer.from(sign(apiKey, content));
    const given = Buffer.from(signature);
    if (expected.length !== given.length || !timingSafeEqual(expected, given)) return null;
    return { apiKey, expired: expiresAt <= now };
  } catch {
    return null; // not one of ours
  }
}

function sign(apiKey: string, content: string): string {
  return createHmac('sha256', apiKey).update(`meter event session ${content}`).digest('base64url');
}
