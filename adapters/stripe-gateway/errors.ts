import { Stripe } from 'stripe';
import { withDeadline } from './client.ts';

/** What went wrong at Stripe, in words that do not depend on the SDK. */
export type GatewayErrorKind =
  | 'card_declined'
  | 'rate_limited'
  | 'unavailable'
  | 'invalid'
  | 'conflict'
  | 'not_found';

interface GatewayErrorInit {
  code: string | null;
  declineCode: string | null;
  /** Seconds, from `Retry-After`. */
  retryAfter: number | null;
  /** Name of the request parameter that Stripe refused. */
  param: string | null;
  /** HTTP status of Stripe's answer; null when there was none. */
  status: number | null;
  /** When Stripe answered, by its own clock: seconds since the epoch; null when it did not. */
  answeredAt?: number | null;
  cause: unknown;
}

/** The only error that leaves the gateway. `message` is Stripe's, meant for developers, without secrets. */
export class GatewayError extends Error {
  readonly kind: GatewayErrorKind;
  readonly code: string | null;
  readonly declineCode: string | null;
  readonly retryAfter: number | null;
  readonly param: string | null;
  readonly status: number | null;
  readonly answeredAt: number | null;

  constructor(kind: GatewayErrorKind, message: string, init: GatewayErrorInit) {
    super(message, { cause: init.cause });
    this.name = 'GatewayError';
    this.kind = kind;
    this.code = init.code;
    this.declineCode = init.declineCode;
    this.retryAfter = init.retryAfter;
    this.param = init.param;
    this.status = init.status;
    this.answeredAt = init.answeredAt ?? null;
  }
}

/** True for a GatewayError of one of the given kinds. */
export function isGatewayError(
  error: unknown,
  ...kinds: GatewayErrorKind[]
): error is GatewayError {
  return error instanceof GatewayError && (kinds.length === 0 || kinds.includes(error.kind));
}

/** Runs one SDK call and turns whatever it throws into a GatewayError. */
export async function call<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await withDeadline(operation);
  } catch (error) {
    throw toGatewayError(error);
  }
}

function toGatewayError(error: unknown): unknown {
  if (!(error instanceof Stripe.errors.StripeError)) return error;
  return new GatewayError(kindOf(error), withoutKey(error.message), {
    code: error.code ?? null,
    // The SDK makes an absent one an empty text.
    declineCode: error.decline_code || null,
    retryAfter: retryAfterOf(error.headers),
    param: error.param ?? null,
    status: error.statusCode ?? null,
    answeredAt: answerTime(error.headers),
    cause: error.requestId ? { stripeRequestId: error.requestId } : undefined,
  });
}

function kindOf(error: Stripe.errors.StripeError): GatewayErrorKind {
  if (error instanceof Stripe.errors.StripeCardError) return 'card_declined';
  if (error instanceof Stripe.errors.StripeRateLimitError || error.statusCode === 429) {
    return 'rate_limited';
  }
  if (error instanceof Stripe.errors.StripeIdempotencyError) return 'conflict';
  // A key that is in use arrives as a plain API error after the SDK's own retries.
  if (error.code === 'idempotency_key_in_use' || error.statusCode === 409) return 'conflict';
  // Without a parameter it is a payment method that is missing, not what was asked for.
  if (error.statusCode === 404 || (error.code === 'resource_missing' && error.param)) {
    return 'not_found';
  }
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    return 'invalid';
  }
  return 'unavailable';
}

/** The `Date` of an answer in seconds since the epoch; null when it has none. */
export function answerTime(headers: Record<string, string> | undefined): number | null {
  const time = Date.parse(headers?.['date'] ?? '');
  return Number.isNaN(time) ? null : time / 1000;
}

function retryAfterOf(headers: Record<string, string> | undefined): number | null {
  const value = Number(headers?.['retry-after']);
  return Number.isFinite(value) && value >= 0 && headers?.['retry-after'] ? value : null;
}

// Stripe repeats a masked key in authentication errors; a key must not appear even masked.
function withoutKey(message: string): string {
  return message.replaceAll(/\b[rsp]k_(live|test)_[\w*]+/g, '[key]');
}
