import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordTransitions } from '../../db/transitions.ts';
import { TransitionTail } from '../../server/admin/pages/transition-tail.ts';
import { createTestDatabase, type TestDatabase } from '../support/databases.ts';
import { aLine, unique } from '../support/factories.ts';
import { startTestServer, until, type TestServer } from '../support/server.ts';
import { TEST_ADMIN_TOKEN } from '../support/tokens.ts';

async function addLine(
  db: Knex | Knex.Transaction,
  to: 'active' | 'past_due' = 'active',
): Promise<number> {
  const id = `sub_${unique()}`;
  const [row] = await recordTransitions(db, [
    { ...aLine({ to }), subscriptionId: id, customerId: `cus_of_${id}` },
  ]);
  return row?.id ?? 0;
}

describe('The tail of the history on postgres', () => {
  let database: TestDatabase;
  let tail: TransitionTail;

  beforeAll(async () => {
    database = await createTestDatabase('postgres');
    tail = new TransitionTail(database.knex);
    while (tail.position === null) await tail.read();
  }, 60_000);
  afterAll(() => database.drop());

  async function readUntilQuiet(): Promise<number[]> {
    const ids: number[] = [];
    for (let quiet = 0; quiet < 5;) {
      const rows = await tail.read();
      quiet = rows.length === 0 ? quiet + 1 : 0;
      ids.push(...rows.map((row) => row.id));
    }
    return ids;
  }

  /** Other databases of the same Postgres may hold the horizon back for a moment. */
  async function readUntil(count: number): Promise<number[]> {
    const ids: number[] = [];
    await until(async () => {
      ids.push(...(await tail.read()).map((row) => row.id));
      return ids.length >= count;
    });
    return [...ids, ...(await readUntilQuiet())];
  }

  it('waits for a smaller id that commits later, and skips none', async () => {
    const slow = await database.knex.transaction();
    const early = await addLine(slow);
    const late = await addLine(database.knex);
    expect(late).toBeGreaterThan(early);
    expect(await readUntilQuiet()).toEqual([]);
    await slow.commit();
    expect(await readUntil(2)).toEqual([early, late]);
  });

  it('goes on past an id that was rolled back', async () => {
    const doomed = await database.knex.transaction();
    await addLine(doomed);
    const kept = await addLine(database.knex);
    expect(await readUntilQuiet()).toEqual([]);
    await doomed.rollback();
    expect(await readUntil(1)).toEqual([kept]);
  });

  it('reads each line once while many commit in any order', async () => {
    const read: number[] = [];
    const writing = { goesOn: true };
    const reader = (async () => {
      while (writing.goesOn) read.push(...(await tail.read()).map((row) => row.id));
    })();
    const written = await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const trx = await database.knex.transaction();
        const id = await addLine(trx);
        await sleep((index * 7) % 25);
        if (index % 5 === 0) {
          await trx.rollback();
          return null;
        }
        await trx.commit();
        return id;
      }),
    );
    writing.goesOn = false;
    await reader;
    const committed = written.filter((id) => id !== null).sort((a, b) => a - b);
    read.push(...(await readUntil(committed.length - read.length)));
    expect(read).toEqual(committed);
  });
});

describe('The stream', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ database: 'sqlite' });
  }, 60_000);
  afterAll(() => server.close());

  /** Opens the stream and collects the ids of its lines until `stop` is called. */
  function listen(headers: Record<string, string> = {}): {
    ids: number[];
    text: () => string;
    stop: () => Promise<void>;
  } {
    const abort = new AbortController();
    const ids: number[] = [];
    let all = '';
    const reading = (async () => {
      const response = await fetch(`${server.url}/admin/api/stream`, {
        signal: abort.signal,
        headers: { authorization: `Bearer ${TEST_ADMIN_TOKEN}`, ...headers },
      });
      const decoder = new TextDecoder();
      for await (const chunk of response.body ?? []) {
        const text = decoder.decode(chunk, { stream: true });
        all += text;
        ids.push(...[...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1])));
      }
    })().catch(() => undefined);
    return {
      ids,
      text: () => all,
      stop: async () => {
        abort.abort();
        await reading;
      },
    };
  }

  it('sends stats at once and lines as they are recorded, and resumes behind Last-Event-ID', async () => {
    const first = listen();
    await until(async () => first.text().includes('event: stats'));
    await sleep(50);
    const a = await addLine(server.database.knex);
    const b = await addLine(server.database.knex);
    await until(async () => first.ids.length === 2);
    expect(first.ids).toEqual([a, b]);
    await first.stop();

    const c = await addLine(server.database.knex);
    const second = listen({ 'last-event-id': String(a) });
    await until(async () => second.ids.length === 2);
    const d = await addLine(server.database.knex);
    await until(async () => second.ids.length === 3);
    expect(second.ids).toEqual([b, c, d]);
    await second.stop();
  }, 30_000);

  it('does not keep a server from stopping', async () => {
    const other = await startTestServer({ database: 'sqlite', emulator: server.emulator });
    const response = await fetch(`${other.url}/admin/api/stream`, {
      headers: { authorization: `Bearer ${TEST_ADMIN_TOKEN}` },
    });
    const started = Date.now();
    await Promise.all([response.text().catch(() => 'cut off'), other.close()]);
    expect(Date.now() - started).toBeLessThan(5_000);
  }, 60_000);
});
