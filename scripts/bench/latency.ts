import { measure, startFakeStripe, startTenure, type Laboratory } from './laboratory.ts';
import { median, type Row } from './report.ts';

/** How long an acknowledgement takes at half of the rate that is possible. */
export async function latency(lab: Laboratory): Promise<Row[]> {
  const stripe = await startFakeStripe({ latency: 50, readsPerSecond: 100 });
  const tenure = await startTenure(lab, stripe, {
    env: { WEBHOOK_ACK: 'stored' },
    engine: { concurrency: 0 },
  });
  try {
    const events = Math.ceil(5_000 * lab.effort);
    const plan = (tag: string, times = 1) => ({
      tag,
      events: events * times,
      subscriptions: Math.ceil((events * times) / 5),
      clients: 64,
    });
    await measure(lab, tenure, { plan: plan('warm') });
    const p99: number[] = [];
    const rates: number[] = [];
    for (let round = 0; round < lab.rounds; round += 1) {
      const full = await measure(lab, tenure, { plan: plan(`f${round}`) });
      const rate = full.perSecond / 2;
      // Five seconds: one sees no great collection of garbage, or little else.
      const half = await measure(lab, tenure, { plan: { ...plan(`h${round}`, 4), rate } });
      p99.push(half.p99);
      rates.push(rate);
    }
    return [
      {
        figure: 'latency',
        database: lab.host.dialect,
        what: `p99 at half the maximum (${Math.round(median(rates))}/s)`,
        value: median(p99),
        unit: 'ms',
        target: { at: 'most', value: 20 },
        rounds: p99,
      },
    ];
  } finally {
    await tenure.child.stop();
    await stripe.stop();
  }
}
