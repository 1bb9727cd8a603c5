import { createHmac, timingSafeEqual } from 'node:crypto';

export type SignatureResult = 'valid' | 'malformed' | 'mismatch' | 'stale';

/** Seconds that a signature stays good, both ways; Stripe signs each retry anew. */
const TOLERANCE_SECONDS = 300;

export interface SignedPayload {
  /** The bytes as they arrived: the SDK would decode them first, which not every byte survives. */
  body: Uint8Array;
  /** The `Stripe-Signature` header. */
  header: string;
  /** Seconds since the epoch at which the request arrived. */
  receivedAt: number;
}

/** Checks a `Stripe-Signature` against every secret (several while one is being rotated). */
export function verifyStripeSignature(
  payload: SignedPayload,
  secrets: readonly string[],
): SignatureResult {
  const { timestamp, signatures } = parseHeader(payload.header);
  if (timestamp === null || signatures.length === 0) return 'malformed';
  const fits = secrets.some((secret) => {
    const expected = hmac(secret, timestamp, payload.body);
    return signatures.some((given) => sameBytes(given, expected));
  });
  if (!fits) return 'mismatch';
  const age = Math.abs(payload.receivedAt - Number(timestamp));
  return age > TOLERANCE_SECONDS ? 'stale' : 'valid';
}

function parseHeader(header: string): { timestamp: string | null; signatures: Buffer[] } {
  let timestamp: string | null = null;
  const signatures: Buffer[] = [];
  for (const part of header.split(',')) {
    const [key, value = ''] = part.trim().split('=', 2);
    // Two times are no time: which of them was signed would be for the sender to choose.
    if (key === 't' && timestamp !== null) return { timestamp: null, signatures: [] };
    if (key === 't' && /^\d{1,12}$/.test(value)) timestamp = value;
    if (key === 'v1' && /^[0-9a-f]{64}$/i.test(value)) signatures.push(Buffer.from(value, 'hex'));
  }
  return { timestamp, signatures };
}

// An empty secret would accept a signature that anybody can make.
function hmac(secret: string, timestamp: string, body: Uint8Array): Buffer {
  if (secret === '') throw new Error('The webhook signing secret is empty');
  return createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest();
}

function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
