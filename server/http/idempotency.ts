import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  takeKey,
  finishKey,
  isKeyHeld,
  releaseKey,
  renewKey,
  type KeyClaim,
} from '../../db/idempotency-keys.ts';
import { ADMIN, type Operator } from '../../state/roles.ts';
import { AppError } from './errors.ts';
import { startHeartbeat } from '../lib/lease.ts';
import type { Services } from '../lib/services.ts';

/** A holder that dies gives the key up after this long; one that works renews it. */
const LEASE_MS = 20_000;
/** How long a repetition waits for the first request to end before it answers 409. */
const WAIT_MS = 10_000;
/** Between two looks, at first and at most; in ms. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 500;

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

/** Whose keys an operator uses: longer than the id of an account can be. */
export function operatorKeys(operator: Operator | null): string {
  const isAdmin = operator === null || operator.name === ADMIN.name;
  return (isAdmin ? 'operator' : `operator:${operator.name}`).padEnd(256, '.');
}

/** A key of its owner in few characters, for keys of Stripe. */
export function hashKey(owner: string, key: string): string {
  return createHash('sha256').update(`${owner}\n${key}`).digest('hex').slice(0, 40);
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
 * for it. An answer that a retry may fix (5xx, or one that says when to try again) is not kept.
 */
export async function onceForKey(
  services: Services,
  request: KeyedRequest,
  run: () => Promise<Response>,
): Promise<Response> {
  const db = services.database.knex;
  const id = { userId: request.owner, key: request.key, holder: randomUUID() };
  const claim = await waitForClaim(services, { ...id, requestHash: request.hash });
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
  const { clock } = services.database;
  const renew = () => renewKey(db, id, { now: clock.now(), lease: LEASE_MS });
  const stopHeartbeat = startHeartbeat(renew, {
    leaseMs: LEASE_MS,
    failed: (error) =>
      services.log.warn({ err: error }, 'could not renew the lease of an idempotency key'),
  });
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
    if (!(await finishKey(db, id, { status: response.status, headers, body }))) {
      services.log.error('an idempotency key was taken over while its request was worked on');
    }
    return response;
  } catch (error) {
    await releaseKey(db, id);
    throw error;
  } finally {
    stopHeartbeat();
  }
}

async function waitForClaim(
  services: Services,
  key: Parameters<typeof takeKey>[1],
): Promise<KeyClaim> {
  const { knex: db, clock } = services.database;
  const deadline = performance.now() + WAIT_MS;
  let pause = FIRST_PAUSE_MS;
  for (;;) {
    const claim = await takeKey(db, key, { now: clock.now(), lease: LEASE_MS });
    if (claim.kind !== 'in_progress') return claim;
    do {
      if (performance.now() >= deadline) return claim;
      await sleep(pause * (0.5 + Math.random()));
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    } while (await isKeyHeld(db, key, clock.now()));
  }
}

function isFinal({ status, headers }: Response): boolean {
  // What was refused before anything was done is refused again just as well; and costs no row.
  const isRefused = status === 400 || status === 401 || status === 413 || status === 415;
  return status < 500 && !isRefused && status !== 429 && !headers.has('retry-after');
}
