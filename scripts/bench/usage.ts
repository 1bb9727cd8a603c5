import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { METERED_PLANS } from './environment.ts';
import { startFakeStripe, startTenure, type Laboratory } from './laboratory.ts';
import { median, type Row } from './report.ts';

const USERS = 100;

/** What a tracked call costs until it is durable, and how many calls to Stripe come of it. */
export async function usage(lab: Laboratory): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tenure-plans-'));
  const file = join(folder, 'plans.json');
  writeFileSync(file, JSON.stringify(METERED_PLANS));
  const calls = Math.ceil(200_000 * lab.effort);
  const costs: number[] = [];
  const sent: number[] = [];
  try {
    for (let round = 0; round < lab.rounds; round += 1) {
      const stripe = await startFakeStripe({ latency: 0, readsPerSecond: null });
      const tenure = await startTenure(lab, stripe, { env: { PLANS_FILE: file } });
      try {
        const { perCall } = await tenure.child.ask<{ perCall: number }>('track', {
          users: USERS,
          calls,
        });
        const { meterEvents } = await stripe.counts();
        if (meterEvents === 0) throw new Error('no usage reached Stripe');
        costs.push(perCall);
        sent.push((meterEvents * 1000) / calls);
      } finally {
        await tenure.child.stop();
        await stripe.stop();
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const shared = { figure: 'usage', database: lab.host.dialect };
  return [
    {
      ...shared,
      what: 'one tracked call, until it is durable',
      value: median(costs),
      unit: 'µs',
      target: { at: 'most', value: 20 },
      rounds: costs,
    },
    {
      ...shared,
      what: `calls to Stripe per 1,000 (${USERS} users)`,
      value: median(sent),
      unit: 'calls',
      target: { at: 'most', value: 1 },
    },
  ];
}
