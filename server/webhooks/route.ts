import { z } from 'zod';
import { defineRoute, json } from '../http/define-route.ts';
import { receiveWebhook } from './receive.ts';

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
    return json(await receiveWebhook(services, bytes, (name) => request.headers.get(name)));
  },
});
