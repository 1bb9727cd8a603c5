import { isUtf8 } from 'node:buffer';
import { verifyStripeSignature } from '../../adapters/stripe-signature.ts';
import { databaseFailure } from '../../db/database-errors.ts';
import type { NewEvent } from '../../db/webhook-events.ts';
import { AppError } from '../http/errors.ts';
import { toNewEvent } from './parse-event.ts';
import type { Services } from '../lib/services.ts';

/** A header by its lower-case name; null when there is none. */
type HeaderOf = (name: string) => string | null;

/** One delivery as it arrived, whatever server received it. */
interface Delivery {
  /** The bytes that were signed. */
  body: Uint8Array;
  header: HeaderOf;
  /** ms since the epoch. */
  receivedAt: number;
}

interface DeliveryAnswer {
  received: true;
  skipped?: true;
}

/**
 * Verifies a delivery on its raw bytes, stores it once and, unless `WEBHOOK_ACK` is `stored`, has it processed.
 * Throws an AppError whenever Stripe should deliver it again.
 */
export async function receiveWebhook(
  services: Services,
  bytes: () => Promise<Uint8Array>,
  header: HeaderOf,
): Promise<DeliveryAnswer> {
  const receivedAt = Date.now();
  const delivery: Delivery = { body: await bytes(), header, receivedAt };
  requireSignature(services, delivery);
  const event = readBody(services, delivery);
  event.headers = keptHeaders(delivery);
  const { trace } = services;
  if (trace === null) return take(services, event);
  const { id, type } = event;
  const attributes = { 'stripe.event.id': id, 'stripe.event.type': type };
  const span = { name: 'tenure.webhook', causeId: id, attributes, startedAt: receivedAt } as const;
  return trace(span, () => take(services, event));
}

async function take(services: Services, event: NewEvent): Promise<DeliveryAnswer> {
  const { isNew, problem } = await services.engine.receive(event);
  if (problem !== null) {
    throw databaseFailure(problem) === null ? unprocessed(event, problem) : problem;
  }
  return isNew ? { received: true } : { received: true, skipped: true };
}

/** What a delivery said beside its body, for later debugging; nothing that could hold a secret. */
const KEPT = ['content-type', 'user-agent', 'stripe-signature'];

function keptHeaders({ header }: Delivery): string {
  const kept: Record<string, string> = {};
  for (const name of KEPT) {
    const value = header(name);
    if (value !== null) kept[name] = value.slice(0, 500);
  }
  return JSON.stringify(kept);
}

function requireSignature(services: Services, { body, header, receivedAt }: Delivery): void {
  const signature = header('stripe-signature');
  if (!signature) {
    throw new AppError('invalid_signature', 'The Stripe-Signature header is missing.');
  }
  const result = verifyStripeSignature(
    { body, header: signature, receivedAt: Math.floor(receivedAt / 1000) },
    services.config.stripe.webhookSecrets,
  );
  if (result === 'valid') return;
  services.log.warn({ result }, 'refused a webhook: its signature is not valid');
  throw new AppError('invalid_signature', SIGNATURE_WORDS[result]);
}

const SIGNATURE_WORDS = {
  malformed: 'The Stripe-Signature header cannot be read.',
  mismatch:
    'The signature fits none of the signing secrets: the secret is another endpoint’s, or something changed the body on its way.',
  stale: 'The signature is too old or from the future: check the clock of this machine.',
};

function readBody({ config, database }: Services, { body }: Delivery): NewEvent {
  try {
    if (!isUtf8(body)) throw new TypeError('The body is not UTF-8');
    const payload = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
    const { live } = config.stripe;
    return toNewEvent(payload, { live, receivedAt: database.clock.now(), source: 'webhook' });
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
