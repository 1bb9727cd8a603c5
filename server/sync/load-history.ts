import { findCommands } from '../../db/commands.ts';
import type { Db } from '../../db/database.ts';
import { pastEventsOf, type PastEvents } from '../../db/past-events.ts';
import type { TransitionRow } from '../../db/transitions.ts';
import { inOrder } from '../../db/transitions.ts';
import { readEvent, type EventFacts } from '../../state/event-facts.ts';
import { commandIn, type Commands } from '../../state/history/actor.ts';
import type { HistoryLine } from '../../state/history/lines.ts';
import { needsPast, type HistoryInput } from '../../state/history/reconstruct.ts';

/** Most events of one subscription that its history is told from again. */
const MAX_EVENTS = 400;

/** What telling a history needs beside what is loaded for every decision. */
export interface HistoryPast {
  /** Events processed before; absent where those that wait go on where the history ends. */
  past?: EventFacts[];
  /** Earlier events than these were not looked at. */
  pastSince?: number;
  commands: Commands;
}

/** Recorded lines as `state/` knows them. */
export function historyLines(rows: readonly TransitionRow[]): {
  history: HistoryLine[];
  takenNumbers: number[];
} {
  const ordered = inOrder(rows);
  const isWrong = (row: TransitionRow) => row.evidence === 'disproved';
  return {
    history: ordered
      .filter((row) => !isWrong(row))
      .map(({ occurredAt: at, cause, evidence, ...line }) => ({
        ...line,
        at,
        causeId: cause.id,
        guess: evidence === 'read',
      })),
    takenNumbers: ordered.filter(isWrong).map(({ number }) => number ?? 0),
  };
}

/** Loads the past of those subscriptions whose waiting events do not just go on, and the commands that events name. */
export async function loadHistoryPast(
  db: Db,
  inputs: ReadonlyMap<string, HistoryInput>,
): Promise<Map<string, HistoryPast>> {
  const wanting = [...inputs].filter(([, input]) => needsPast(input)).map(([id]) => id);
  const found = await pastEventsOf(db, wanting, MAX_EVENTS);
  const pasts = new Map([...found].map(([id, events]) => [id, readPast(events)]));
  const keys = [...inputs].flatMap(([id, { events }]) =>
    [...events, ...(pasts.get(id)?.past ?? [])].map((event) => commandIn(event.idempotencyKey)),
  );
  const ids = [...new Set(keys.flatMap((key) => key ?? []))];
  const rows = ids.length > 0 ? await findCommands(db, ids) : [];
  const commands: Commands = new Map(
    rows.map(({ id, actor: name, account, requestId }) => [id, { name, account, requestId }]),
  );
  return new Map([...inputs.keys()].map((id) => [id, { ...pasts.get(id), commands }]));
}

function readPast({ payloads, complete }: PastEvents): { past: EventFacts[]; pastSince?: number } {
  const past = payloads.flatMap((payload) => {
    try {
      return readEvent(JSON.parse(payload));
    } catch {
      // One that cannot be read any more is told by its line.
      return [];
    }
  });
  const oldest = past.at(-1);
  return complete || !oldest ? { past } : { past, pastSince: oldest.createdAt };
}
