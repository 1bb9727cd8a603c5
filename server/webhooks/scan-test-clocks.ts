import { readCursor, saveCursor } from '../../db/cursors.ts';
import { scanEvents, type Parts, type ScanOptions } from './scan-events.ts';

/** By the id of each clock that runs behind real time: up to when its events were looked at, by that clock. */
const CLOCKS = 'catch-up-test-clocks';
/** How far back, on its own clock, events of a clock are looked for at first. In seconds. */
const FIRST_LOOK_BACK = 86_400;
/** A clock is behind when it is further behind than a scan by real time looks anyway. In seconds. */
const BEHIND = 60;
const OVERLAP = 60;

/**
 * Events of test clocks carry the clock's time. Those ahead of real time are newer than any position; those behind it need
 * a scan of their own, around where the clock stands; with `since`, as far back as that is. Returns how many had never arrived.
 */
export async function scanTestClocks(
  parts: Parts,
  { now, since }: { now: number; since?: number },
  options: Pick<ScanOptions, 'store' | 'signal' | 'isQuiet'>,
): Promise<number> {
  if (parts.core.config.stripe.live) return 0;
  const clocks = await parts.reader.read((stripe) => stripe.listTestClocks());
  const behind = clocks.filter((clock) => clock.frozen_time < now - BEHIND);
  const db = parts.core.database.knex;
  const known = JSON.parse((await readCursor(db, CLOCKS)) || '{}') as Record<string, number>;
  const looked: Record<string, number> = {};
  let found = 0;
  for (const { id, frozen_time: at } of behind) {
    const back = since === undefined ? FIRST_LOOK_BACK : now - since;
    const begin = since === undefined ? (known[id] ?? at - back) : at - back;

    const scan = {
      from: Math.max(0, Math.floor(begin) - OVERLAP),
      until: at + OVERLAP,
      after: null,
    };
    found += (await scanEvents(parts, scan, { ...options, onItsWay: 0 })).found;
    looked[id] = at;
  }
  if (since !== undefined) return found;
  const next = JSON.stringify(looked);
  if (next !== JSON.stringify(known)) await saveCursor(db, CLOCKS, next);
  return found;
}
