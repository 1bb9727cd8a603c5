import type { SubscriptionView } from '../../server/billing/subscription-view.ts';
import type { Expectation } from '../scenarios/scenario.ts';

/** A line of the history, as the dashboard's API gives it. */
export interface HistoryLine {
  event: string;
  from: string;
  to: string;
  at: string;
  cause: { id: string };
  unexpected: boolean;
}

/** What is true at one moment. */
export interface Sight {
  subscription: SubscriptionView | null;
  /** Lines that the present step added. */
  fresh: HistoryLine[];
  invoice: { status: string; total: number } | null;
  /** How often the event that is looked for was forwarded and answered 2xx. */
  deliveries: number;
  /** The whole history in words, for when something is wrong. */
  history: string[];
}

/** In what a sight is not as expected, e.g. `state active instead of past_due`; empty when it is. */
export function differences(expected: Expectation, sight: Sight): string[] {
  const { subscription, fresh, invoice } = sight;
  const pairs: [name: string, seen: unknown, wanted: unknown][] = [
    ['state', subscription?.state ?? 'none', expected.state],
    ['access', subscription?.access.level ?? 'none', expected.access],
    ['plan', subscription?.plan, expected.plan],
    ['interval', subscription?.interval, expected.interval],
    ['pending plan', subscription?.pendingChange?.plan ?? null, expected.pending],
    ['invoice', invoice?.status ?? 'none', expected.invoice?.status],
    ['deliveries', sight.deliveries, expected.deliveries?.times],
    ['invoice total', invoice?.total ?? 0, expected.invoice?.total],
  ];
  const missing = (expected.history ?? []).filter(
    (event) => !fresh.some((line) => line.event === event),
  );
  return [
    ...pairs
      .filter(([, seen, wanted]) => wanted !== undefined && seen !== wanted)
      .map(([name, seen, wanted]) => `${name} ${String(seen)} instead of ${String(wanted)}`),
    ...(expected.quiet ? fresh.map(({ event }) => `${event} is new in the history`) : []),
    ...missing.map((event) => `no ${event} in the history`),
    ...fresh
      .filter(({ unexpected }) => unexpected)
      .map(({ event }) => `${event} was unexpected to the machine`),
  ];
}
