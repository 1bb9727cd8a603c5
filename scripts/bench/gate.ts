import { setTimeout as sleep } from 'node:timers/promises';
import { startFakeStripe, startTenure, type Contestant, type Laboratory } from './laboratory.ts';
import type { GateTimes } from './in-process.ts';
import type { LoadResult } from './load-generator.ts';
import { median, type Row } from './report.ts';

/** What an access check costs, and how soon a change made by another process is seen. */
export async function gate(lab: Laboratory): Promise<Row[]> {
  const stripe = await startFakeStripe({ latency: 0, readsPerSecond: null });
  const here = await startTenure(lab, stripe);
  const other = await startTenure(lab, stripe, { databaseUrl: here.databaseUrl });
  try {
    const times: GateTimes[] = [];
    const seen: number[] = [];
    for (let round = 0; round < lab.rounds; round += 1) {
      seen.push(await untilSeen(lab, { here, other, tag: `g${round}` }));
      const checks = Math.ceil(100_000 * lab.effort);
      times.push(await here.child.ask<GateTimes>('gate', { userId: `user_g${round}x0`, checks }));
    }
    const shared = { figure: 'gate', database: lab.host.dialect };
    return [
      {
        ...shared,
        what: 'one access check, from the cache',
        value: median(times.map(({ check }) => check)),
        unit: 'µs',
        target: { at: 'most', value: 20 },
      },
      {
        ...shared,
        what: 'the gate, bearer token verified',
        value: median(times.map(({ gate }) => gate)),
        unit: 'µs',
      },
      {
        ...shared,
        what: "another process's change is seen after",
        value: Math.max(...seen),
        unit: 'ms',
        target: { at: 'most', value: 1_000 },
        rounds: seen,
      },
    ];
  } finally {
    await here.child.stop();
    await other.child.stop();
    await stripe.stop();
  }
}

/** ms from the acknowledgement of an event in one process to the other letting the user in. */
async function untilSeen(
  lab: Laboratory,
  { here, other, tag }: { here: Contestant; other: Contestant; tag: string },
): Promise<number> {
  const userId = `user_${tag}x0`;
  // Now it knows that there is nothing, and would go on believing so.
  const before = await here.child.ask<boolean>('access', userId);
  if (before) throw new Error(`${userId} has access already`);
  const plan = { tag, events: 1, subscriptions: 1, clients: 1, urls: [other.url] };
  const { accepted } = await lab.load.ask<LoadResult>('run', plan);
  if (accepted !== 1) throw new Error('the event was refused');
  const acknowledged = performance.now();
  while (!(await here.child.ask<boolean>('access', userId))) {
    if (performance.now() - acknowledged > 10_000) throw new Error('the change is never seen');
    await sleep(2);
  }
  return performance.now() - acknowledged;
}
