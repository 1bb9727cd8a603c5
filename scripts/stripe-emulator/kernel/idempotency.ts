import { createHash } from 'node:crypto';
import type { Account, IdempotentAnswer } from './account.ts';
import { ApiError } from './errors.ts';

const KEPT_MS = 30 * 86_400_000;

/** Finds the stored answer of a key, refuses a misuse of it, or opens it for this call. */
export function claimKey(
  account: Account,
  call: { key: string; path: string; body: Buffer; requestId: string },
): { replay: IdempotentAnswer } | { open: IdempotentAnswer } {
  if (call.key.length > 255) {
    throw new ApiError(400, {
      type: 'invalid_request_error',
      message: 'Idempotency keys can be at most 255 characters long.',
    });
  }
  const fingerprint = createHash('sha256')
    .update(call.path)
    .update('\0')
    .update(canonical(call.body))
    .digest('base64');
  const known = account.idempotency.get(call.key);
  if (known !== undefined && Date.now() - known.at < KEPT_MS) {
    refuseMisuse(known, fingerprint, call);
    return { replay: known };
  }
  const open = {
    fingerprint,
    path: call.path,
    at: Date.now(),
    running: true,
    status: 0,
    body: '',
    requestId: call.requestId,
  };
  account.idempotency.set(call.key, open);
  return { open };
}

function refuseMisuse(
  known: IdempotentAnswer,
  fingerprint: string,
  call: { key: string; path: string },
): void {
  if (known.path !== call.path) {
    const message = `Keys for idempotent requests can only be used for the same endpoint they were first used for ('${known.path}' vs '${call.path}'). Try using a key other than '${call.key}' if you meant to execute a different request.`;
    throw new ApiError(400, { type: 'idempotency_error', message });
  }
  if (known.fingerprint !== fingerprint) {
    const message = `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${call.key}' if you meant to execute a different request.`;
    throw new ApiError(400, { type: 'idempotency_error', message });
  }
  if (known.running) {
    const message = `There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): ${call.key}. Please try again later.`;
    throw new ApiError(409, { type: 'idempotency_error', code: 'idempotency_key_in_use', message });
  }
}

/** The same parameters in another order are the same request. */
function canonical(body: Buffer): string {
  const text = body.toString('utf8');
  return text.startsWith('{') ? text : text.split('&').toSorted().join('&');
}
