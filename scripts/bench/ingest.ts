import {
  alternate,
  costs,
  measure,
  startContestant,
  startFakeStripe,
  startTenure,
} from './laboratory.ts';
import type { Contestant, Laboratory, Measured } from './laboratory.ts';
import { compare, median, type Row } from './report.ts';

const CLIENTS = [
  { clients: 64, events: 6_000, target: 1.2 },
  { clients: 256, events: 6_000, target: 1.2 },
  { clients: 1, events: 1_000, target: 0.7 },
];

/** Events stored and acknowledged per second: against the floor, and against a server that only verifies. */
export async function ingest(lab: Laboratory): Promise<Row[]> {
  const stripe = await startFakeStripe({ latency: 50, readsPerSecond: 100 });
  const floor = await startContestant(
    'floor-server',
    { databaseUrl: await lab.host.create() },
    'floor',
  );
  const verify = await startContestant('floor-server', { databaseUrl: null }, 'verify only');
  // Receiving alone; another process would do the work. With workers, what is left of the CPU decides.
  const tenure = await startTenure(lab, stripe, {
    env: { WEBHOOK_ACK: 'stored' },
    engine: { concurrency: 0 },
  });
  const working = await startTenure(lab, stripe, {
    env: { WEBHOOK_ACK: 'stored' },
    engine: { readsPerSecond: 80 },
  });
  const rows: Row[] = [];
  try {
    for (const { clients, events, target } of CLIENTS) {
      const count = Math.ceil(events * lab.effort);
      const run = (contestant: Contestant) => (round: number) =>
        measure(lab, contestant, {
          plan: {
            tag: `i${clients}r${round}`,
            events: count,
            subscriptions: Math.ceil(count / 5),
            clients,
          },
        });
      for (const each of [floor, verify, tenure, working]) await warmUp(lab, each, clients);
      const results = await alternate(lab.rounds, {
        floor: run(floor),
        verify: run(verify),
        tenure: run(tenure),
        working: run(working),
      });
      rows.push(...rowsOf(lab, results, { clients, target }));
    }
  } finally {
    for (const each of [floor, verify, tenure, working]) await each.child.stop();
    await stripe.stop();
  }
  return rows;
}

function warmUp(lab: Laboratory, contestant: Contestant, clients: number): Promise<Measured> {
  const events = Math.ceil(1_500 * lab.effort);
  return measure(lab, contestant, {
    plan: { tag: `warm${clients}`, events, subscriptions: events, clients },
  });
}

function rowsOf(
  lab: Laboratory,
  results: { floor: Measured[]; verify: Measured[]; tenure: Measured[]; working: Measured[] },
  { clients, target }: { clients: number; target: number },
): Row[] {
  const rate = (all: Measured[]) => all.map(({ perSecond }) => perSecond);
  const of = (what: string, measured: Measured[]) => ({
    figure: 'ingest',
    database: lab.host.dialect,
    what: `${what}, ${clients} client${clients === 1 ? '' : 's'}`,
    unit: 'events/s',
    detail: costs(measured, median),
  });
  const floor = { name: 'floor', values: rate(results.floor) };
  const verify = { name: 'verify only', values: rate(results.verify) };
  return [
    {
      ...of('stored', results.tenure),
      ...compare(rate(results.tenure), floor),
      target: { at: 'least', value: target },
    },
    ...(clients === 1
      ? []
      : [
          {
            ...of('stored', results.tenure),
            detail: undefined,
            ...compare(rate(results.tenure), verify),
            target: { at: 'least', value: 0.6 } as const,
          },
        ]),
    { ...of('stored while processing', results.working), ...compare(rate(results.working), floor) },
    { ...of('the floor itself', results.floor), value: median(floor.values) },
  ];
}
