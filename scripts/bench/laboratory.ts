import type { Child, Usage } from './child-process.ts';
import { startChild } from './child-process.ts';
import type { DatabaseHost } from './databases.ts';
import type { FakeStripeCounts, FakeStripeSettings } from './fake-stripe.ts';
import type { LoadPlan, LoadResult } from './load-generator.ts';
import type { EventPlan } from './payload.ts';
import type { TenureSettings } from './tenure-server.ts';

/** What every figure is given. */
export interface Laboratory {
  host: DatabaseHost;
  rounds: number;
  /** Scales the amount of work: 1 for a real measurement, less for a look. */
  effort: number;
  /** Subscriptions of the figure `scale`. */
  size: number;
  load: Child;
  note(text: string): void;
}

/** A server under load, with the address for its events. */
export interface Contestant {
  name: string;
  url: string;
  child: Child;
}

/** A Stripe of the benchmark. */
export interface FakeStripe {
  url: string;
  counts(): Promise<FakeStripeCounts>;
  /** Puts the subscriptions of a plan into its lists. */
  populate(plan: EventPlan): Promise<void>;
  stop(): Promise<void>;
}

export async function startFakeStripe(settings: FakeStripeSettings): Promise<FakeStripe> {
  const child = await startChild('fake-stripe', settings);
  return {
    url: await child.ask<string>('address'),
    counts: () => child.ask<FakeStripeCounts>('counts'),
    populate: ({ tag, subscriptions }) => child.ask<void>('populate', { tag, subscriptions }),
    stop: () => child.stop(),
  };
}

export async function startContestant(
  program: 'floor-server' | 'textbook-server' | 'tenure-server',
  settings: object,
  name: string,
): Promise<Contestant> {
  const child = await startChild(program, settings);
  return { name, child, url: await child.ask<string>('address') };
}

/** The product on a new database. */
export async function startTenure(
  lab: Laboratory,
  stripe: FakeStripe,
  settings: Omit<TenureSettings, 'databaseUrl' | 'stripeUrl'> & { databaseUrl?: string } = {},
): Promise<Contestant & { databaseUrl: string }> {
  const databaseUrl = settings.databaseUrl ?? (await lab.host.create());
  const all = { ...settings, databaseUrl, stripeUrl: stripe.url };
  return { ...(await startContestant('tenure-server', all, 'tenure')), databaseUrl };
}

/** What one server did and cost under one load. */
export interface Measured extends LoadResult {
  perSecond: number;
  /** µs of the server's CPU per event; the database's own is not in it. */
  cpu: number;
  statements: number;
  /** Bytes to disk per event: write-ahead log on PostgreSQL, all writes of the process on SQLite. */
  written: number;
}

/** Sends a load to one server and counts what that cost, until `finished` (default: the last answer). */
export async function measure(
  lab: Laboratory,
  contestant: Contestant,
  work: { plan: Omit<LoadPlan, 'urls'>; urls?: string[]; finished?: () => Promise<unknown> },
): Promise<Measured> {
  const { child, url } = contestant;
  const { plan, finished } = work;
  await lab.host.calm();
  const before = await usageOf(lab, child);
  const result = await lab.load.ask<LoadResult>('run', { ...plan, urls: work.urls ?? [url] });
  const waited = performance.now();
  await finished?.();
  // Making the requests takes time before the first is sent; that is not the server's.
  const rest = finished ? (performance.now() - waited) / 1000 : 0;
  const seconds = result.seconds + rest;
  const after = await usageOf(lab, child);
  if (result.accepted !== plan.events) {
    lab.note(`${contestant.name}: ${JSON.stringify(result.refused)} of ${plan.events} refused`);
  }
  const each = (name: 'cpu' | 'statements' | 'written') =>
    (after[name] - before[name]) / plan.events;
  return {
    ...result,
    seconds,
    perSecond: result.accepted / seconds,
    cpu: each('cpu'),
    statements: each('statements'),
    written: each('written'),
  };
}

async function usageOf(lab: Laboratory, child: Child): Promise<Usage> {
  const usage = await child.usage();
  if (lab.host.dialect === 'sqlite') return usage;
  return { ...usage, written: await lab.host.bytesWritten() };
}

/** Runs each contestant once a round, in turn and starting with another each time. */
export async function alternate<Name extends string>(
  rounds: number,
  contestants: Record<Name, (round: number) => Promise<Measured>>,
): Promise<Record<Name, Measured[]>> {
  const names = Object.keys(contestants) as Name[];
  const results = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<
    Name,
    Measured[]
  >;
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(round + turn) % names.length];
      if (name) results[name].push(await contestants[name](round));
    }
  }
  return results;
}

/** Costs per event for the report. */
export function costs(measured: readonly Measured[], middle: (v: number[]) => number) {
  const of = (name: 'cpu' | 'statements' | 'written' | 'p99') =>
    middle(measured.map((each) => each[name]));
  return {
    'CPU µs/event': Math.round(of('cpu')),
    'statements/event': of('statements'),
    'bytes/event': Math.round(of('written')),
    'p99 ms': of('p99'),
  };
}
