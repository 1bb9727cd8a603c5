import { createHmac } from 'node:crypto';

/** The `Stripe-Signature` header that Stripe would send with these bytes; `timestamp` in seconds. */
export function signStripePayload(body: Uint8Array, secret: string, timestamp: number): string {
  const mac = createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest('hex');
  return `t=${timestamp},v1=${mac}`;
}
