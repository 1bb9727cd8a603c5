import { z } from 'zod';
import { verifyStripeSignature } from '../../adapters/stripe-signature.ts';
import type { NewEvent } from '../../db/webhook-events.ts';
import { AppError } from '../errors.ts';
import { toNewEvent } from '../incoming-event.ts';
import { defineRoute, json } from '../route.ts';
import type { Services } from '../services.ts';

/** Stripe's deliveries: verified on the raw bytes, stored once, then acknowledged. */
export const webhookRoute = defineRoute({
  method: 'POST',
  path: '/api/webhooks/stripe',
  auth: 'signature',
  summary: 'Receive an event from Stripe',
  description:
    'Answers 200 once the event is stored durably and, unless WEBHOOK_ACK is `stored`, processed. Any other ' +
    'answer makes Stripe deliver it again.',
  response: z.object({ received: z.literal(true), skipped: z.literal(true).optional() }),
  errors: ['invalid_signature', 'invalid_request', 'internal_error', 'overloaded'],
  async handler(request, { services, bytes }) {
    const receivedAt = Date.now();
    const body = await bytes();
    requireSignature(services, {
      body,
      receivedAt,
      header: request.headers.get('stripe-signature'),
    });
    const event = readBody(body, { live: services.config.stripe.live, receivedAt });
    const headers = keptHeaders(request.headers);
    const { isNew, problem } = await services.engine.receive({ ...event, headers });
    if (problem !== null) throw unprocessed(event, problem);
    return json(isNew ? { received: true } : { received: true, skipped: true });
  },
});

/** What a delivery said beside its body, for whoever looks at it later; nothing that could hold a secret. */
const KEPT = ['content-type', 'user-agent', 'stripe-signature'];

function keptHeaders(headers: Headers): string {
  const kept = KEPT.flatMap((name) => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value.slice(0, 500)]];
  });
  return JSON.stringify(Object.fromEntries(kept));
}

function requireSignature(
  services: Services,
  signed: { body: Uint8Array; header: string | null; receivedAt: number },
): void {
  const { body, header } = signed;
  if (!header) throw new AppError('invalid_signature', 'The Stripe-Signature header is missing.');
  const receivedAt = Math.floor(signed.receivedAt / 1000);
  const verdict = verifyStripeSignature(
    { body, header, receivedAt },
    services.config.stripe.webhookSecrets,
  );
  if (verdict === 'valid') return;
  services.log.warn({ verdict }, 'refused a webhook: its signature is not good');
  throw new AppError('invalid_signature', SIGNATURE_WORDS[verdict]);
}

const SIGNATURE_WORDS = {
  malformed: 'The Stripe-Signature header cannot be read.',
  mismatch:
    'The signature fits none of the signing secrets: the secret is another endpoint’s, or something changed the body on its way.',
  stale: 'The signature is too old or from the future: check the clock of this machine.',
};

function readBody(body: Uint8Array, context: { live: boolean; receivedAt: number }): NewEvent {
  try {
    const payload = new TextDecoder('utf-8', { fatal: true }).decode(body);
    return toNewEvent(payload, { ...context, source: 'webhook' });
  } catch (error) {
    throw new AppError('invalid_request', 'The body is signed, but it is no Stripe event.', {
      cause: error,
    });
  }
}

/** Stored, so nothing is lost; 500 makes Stripe retry as well. */
function unprocessed(event: NewEvent, problem: unknown): AppError {
  return new AppError('internal_error', 'The event is stored but could not be processed yet.', {
    fields: { eventId: event.id },
    cause: problem,
  });
}
