import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { claimKey, finishKey, releaseKey, type KeyClaim } from '../../db/idempotency-keys.ts';
import { AppError } from './errors.ts';
import type { Services } from '../lib/services.ts';

/** A holder that dies gives the key up after this long. */
const LEASE_MS = 60_000;
/** How long a repetition waits for the first request to end before it answers 409. */
const WAIT_MS = 10_000;
const POLL_MS = 50;

/** Headers that belong to one answer and not to its repetition. */
const OWN_HEADERS = new Set(['x-request-id', 'date', 'connection']);

export interface KeyedRequest {
  /** Whose key it is. */
  owner: string;
  /** The `Idempotency-Key` header. */
  key: string;
  /** From `hashRequest`. */
  hash: string;
}

/** A fingerprint of method, path and body: the same key with another one is refused. */
export function hashRequest(request: Request, body: Uint8Array): string {
  const { pathname, search } = new URL(request.url);
  return createHash('sha256')
    .update(`${request.method} ${pathname}${search}\n`)
    .update(body)
    .digest('hex');
}

/** Throws 400 unless the key is 1 to 255 printable characters. */
export function requireKeyForm(key: string): void {
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return;
  throw new AppError(
    'invalid_request',
    'Idempotency-Key must be 1 to 255 printable characters without spaces.',
  );
}

/**
 * Runs a request once for its key. Repetitions get the first answer; at the same time, they wait
 * for it. An answer that a retry may mend (5xx, or one that says when to try again) is not kept.
 */
export async function onceForKey(
  services: Services,
  request: KeyedRequest,
  run: () => Promise<Response>,
): Promise<Response> {
  const db = services.database.knex;
  const id = { userId: request.owner, key: request.key };
  const claim = await waitForClaim(services, request);
  if (claim.kind === 'conflict') {
    throw new AppError(
      'idempotency_conflict',
      'This Idempotency-Key was used for another request; use a new one.',
    );
  }
  if (claim.kind === 'in_progress') {
    throw new AppError('idempotency_in_progress', 'The same request is still being worked on.', {
      headers: { 'retry-after': '2' },
    });
  }
  if (claim.kind === 'answered') {
    const { status, headers, body } = claim.response;
    return new Response(body === '' ? null : body, {
      status,
      headers: { ...headers, 'idempotent-replayed': 'true' },
    });
  }
  try {
    const response = await run();
    if (!isFinal(response)) {
      await releaseKey(db, id);
      return response;
    }
    const body = await response.clone().text();
    const headers = Object.fromEntries(
      [...response.headers].filter(([name]) => !OWN_HEADERS.has(name)),
    );
    await finishKey(db, id, { status: response.status, headers, body });
    return response;
  } catch (error) {
    await releaseKey(db, id);
    throw error;
  }
}

async function waitForClaim(services: Services, request: KeyedRequest): Promise<KeyClaim> {
  const key = { userId: request.owner, key: request.key, requestHash: request.hash };
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    const now = Date.now();
    const claim = await claimKey(services.database.knex, key, { now, lease: LEASE_MS });
    if (claim.kind !== 'in_progress' || now >= deadline) return claim;
    await sleep(POLL_MS);
  }
}

function isFinal({ status, headers }: Response): boolean {
  // What was refused before anything was done is refused again just as well; and costs no row.
  const isRefused = status === 400 || status === 401 || status === 413 || status === 415;
  return status < 500 && !isRefused && status !== 429 && !headers.has('retry-after');
}
