/** What is measured inside of the product's process: costs too small to be seen from without. */
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SignJWT } from 'jose';
import { checkAccess } from '../../server/access/check-access.ts';
import { createGate } from '../../server/access/gate.ts';
import type { Services } from '../../server/lib/services.ts';
import { verifyDatabase } from '../../server/operations/verify.ts';
import { METER } from './environment.ts';

/** µs per call. */
export interface GateTimes {
  /** The access check alone. */
  check: number;
  /** The gate around it, with the verification of a bearer token. */
  gate: number;
}

export async function timeGate(
  services: Services,
  { userId, checks }: { userId: string; checks: number },
): Promise<GateTimes> {
  const gate = createGate(services);
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(userId)
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(services.config.auth.jwtSecret ?? ''));
  const request = new Request('http://localhost/app', {
    headers: { authorization: `Bearer ${token}` },
  });
  if ((await gate(request)) !== null) throw new Error('the gate is closed');
  return {
    check: await timed(checks, () => checkAccess(services, userId)),
    gate: await timed(Math.ceil(checks / 10), () => gate(request)),
  };
}

async function timed(calls: number, call: () => Promise<unknown>): Promise<number> {
  for (let i = 0; i < calls / 10; i += 1) await call();
  const started = performance.now();
  for (let i = 0; i < calls; i += 1) await call();
  return ((performance.now() - started) * 1000) / calls;
}

/** Calls under way at once. */
const AT_ONCE = 1_000;

/** µs per tracked call, and when all of it had reached Stripe. */
export async function timeTracking(
  services: Services,
  { users, calls }: { users: number; calls: number },
): Promise<{ perCall: number }> {
  const ids = Array.from({ length: users }, (_, i) => `user_usage${i}`);
  await services.database.knex('customers').insert(
    ids.map((id) => ({
      user_id: id,
      stripe_customer_id: id.replace('user_', 'cus_'),
      created_at: Date.now(),
    })),
  );
  const track = (from: number) =>
    Promise.all(
      Array.from({ length: Math.min(AT_ONCE, calls - from) }, (_, i) =>
        services.usage.track({ userId: ids[(from + i) % users] ?? '', meter: METER, quantity: 1 }),
      ),
    );
  await track(0);
  const started = performance.now();
  for (let from = 0; from < calls; from += AT_ONCE) await track(from);
  const perCall = ((performance.now() - started) * 1000) / calls;
  await untilSent(services);
  return { perCall };
}

async function untilSent(services: Services): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    await services.usage.flush();
    const { waiting } = await services.usage.health();
    if (waiting === 0) return;
    await sleep(200);
  }
  throw new Error('usage did not reach Stripe');
}

/** `verify` as the command runs it, and what of its memory was still in use on the way. */
export async function verify(services: Services): Promise<Verified> {
  const collect = garbageCollector();
  const marks = [0.1, 0.5, 1];
  const live: number[] = [];
  const started = performance.now();
  let most = 0;
  let measuring = 0;
  const { checked, differences } = await verifyDatabase(services, {
    onProgress({ checked, total }) {
      most = Math.max(most, process.memoryUsage.rss());
      if (checked < total * (marks[live.length] ?? Infinity)) return;
      const paused = performance.now();
      collect();
      const { heapUsed, external } = process.memoryUsage();
      live.push((heapUsed + external) / 2 ** 20);
      measuring += performance.now() - paused;
    },
  });
  const seconds = (performance.now() - started - measuring) / 1000;
  return { checked, differences, seconds, live, resident: most / 2 ** 20 };
}

/** What is resident tells how lazy the collector is; only after a collection is what is there in use. */
function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

export interface Verified {
  checked: number;
  differences: number;
  seconds: number;
  /** MB in use after a collection, at a tenth, half and the end; what grows with the database would show here. */
  live: number[];
  /** MB of the process, at most. */
  resident: number;
}
