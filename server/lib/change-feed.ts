import type { Database } from '../../db/database.ts';
import { listen, notify, type Listener } from '../../db/notifications.ts';
import type { Logger } from './log.ts';

const CHANGED = 'tenure_changed';
const WORK = 'tenure_work';
/** How often the others are told of work at most, in ms: while it pours in they look by themselves. */
const WORK_EVERY = 100;

/** A subscription whose row or history changed. */
export interface Change {
  subscriptionId: string;
  userId: string | null;
}

/** Tells this process and the others what changed and that work arrived. */
export interface ChangeFeed {
  /** Calls back for changes made by any process; an empty list means "some were missed: forget all". */
  subscribe: (listener: (changes: Change[]) => void) => () => void;
  /** Calls back when another process stored work that is due. */
  onWork(listener: () => void): void;
  /** Announces changes after their commit. */
  announce(changes: Change[]): void;
  /** Announces that work was stored. */
  announceWork(): void;
  start(): void;
  close(): Promise<void>;
}

/**
 * Postgres carries the news by NOTIFY. It is sent outside of the transaction that changed something and for many
 * changes at once: NOTIFY makes committing transactions wait for each other.
 */
export function createChangeFeed(database: Database, log: Logger): ChangeFeed {
  const listeners = new Set<(changes: Change[]) => void>();
  const workListeners: (() => void)[] = [];
  const origin = Math.random().toString(36).slice(2);
  let listener: Listener | null = null;
  let pending: Change[] = [];
  let pendingWork = false;
  let sending: Promise<void> | null = null;
  let workTold = 0;
  let closed = false;

  const tell = (changes: Change[]) => {
    for (const each of listeners) each(changes);
  };

  async function send(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const changes = pending;
    const work = pendingWork && performance.now() - workTold >= WORK_EVERY;
    [pending, sending] = [[], null];
    if (work) [pendingWork, workTold] = [false, performance.now()];
    else if (pendingWork) later();
    try {
      if (work) await notify(database.knex, WORK, origin);
      if (changes.length > 0) {
        await notify(database.knex, CHANGED, JSON.stringify([origin, ...changes]));
      }
    } catch (error) {
      // The others poll as well, so this costs them a second and nothing else.
      log.warn({ err: error }, 'could not notify the other processes');
    }
  }

  const heard = (channel: string, payload: string) => {
    if (channel === WORK) {
      if (payload !== origin) for (const each of workListeners) each();
      return;
    }
    const [sender, ...changes] = (payload ? JSON.parse(payload) : ['']) as [string, ...Change[]];
    if (sender !== origin) tell(changes);
  };

  const later = () => {
    if (database.dialect === 'postgres' && !closed) sending ??= send();
  };

  return {
    subscribe(each) {
      listeners.add(each);
      return () => listeners.delete(each);
    },
    onWork: (each) => void workListeners.push(each),
    announce(changes) {
      if (changes.length === 0) return;
      tell(changes);
      pending.push(...changes);
      later();
    },
    announceWork() {
      pendingWork = true;
      later();
    },
    start() {
      listener ??= listen(database, [CHANGED, WORK], {
        heard,
        onGap: () => {
          tell([]);
          for (const each of workListeners) each();
        },
      });
    },
    async close() {
      closed = true;
      await sending;
      await listener?.close();
      listener = null;
    },
  };
}
