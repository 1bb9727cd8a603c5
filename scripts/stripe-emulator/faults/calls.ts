import type { Account } from '../kernel/account.ts';
import type { RequestFacts, RequestFault } from '../kernel/emulator.ts';
import { rulesOf } from './delivery.ts';
import type { CallFault, Fault } from './rules.ts';
import { agedBody } from './stale.ts';

interface CannedAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** Errors that Stripe would keep under an idempotency key, by account and key. */
const kept = new WeakMap<Account, Map<string, CannedAnswer>>();

/** What the account's faults do to one API call, all of them together. */
export function callFault(account: Account, request: RequestFacts): RequestFault | undefined {
  const repeated =
    request.idempotencyKey === null ? undefined : kept.get(account)?.get(request.idempotencyKey);
  if (repeated !== undefined) {
    return {
      answer: { ...repeated, headers: { ...repeated.headers, 'Idempotent-Replayed': 'true' } },
    };
  }
  const struck = rulesOf(account).forCall(request.method, request.path);
  if (struck.length === 0) return undefined;
  const result: RequestFault = {};
  for (const fault of struck) apply(account, { fault, request, result });
  return result;
}

/** Forgets the errors kept under idempotency keys. */
export function forgetKeptErrors(account: Account): void {
  kept.delete(account);
}

function apply(
  account: Account,
  {
    fault,
    request,
    result,
  }: { fault: CallFault & Fault; request: RequestFacts; result: RequestFault },
): void {
  switch (fault.type) {
    case 'latency':
      result.delayMs = (result.delayMs ?? 0) + fault.ms;
      return;
    case 'late_answer':
      result.holdMs = (result.holdMs ?? 0) + fault.ms;
      return;
    case 'disconnect':
      result.cut = fault.when;
      return;
    case 'stale_read':
      if (request.method === 'GET') result.rewrite = (body) => agedBody(account, body);
      return;
    case 'rate_limit':
      result.answer = rateLimited(fault.reason, fault.retry);
      keep(account, { fault, request, answer: result.answer });
      return;
    case 'error': {
      const answer = serverError(fault.status);
      if (fault.when === 'before') result.answer = answer;
      else result.instead = answer;
      keep(account, { fault, request, answer });
      return;
    }
  }
}

function keep(
  account: Account,
  call: { fault: { keep: boolean }; request: RequestFacts; answer: CannedAnswer },
): void {
  const { idempotencyKey } = call.request;
  if (!call.fault.keep || idempotencyKey === null) return;
  const answers = kept.get(account) ?? new Map<string, CannedAnswer>();
  answers.set(idempotencyKey, call.answer);
  kept.set(account, answers);
}

function rateLimited(reason: string | undefined, retry: boolean): CannedAnswer {
  const error =
    reason === undefined
      ? {
          type: 'invalid_request_error',
          code: 'lock_timeout',
          message:
            'This object cannot be accessed right now because another API request or Stripe process is currently accessing it. If you see this error intermittently, retry the request. If you see this error frequently and are making multiple concurrent requests to a single object, make your requests serially or at a lower rate.',
          doc_url: 'https://stripe.com/docs/error-codes/lock-timeout',
        }
      : {
          type: 'invalid_request_error',
          code: 'rate_limit',
          message:
            'Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.',
          doc_url: 'https://stripe.com/docs/error-codes/rate-limit',
        };
  const headers: Record<string, string> = { 'Stripe-Should-Retry': String(retry) };
  if (reason !== undefined) headers['Stripe-Rate-Limited-Reason'] = reason;
  return { status: 429, headers, body: JSON.stringify({ error }) };
}

function serverError(status: number): CannedAnswer {
  const error = {
    type: 'api_error',
    message:
      'Sorry! There was an error while talking to Stripe. Let us know at https://support.stripe.com/.',
  };
  return { status, headers: {}, body: JSON.stringify({ error }) };
}
