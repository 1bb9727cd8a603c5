import type Stripe from 'stripe';

/** Stripe's error body, as it appears under `error` on the wire. */
export interface ErrorBody {
  type: 'api_error' | 'card_error' | 'idempotency_error' | 'invalid_request_error';
  message: string;
  code?: string;
  param?: string;
  decline_code?: string;
  advice_code?: string;
  network_advice_code?: string;
  network_decline_code?: string;
  charge?: string;
  doc_url?: string;
  payment_intent?: Stripe.PaymentIntent;
  payment_method?: Stripe.PaymentMethod;
  setup_intent?: Stripe.SetupIntent;
  request_log_url?: string;
}

/** An answer that is an error: handlers throw it, the server renders it with its status. */
export class ApiError extends Error {
  readonly status: number;
  readonly body: ErrorBody;

  constructor(status: number, body: ErrorBody) {
    super(body.message);
    this.name = 'ApiError';
    this.status = status;
    this.body =
      body.code === undefined || UNDOCUMENTED.has(body.code)
        ? body
        : { ...body, doc_url: docUrl(body.code) };
  }
}

/** Codes that come without a page of their own. */
const UNDOCUMENTED: ReadonlySet<string> = new Set(['property_expansion_max_depth']);

/** Thrown while parameters are read, before the endpoint starts: never stored under an idempotency key. */
export class ValidationError extends ApiError {}

function docUrl(code: string): string {
  return `https://stripe.com/docs/error-codes/${code.replaceAll('_', '-')}`;
}

/** 400 `invalid_request_error`. */
export function invalidRequest(
  message: string,
  detail: { param?: string; code?: string; status?: number } = {},
): ApiError {
  const { status = 400, ...rest } = detail;
  return new ApiError(status, { type: 'invalid_request_error', message, ...rest });
}

const NOUNS: Record<string, string> = {
  payment_method: 'PaymentMethod',
  setup_intent: 'setupintent',
  promotion_code: 'promotion code',
  subscription_item: 'subscription_item',
  subscription_schedule: 'subscription_schedule',
  invoice_payment: 'invoice payment',
  'checkout.session': 'checkout.session',
  balance_transaction: 'balance transaction',
  credit_note: 'credit note',
  shipping_rate: 'shipping rate',
  tax_rate: 'tax rate',
  'test_helpers.test_clock': 'billingclock',
  'billing.meter': 'meter',
  invoiceitem: 'Invoice Item',
};

/** What Stripe adds to the id. */
const AFTER_ID: Record<string, string> = { invoiceitem: '(livemode=false)' };

/** The names by which Stripe calls the id in the path, where it is not `id`. */
const PATH_PARAMS: Record<string, string> = {
  coupon: 'coupon',
  payment_intent: 'intent',
  payment_method: 'payment_method',
  price: 'price',
  promotion_code: 'promotion_code',
  setup_intent: 'intent',
  subscription_schedule: 'schedule',
  'test_helpers.test_clock': 'test_clock',
  tax_rate: 'tax_rate',
};

/** `resource_missing`: 404 when the path named it (`param` = `id`), 400 when a parameter did. */
export function resourceMissing(object: string, id: string, param = 'id'): ApiError {
  const noun = NOUNS[object] ?? object;
  return invalidRequest(`No such ${noun}: '${id}'${AFTER_ID[object] ?? ''}`, {
    code: 'resource_missing',
    param: param === 'id' ? (PATH_PARAMS[object] ?? 'id') : param,
    status: param === 'id' ? 404 : 400,
  });
}

/** 404 `resource_missing` of an endpoint that calls its path's id by a name of its own. */
export function missingAt(object: string, id: string, param: string): ApiError {
  const { body } = resourceMissing(object, id);
  return new ApiError(404, { ...body, param });
}

/** 401 with Stripe's wording; the key is masked as Stripe masks it. A publishable key may do nothing here: 403. */
export function invalidApiKey(key: string | null): ApiError {
  if (key !== null && /^pk_(test|live)_/.test(key))
    return new ApiError(403, {
      type: 'invalid_request_error',
      code: 'secret_key_required',
      message:
        'This API call cannot be made with a publishable API key. Please use a secret API key. You can find a list of your API keys at https://dashboard.stripe.com/account/apikeys.',
    });
  const message =
    key === null
      ? "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or we can help at https://support.stripe.com/."
      : `Invalid API Key provided: ${key.slice(0, 8)}${'*'.repeat(Math.max(0, key.length - 12))}${key.slice(8).slice(-4)}`;
  return new ApiError(401, { type: 'invalid_request_error', message });
}
