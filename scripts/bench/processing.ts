import { openDatabase } from '../../db/database.ts';
import { addCustomers } from './customers.ts';
import {
  alternate,
  costs,
  measure,
  startContestant,
  startFakeStripe,
  startTenure,
  type Contestant,
  type FakeStripe,
  type Laboratory,
  type Measured,
} from './laboratory.ts';
import type { EventPlan } from './payload.ts';
import { compare, median, type Row } from './report.ts';

const CLIENTS = 64;

/** Events fully processed per second with a Stripe that answers at once, against the textbook handler. */
export async function processing(lab: Laboratory): Promise<Row[]> {
  const stripe = await startFakeStripe({ latency: 0, readsPerSecond: null });
  const rows: Row[] = [];
  try {
    const events = Math.ceil(9_000 * lab.effort);
    const cases = [
      { what: 'five events per subscription', subscriptions: Math.ceil(events / 5) },
      { what: 'one event per subscription', subscriptions: events },
    ];
    for (const { what, subscriptions } of cases) {
      const plan = (round: number) => ({
        tag: `p${subscriptions}r${round}`,
        events,
        subscriptions,
      });
      const results = await race(lab, stripe, {
        plan,
        // This Stripe has no limit.
        engine: { readsPerSecond: 100_000 },
        // A process that is not warm would measure the compiler: it goes on for some 15,000 events.
        warmUp: [-1, -2].map(plan),
      });
      rows.push(...rowsOf(lab, results, { what, target: 2 }));
    }
  } finally {
    await stripe.stop();
  }
  return rows;
}

/** The same under Stripe's documented limit, in bursts over 500 subscriptions. */
export async function limited(lab: Laboratory): Promise<Row[]> {
  const stripe = await startFakeStripe({ latency: 50, readsPerSecond: 100 });
  try {
    const events = Math.ceil(5_000 * lab.effort);
    const subscriptions = Math.ceil(500 * lab.effort);
    const results = await race(lab, stripe, {
      plan: (round) => ({ tag: `l${round}`, events, subscriptions }),
      // Where each event is one read, fewer of them take as long in proportion.
      textbookPlan: (round) => ({ tag: `l${round}`, events: events / 5, subscriptions }),
      // As with a live key.
      engine: { readsPerSecond: 80 },
      warmUp: [{ tag: 'warm', events: 200, subscriptions: 100 }],
    });
    const rows = rowsOf(lab, results, {
      what: `bursts over ${subscriptions}, 100 reads/s`,
      target: 5,
    });
    const reads = results.tenure.map(({ reads }) => reads / events);
    rows.push({
      figure: 'limited',
      database: lab.host.dialect,
      what: 'reads of Stripe per event',
      value: median(reads),
      unit: 'reads',
      target: { at: 'most', value: 0.2 },
    });
    return rows.map((row) => ({ ...row, figure: 'limited' }));
  } finally {
    await stripe.stop();
  }
}

type Processed = Measured & { reads: number; refused429: number };

interface Race {
  plan: (round: number) => EventPlan;
  textbookPlan?: (round: number) => EventPlan;
  engine?: { readsPerSecond: number };
  /** What is sent before the first round. */
  warmUp: EventPlan[];
}

async function race(
  lab: Laboratory,
  stripe: FakeStripe,
  { plan, textbookPlan = plan, engine, warmUp }: Race,
): Promise<Record<'textbook' | 'tenure' | 'inline', Processed[]>> {
  const textbook = await startContestant(
    'textbook-server',
    { databaseUrl: await lab.host.create(), stripeUrl: stripe.url },
    'textbook',
  );
  const tenure = await startTenure(lab, stripe, { env: { WEBHOOK_ACK: 'stored' }, engine });
  const inline = await startTenure(lab, stripe, { engine });
  const counted = async (run: () => Promise<Measured>): Promise<Processed> => {
    const before = await stripe.counts();
    const measured = await run();
    const after = await stripe.counts();
    return {
      ...measured,
      reads: after.reads - before.reads,
      refused429: after.refused - before.refused,
    };
  };
  const load = { clients: CLIENTS, retryAfter: 250 };
  const run =
    (contestant: Contestant & { databaseUrl?: string }, make: typeof plan) =>
    async (round: number) => {
      const { databaseUrl } = contestant;
      const finished = databaseUrl ? () => untilProcessed(databaseUrl) : undefined;
      await stripe.populate(make(round));
      if (databaseUrl) await addCustomers(databaseUrl, make(round));
      return counted(() =>
        measure(lab, contestant, { plan: { ...make(round), ...load }, finished }),
      );
    };
  try {
    for (const each of warmUp) {
      for (const contestant of [textbook, tenure, inline]) await run(contestant, () => each)(0);
    }
    return (await alternate(lab.rounds, {
      textbook: run(textbook, textbookPlan),
      tenure: run(tenure, plan),
      inline: run(inline, textbookPlan),
    })) as Record<'textbook' | 'tenure' | 'inline', Processed[]>;
  } finally {
    for (const each of [textbook, tenure, inline]) await each.child.stop();
    await lab.host.clear();
  }
}

/** Waits until no event waits; throws when one came to rest as dead. */
export async function untilProcessed(databaseUrl: string): Promise<void> {
  const database = openDatabase(databaseUrl, { poolSize: 1 });
  try {
    for (;;) {
      const open = await database.knex('webhook_events').where({ status: 'waiting' }).first('id');
      if (!open) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const dead = await database.knex('webhook_events').where({ status: 'dead' }).first('id');
    if (dead) throw new Error('an event came to rest as dead');
  } finally {
    await database.close();
  }
}

function rowsOf(
  lab: Laboratory,
  results: Record<'textbook' | 'tenure' | 'inline', Processed[]>,
  { what, target }: { what: string; target: number },
): Row[] {
  const rate = (all: Processed[]) => all.map(({ perSecond }) => perSecond);
  const textbook = { name: 'textbook', values: rate(results.textbook) };
  const detail = (all: Processed[]) => ({
    ...costs(all, median),
    'Stripe reads': median(all.map(({ reads }) => reads)),
    'answered 429': median(all.map(({ refused429 }) => refused429)),
  });
  const shared = { figure: 'process', database: lab.host.dialect, unit: 'events/s' };
  return [
    {
      ...shared,
      what: `ack stored, ${what}`,
      ...compare(rate(results.tenure), textbook),
      target: { at: 'least', value: target },
      detail: detail(results.tenure),
    },
    {
      ...shared,
      what: `ack processed, ${what}`,
      ...compare(rate(results.inline), textbook),
      detail: detail(results.inline),
    },
    {
      ...shared,
      what: 'the textbook itself',
      value: median(textbook.values),
      detail: detail(results.textbook),
    },
  ];
}
