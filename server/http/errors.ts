import { isGatewayError, type GatewayError } from '../../adapters/stripe-gateway.ts';
import { databaseFailure, type DatabaseFailure } from '../../db/database-errors.ts';
import { stripeRefusal } from './stripe-refusals.ts';
import { StripeOutage } from '../lib/stripe-outage.ts';
import { StillBusy } from '../lib/lock-timeout.ts';

/** Every error code of the HTTP API and its status: the one table. */
export const ERROR_STATUS = {
  invalid_request: 400,
  invalid_json: 400,
  invalid_signature: 400,
  unknown_plan: 400,
  unknown_price: 400,
  unknown_product: 400,
  unknown_addon: 400,
  already_purchased: 409,
  unknown_promotion_code: 400,
  unknown_meter: 400,
  usage_refused: 400,
  unauthenticated: 401,
  card_declined: 402,
  subscription_required: 402,
  feature_required: 402,
  limit_reached: 402,
  cap_reached: 402,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  already_subscribed: 409,
  not_allowed: 409,
  no_billing_account: 409,
  idempotency_conflict: 409,
  idempotency_in_progress: 409,
  quote_expired: 409,
  confirmation_required: 409,
  stripe_conflict: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  rate_limited: 429,
  internal_error: 500,
  body_already_read: 500,
  portal_not_configured: 500,
  stripe_rejected: 502,
  stripe_unavailable: 502,
  authentication_unavailable: 503,
  database_unavailable: 503,
  overloaded: 503,
} as const;
export type ErrorCode = keyof typeof ERROR_STATUS;

export interface ErrorDetails {
  /** Further fields of `error`, e.g. `state` and `actions`. */
  fields?: Record<string, unknown>;
  headers?: Record<string, string>;
  cause?: unknown;
}

/** The only error class of the application: handlers throw it, the route table answers it. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly fields: Record<string, unknown>;
  readonly headers: Record<string, string>;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.name = 'AppError';
    this.code = code;
    this.fields = details.fields ?? {};
    this.headers = details.headers ?? {};
  }

  get status(): number {
    return ERROR_STATUS[this.code];
  }
}

const DATABASE_WORDS: Record<DatabaseFailure, string> = {
  unreachable: 'The database cannot be reached; try again soon.',
  busy: 'The database is busy; try again soon.',
  timeout: 'The database did not answer in time; try again soon.',
  read_only: 'The database takes no changes at the moment; try again soon.',
  full: 'The database has no room at the moment; try again soon.',
  corrupt: 'The database cannot be read at the moment; try again soon.',
};

/** Whatever was thrown, as an AppError; the words of an unknown error stay in the log. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (isGatewayError(error)) return fromGateway(error);
  if (error instanceof StripeOutage) return fromOutage(error);
  if (error instanceof StillBusy) {
    const words = 'Other changes of this customer are still being worked on; try again.';
    return new AppError('stripe_conflict', words, {
      headers: { 'retry-after': '2' },
      cause: error,
    });
  }
  const failure = databaseFailure(error);
  if (failure !== null) {
    return new AppError('database_unavailable', DATABASE_WORDS[failure], {
      headers: { 'retry-after': '5' },
      cause: error,
    });
  }
  return new AppError('internal_error', 'Something went wrong on our side.', { cause: error });
}

/** Reads of Stripe pause after a 429 or several failures; a caller that needs one meanwhile is told how long. */
function fromOutage(outage: StripeOutage): AppError {
  const seconds = Math.max(1, Math.ceil((outage.retryAt - Date.now()) / 1000));
  const limited = isGatewayError(outage.cause, 'rate_limited');
  const [code, words] = limited
    ? (['rate_limited', 'Stripe asks for a pause; try again soon.'] as const)
    : (['stripe_unavailable', 'Stripe cannot be reached; try again soon.'] as const);
  return new AppError(code, words, { headers: { 'retry-after': String(seconds) }, cause: outage });
}

function fromGateway(error: GatewayError): AppError {
  const cause = error;
  switch (error.kind) {
    case 'card_declined':
      return new AppError('card_declined', error.message, {
        fields: { declineCode: error.declineCode ?? error.code },
        cause,
      });
    case 'rate_limited':
      return new AppError('rate_limited', 'Stripe asks for a pause; try again soon.', {
        headers: { 'retry-after': String(Math.ceil(error.retryAfter ?? 1)) },
        cause,
      });
    case 'conflict':
      return new AppError('stripe_conflict', 'Stripe is busy with the same request; try again.', {
        headers: { 'retry-after': '2' },
        cause,
      });
    case 'unavailable':
      return new AppError('stripe_unavailable', 'Stripe cannot be reached; try again soon.', {
        cause,
      });
    default: {
      const refusal = stripeRefusal(error);
      if (refusal) {
        const { code, message, reason } = refusal;
        return new AppError(code, message, { fields: reason ? { reason } : {}, cause });
      }
      return new AppError('stripe_rejected', 'Stripe refused the request.', {
        fields: { stripeCode: error.code, ...(error.param ? { param: error.param } : {}) },
        cause,
      });
    }
  }
}
