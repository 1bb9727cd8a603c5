import { requeueEffects } from '../../db/effect-outcomes.ts';
import { listEffects } from '../../db/outbox.ts';
import {
  eventStatus,
  knownEventIds,
  listEvents,
  requeueEvents,
  type NewEvent,
} from '../../db/webhook-events.ts';
import { isGatewayError } from '../../adapters/stripe-gateway.ts';
import { catchUp } from './catch-up.ts';
import { toNewEvent } from './parse-event.ts';
import { sleep } from '../lib/limit.ts';
import type { Services } from '../lib/services.ts';
import { retryThroughOutages } from '../lib/retry.ts';

const PAGE = 200;

/** Which events to process again. */
export interface ReplayRequest {
  ids?: string[];
  /** All that failed or are dead, and dead effects. */
  failed?: boolean;
  /** All received since then (ms), and those that Stripe has and that never arrived. */
  since?: number;
  /** Sends mails and webhooks that follow from fetched events; else they are noted only. */
  notify?: boolean;
}

export interface ReplayResult {
  /** Stored events that wait to be processed again. */
  requeued: string[];
  /** Fetched from Stripe because they had never arrived; they wait as well. */
  fetched: string[];
  /** Neither here nor at Stripe. */
  notFound: string[];
  /** Dead effects that are tried again. */
  effects: number;
}

/** Makes events wait again and fetches those that never arrived; the engine's workers do the rest. */
export async function replayEvents(
  services: Services,
  request: ReplayRequest,
): Promise<ReplayResult> {
  const result: ReplayResult = { requeued: [], fetched: [], notFound: [], effects: 0 };
  if (request.ids) await replayIds(services, request, result);
  if (request.failed) await replayFailed(services, result);
  if (request.since !== undefined)
    await replaySince(services, { ...request, since: request.since }, result);
  services.engine.wake();
  return result;
}

async function replayIds(
  services: Services,
  { ids = [], notify = false }: ReplayRequest,
  result: ReplayResult,
): Promise<void> {
  const { knex: db, clock } = services.database;
  const known = await knownEventIds(db, ids);
  await requeueEvents(db, [...known], clock.now());
  result.requeued.push(...known);
  for (const id of ids.filter((each) => !known.has(each))) {
    try {
      const event = await retryThroughOutages(() =>
        services.engine.reader.read((stripe) => stripe.retrieveEvent(id)),
      );
      const { live } = services.config.stripe;
      const received = { source: 'replay' as const, receivedAt: clock.now() };
      const context = { live, isQuiet: !notify, ...received };
      await services.engine.store([toNewEvent(JSON.stringify(event), context)]);
      result.fetched.push(id);
    } catch (error) {
      if (!isGatewayError(error, 'not_found')) throw error;
      result.notFound.push(id);
    }
  }
}

async function replayFailed(services: Services, result: ReplayResult): Promise<void> {
  const { knex: db, clock } = services.database;
  for (const status of ['dead', 'waiting'] as const) {
    await eachEvent(services, { status, failed: true }, async (ids) => {
      await requeueEvents(db, ids, clock.now());
      result.requeued.push(...ids);
    });
  }
  for (;;) {
    const dead = await listEffects(db, { status: 'dead', limit: PAGE });
    if (dead.length === 0) return;
    const ids = dead.map((effect) => effect.id);
    result.effects += await requeueEffects(db, ids, clock.now());
  }
}

async function replaySince(
  services: Services,
  { since, notify = false }: { since: number; notify?: boolean },
  result: ReplayResult,
): Promise<void> {
  const store = (events: NewEvent[]) => {
    result.fetched.push(...events.map((event) => event.id));
    return services.engine.store(events);
  };
  const parts = { core: services, reader: services.engine.reader };
  const timeoutMs = 10 * 60_000;
  await catchUp(parts, store, {
    since: Math.floor(since / 1000),
    timeoutMs,
    isQuiet: !notify,
  });
  await eachEvent(services, { since }, async (ids) => {
    const { knex, clock } = services.database;
    await requeueEvents(knex, ids, clock.now());
    result.requeued.push(...ids);
  });
}

async function eachEvent(
  services: Services,
  query: { status?: 'dead' | 'waiting'; failed?: boolean; since?: number },
  act: (ids: string[]) => Promise<void>,
): Promise<void> {
  let after: { receivedAt: number; id: string } | undefined;
  do {
    const page = await listEvents(services.database.knex, { ...query, limit: PAGE, after });
    if (page.length > 0) await act(page.map((event) => event.id));
    after = page.length === PAGE ? page.at(-1) : undefined;
  } while (after);
}

/** What became of replayed events, once each was tried or `timeoutMs` ms have passed. */
export async function awaitReplay(
  services: Services,
  ids: string[],
  timeoutMs: number,
): Promise<{ done: string[]; failed: { id: string; error: string }[] }> {
  const deadline = Date.now() + timeoutMs;
  const done: string[] = [];
  const failed: { id: string; error: string }[] = [];
  for (const id of ids) {
    for (;;) {
      const status = await eventStatus(services.database.knex, id);
      if (!status || status.status === 'done' || status.status === 'ignored') {
        done.push(id);
        break;
      }
      if (status.lastError !== null || Date.now() > deadline) {
        failed.push({ id, error: status.lastError ?? 'still waiting' });
        break;
      }
      await sleep(50);
    }
  }
  return { done, failed };
}
