import { addCustomers } from './customers.ts';
import {
  alternate,
  measure,
  startFakeStripe,
  startTenure,
  type Contestant,
  type Laboratory,
} from './laboratory.ts';
import { untilProcessed } from './processing.ts';
import { compare, median, type Row } from './report.ts';

/** Two processes on one PostgreSQL against one: nothing lost, nothing twice, and faster. */
export async function several(lab: Laboratory): Promise<Row[]> {
  if (lab.host.dialect === 'sqlite') return [];
  const stripe = await startFakeStripe({ latency: 50, readsPerSecond: null });
  const settings = { env: { WEBHOOK_ACK: 'stored' } };
  const alone = await startTenure(lab, stripe, settings);
  const first = await startTenure(lab, stripe, settings);
  const second = await startTenure(lab, stripe, { ...settings, databaseUrl: first.databaseUrl });
  const events = Math.ceil(6_000 * lab.effort);
  const run =
    (contestant: Contestant & { databaseUrl: string }, urls: string[]) => async (round: number) => {
      const { databaseUrl } = contestant;
      const subscriptions = Math.ceil(events / 4);
      const plan = { tag: `s${urls.length}r${round}`, events, subscriptions, clients: 64 };
      await stripe.populate(plan);
      await addCustomers(databaseUrl, plan);
      return measure(lab, contestant, { plan, urls, finished: () => untilProcessed(databaseUrl) });
    };
  try {
    // Two processes are warm after twice as many events as one.
    for (const round of [-1, -2]) {
      await run(alone, [alone.url])(round);
      await run(first, [first.url, second.url])(round);
    }
    // Two processes keep both cores busy, and so feel whatever else the machine does.
    const results = await alternate(lab.rounds * 2, {
      one: run(alone, [alone.url]),
      two: run(first, [first.url, second.url]),
    });
    const rate = (name: 'one' | 'two') => results[name].map(({ perSecond }) => perSecond);
    return [
      {
        figure: 'several',
        database: lab.host.dialect,
        what: 'two processes, Stripe answers in 50 ms',
        unit: 'events/s',
        ...compare(rate('two'), { name: 'one process', values: rate('one') }),
        target: { at: 'least', value: 1.2 },
        detail: { 'p99 ms': median(results.two.map(({ p99 }) => p99)) },
      },
    ];
  } finally {
    for (const each of [alone, first, second]) await each.child.stop();
    await stripe.stop();
  }
}
