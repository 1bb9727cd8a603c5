import { transitionsAfter } from '../../../db/dashboard-transitions.ts';
import type { TransitionRow } from '../../../db/transitions.ts';
import type { Services } from '../../lib/services.ts';
import { liveStats } from './stats.ts';
import { TransitionTail } from './transition-tail.ts';

const POLL_MS = 1_000;
const SOON_MS = 40;
const STATS_EVERY_MS = 500;
const PING_EVERY_MS = 15_000;
/** A reader that has fallen behind by more is told to come again. */
const MAX_BACKLOG = 2_000;

interface Reader {
  send: (text: string) => void;
  end: () => void;
}

/** Tells open pages what happens. One per process, working only while a page listens. */
class LiveHub {
  readonly #services: Services;
  readonly #readers = new Set<Reader>();
  readonly #tail: TransitionTail;
  #timer: NodeJS.Timeout | undefined;
  #unsubscribe: (() => void) | null = null;
  #running: Promise<void> | null = null;
  #again = false;
  #lastStats = { text: '', at: 0 };
  #lastPing = 0;
  #closed = false;

  constructor(services: Services) {
    this.#services = services;
    this.#tail = new TransitionTail(services.database.knex);
  }

  /** A stream of server-sent events; with `after` it begins behind that line of the history. */
  stream(after: number | null): ReadableStream<Uint8Array> {
    const encoder = new TextEncoder();
    let reader: Reader | null = null;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        const own: Reader = {
          send: (text) => {
            if ((controller.desiredSize ?? 0) < -MAX_BACKLOG) own.end();
            else controller.enqueue(encoder.encode(text));
          },
          end: () => {
            if (this.#leave(own)) controller.close();
          },
        };
        reader = own;
        this.#readers.add(own);
        own.send('retry: 2000\n\n');
        void this.#welcome(own, after);
      },
      cancel: () => {
        if (reader) this.#leave(reader);
      },
    });
  }

  /** Ends all streams, so that a server can stop; afterwards the database is left alone. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const reader of this.#readers) reader.end();
    await this.#running;
  }

  readonly #behind = new Map<Reader, number>();

  async #welcome(reader: Reader, after: number | null): Promise<void> {
    if (this.#closed) {
      reader.end();
      return;
    }
    if (after !== null) this.#behind.set(reader, after);
    this.#start();
    this.#lastStats = { text: '', at: 0 };
    await this.#run();
  }

  #start(): void {
    this.#unsubscribe ??= this.#services.engine.onChange(() => void this.#run());
    this.#timer ??= setTimeout(() => void this.#run(), POLL_MS);
  }

  #leave(reader: Reader): boolean {
    this.#behind.delete(reader);
    const was = this.#readers.delete(reader);
    if (this.#readers.size === 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#unsubscribe?.();
      this.#unsubscribe = null;
    }
    return was;
  }

  /** One round at a time; a wish for another during a round is granted once after it. */
  #run(): Promise<void> {
    if (this.#running) {
      this.#again = true;
      return this.#running;
    }
    this.#running = this.#round().finally(() => {
      this.#running = null;
      if (this.#readers.size === 0) return;
      clearTimeout(this.#timer);
      const soon = this.#again || this.#tail.isWaiting;
      this.#again = false;
      this.#timer = setTimeout(() => void this.#run(), soon ? SOON_MS : POLL_MS);
      this.#timer.unref();
    });
    return this.#running;
  }

  async #round(): Promise<void> {
    try {
      await this.#catchUp();
      const lines = await this.#tail.read();
      for (const line of lines) if (isTold(line)) this.#broadcast(message(line));
      await this.#sendStats(lines.length > 0);
    } catch (error) {
      this.#services.log.warn({ err: error }, 'the live view could not be refreshed');
    }
  }

  /** Readers that come back get what they missed, up to where the tail is; only then the new lines. */
  async #catchUp(): Promise<void> {
    const position = this.#tail.position;
    if (position === null) return;
    for (const [reader, after] of this.#behind) {
      this.#behind.delete(reader);
      if (position - after > MAX_BACKLOG) {
        reader.send('event: reset\ndata: {}\n\n');
        continue;
      }
      const missed = await transitionsAfter(this.#services.database.knex, after, MAX_BACKLOG);
      for (const line of missed) {
        if (line.id <= position && isTold(line)) reader.send(message(line));
      }
    }
  }

  async #sendStats(changed: boolean): Promise<void> {
    const now = Date.now();
    const due = now - this.#lastStats.at;
    if (due >= STATS_EVERY_MS || (changed && due >= STATS_EVERY_MS / 2)) {
      const text = `event: stats\ndata: ${JSON.stringify(await liveStats(this.#services))}\n\n`;
      if (text !== this.#lastStats.text) this.#broadcast(text);
      this.#lastStats = { text, at: now };
    } else if (changed) {
      this.#again = true;
    }
    if (now - this.#lastPing >= PING_EVERY_MS) {
      this.#broadcast(': still here\n\n');
      this.#lastPing = now;
    }
  }

  #broadcast(text: string): void {
    // A reader that is still behind gets its lines in order from catching up, never around it.
    for (const reader of this.#readers) if (!this.#behind.has(reader)) reader.send(text);
  }
}

/** A line that was disproved before it was read is told no one. */
const isTold = ({ evidence }: TransitionRow) => evidence !== 'disproved';

function message(line: TransitionRow): string {
  const { id, subscriptionId, from, to, event, unexpected } = line;
  const data = { id, subscriptionId, from, to, event, unexpected, at: line.occurredAt };
  return `id: ${id}\nevent: transition\ndata: ${JSON.stringify(data)}\n\n`;
}

const hubs = new WeakMap<Services, LiveHub>();

/** The live view of a server. */
export function liveHub(services: Services): LiveHub {
  const known = hubs.get(services);
  if (known) return known;
  const hub = new LiveHub(services);
  hubs.set(services, hub);
  return hub;
}
