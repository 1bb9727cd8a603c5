import type { Db } from '../db/database.ts';
import { eventStatuses, type EventSummary } from '../db/webhook-events.ts';

/** Where one event stands; null when it is not stored. */
export type EventWatch = (id: string) => Promise<EventSummary | null>;

/**
 * Answers everybody who asks in the same moment with one query: the deliveries that wait for one customer are
 * all woken together, and each looks whether its event is done.
 */
export function createEventWatch(db: Db): EventWatch {
  let asked = new Set<string>();
  let answer: Promise<Map<string, EventSummary>> | null = null;

  async function look(): Promise<Map<string, EventSummary>> {
    await new Promise((resolve) => setImmediate(resolve));
    const ids = [...asked];
    [asked, answer] = [new Set(), null];
    return eventStatuses(db, ids);
  }

  return async (id) => {
    asked.add(id);
    answer ??= look();
    return (await answer).get(id) ?? null;
  };
}
