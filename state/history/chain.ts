/**
 * Puts links into the order in which they came to be: where they fit, a chain in which each begins where the one
 * before ended, and by `created` where several orders fit. `created` counts whole seconds, and Stripe makes the events
 * of one moment on several machines, so it decides alone only where times are further apart.
 */
import {
  gapBefore,
  gapBetween,
  isNewSchedule,
  type Link,
  type Point,
  type Tracker,
} from './links.ts';

/** Times closer than this do not tell an order where the chain does. */
const CLOSE = 10_000;

/** Steps of the search for an order of one cluster before a good one is taken for the best. */
const MAX_STEPS = 4_000;

export interface Ends {
  start: Tracker;
  /** What Stripe says now; null when it was not asked. */
  end: Point | null;
}

/** The links, ordered. */
export function orderLinks(links: readonly Link[], { start, end }: Ends): Link[] {
  const clusters = clustersOf(links);
  const ordered: Link[] = [];
  let tracker = start;
  for (const [i, cluster] of clusters.entries()) {
    const next = clusters[i + 1];
    const order = cluster.length === 1 ? cluster : bestOrder(cluster, tracker, next ?? end);
    for (const link of order) tracker = tracker.follow(link);
    ordered.push(...order);
  }
  return ordered;
}

/**
 * The creation first, the end last, the rest by time; of one second what a schedule has in store (it is made in one go with
 * the schedule), then those that were told first.
 */
function compareLinks(a: Link, b: Link): number {
  return (
    rankOf(a) - rankOf(b) ||
    a.at - b.at ||
    Number(isNewSchedule(b)) - Number(isNewSchedule(a)) ||
    Number(b.kind === 'schedule') - Number(a.kind === 'schedule') ||
    (a.told ?? Infinity) - (b.told ?? Infinity) ||
    (a.id < b.id ? -1 : Number(a.id > b.id))
  );
}

function rankOf(link: Link): number {
  if (link.kind === 'created') return 0;
  if (link.kind === 'deleted') return 2;
  return 1;
}

function clustersOf(links: readonly Link[]): Link[][] {
  const clusters: Link[][] = [];
  let last: Link | null = null;
  for (const link of [...links].sort(compareLinks)) {
    const isClose = last !== null && rankOf(last) === rankOf(link) && link.at - last.at <= CLOSE;
    if (isClose) clusters.at(-1)?.push(link);
    else clusters.push([link]);
    last = link;
  }
  return clusters;
}

type Following = Link[] | Point | null;

/** The order with the fewest gaps; among equals the one that keeps most to the times. */
function bestOrder(cluster: Link[], start: Tracker, next: Following): Link[] {
  for (const limit of [0, 1, 2, 4, 5, 8, 12]) {
    const search = new Search(next, limit);
    const found = search.from(start, cluster, 0);
    if (found !== null) return found;
    if (search.isTired) break;
  }
  return greedyOrder(cluster, start);
}

class Search {
  private readonly next: Following;
  private readonly limit: number;
  private steps = 0;

  constructor(next: Following, limit: number) {
    this.next = next;
    this.limit = limit;
  }

  get isTired(): boolean {
    return this.steps >= MAX_STEPS;
  }

  /** The rest in an order with gaps of at most `limit` altogether, or null. */
  from(tracker: Tracker, rest: Link[], gaps: number): Link[] | null {
    if (gaps > this.limit || this.isTired) return null;
    if (rest.length === 0) return gaps + gapTo(tracker, this.next) > this.limit ? null : [];
    this.steps += 1;
    const tried = new Set<string>();
    for (const [i, link] of candidates(rest)) {
      const gap = gapBefore(tracker, link);
      // Of links that are alike in both ends one is as good as another.
      const name = nameOf(link);
      if (gaps + gap > this.limit || tried.has(name)) continue;
      tried.add(name);
      const found = this.from(tracker.follow(link), without(rest, i), gaps + gap);
      if (found !== null) return [link, ...found];
    }
    return null;
  }
}

function nameOf(link: Link): string {
  if (link.kind === 'line' || link.kind === 'schedule') return link.id;
  return `${link.kind} ${link.beforePrint} ${link.afterPrint}`;
}

function gapTo(tracker: Tracker, next: Following): number {
  if (next === null) return 0;
  if (!Array.isArray(next)) return gapBetween(tracker.point, next);
  return Math.min(...next.map((link) => gapBefore(tracker, link)));
}

function greedyOrder(cluster: Link[], start: Tracker): Link[] {
  const ordered: Link[] = [];
  let [tracker, rest] = [start, cluster];
  while (rest.length > 0) {
    const choices = candidates(rest).map(([i, link]) => ({
      i,
      link,
      gap: gapBefore(tracker, link),
    }));
    const best = choices.reduce((a, b) => (b.gap < a.gap ? b : a));
    ordered.push(best.link);
    tracker = tracker.follow(best.link);
    rest = without(rest, best.i);
  }
  return ordered;
}

/** Those that may come next: no further from the earliest than times can err. */
function candidates(rest: readonly Link[]): [number, Link][] {
  const earliest = rest[0]?.at ?? 0;
  return [...rest.entries()].filter(([, link]) => link.at <= earliest + CLOSE);
}

const without = (list: readonly Link[], index: number) => list.filter((_, i) => i !== index);
