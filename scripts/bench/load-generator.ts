/** The load generator: a process of its own, so that it takes no time from the server it measures. */
import { setTimeout as sleep } from 'node:timers/promises';
import { answerAsChild } from './child-main.ts';
import { openClient, type LoadClient } from './load-client.ts';
import { deliveries, type EventPlan } from './payload.ts';

export interface LoadPlan extends EventPlan {
  /** Where the events go; several processes get them in turn. */
  urls: string[];
  clients: number;
  /** Deliver again what was not answered 2xx, as Stripe does, after so many ms. */
  retryAfter?: number;
  /** Send at this rate per second whatever the answers; else as fast as they come. */
  rate?: number;
}

export interface LoadResult {
  /** From the first byte sent to the last answer. */
  seconds: number;
  accepted: number;
  /** Answers other than 2xx, by status. */
  refused: Record<string, number>;
  /** ms from when a request was due to its answer. */
  p50: number;
  p99: number;
}

answerAsChild({
  start: () => Promise.resolve(),
  stop: () => Promise.resolve(),
  run: (plan: LoadPlan) => run(plan),
});

async function run(plan: LoadPlan): Promise<LoadResult> {
  const urls = plan.urls.map((url) => new URL(url));
  const [first] = urls;
  if (!first) throw new Error('no address to send to');
  const requests = deliveries(plan, { host: first.host, path: first.pathname });
  const clients = await Promise.all(
    Array.from({ length: plan.clients }, (_, i) => openClient(urls[i % urls.length] ?? first)),
  );
  const record = createRecord();
  const started = performance.now();
  const send = async (client: LoadClient, request: Buffer, due: number): Promise<void> => {
    for (;;) {
      const status = await client.send(request);
      if (status < 300) {
        record.accept(performance.now() - due);
        return;
      }
      record.refuse(status);
      if (plan.retryAfter === undefined) return;
      await sleep(plan.retryAfter);
    }
  };
  await (plan.rate === undefined
    ? closedLoop(clients, requests, send)
    : openLoop(clients, { requests, rate: plan.rate }, send));
  const seconds = (performance.now() - started) / 1000;
  for (const client of clients) client.close();
  return { seconds, ...record.result() };
}

type Send = (client: LoadClient, request: Buffer, due: number) => Promise<void>;

/** Each client sends its next request when its last was answered. */
async function closedLoop(clients: LoadClient[], requests: Buffer[], send: Send): Promise<void> {
  let next = 0;
  const one = async (client: LoadClient): Promise<void> => {
    for (let i = next++; i < requests.length; i = next++) {
      const request = requests[i];
      if (request) await send(client, request, performance.now());
    }
  };
  await Promise.all(clients.map(one));
}

/** Requests are due at fixed times; one that has to wait for a free client is slow, not late. */
async function openLoop(
  clients: LoadClient[],
  plan: { requests: Buffer[]; rate: number },
  send: Send,
): Promise<void> {
  const free = [...clients];
  const started = performance.now();
  const flying = new Set<Promise<void>>();
  for (let next = 0; next < plan.requests.length;) {
    const due = started + (next * 1000) / plan.rate;
    const client = due <= performance.now() ? free.pop() : undefined;
    const request = plan.requests[next];
    if (!client || !request) {
      await sleep(1);
      continue;
    }
    next += 1;
    const flight: Promise<void> = send(client, request, due).finally(() => {
      free.push(client);
      flying.delete(flight);
    });
    flying.add(flight);
  }
  await Promise.all(flying);
}

function createRecord() {
  const times: number[] = [];
  const refused: Record<string, number> = {};
  return {
    accept: (ms: number) => void times.push(ms),
    refuse: (status: number) => {
      refused[status] = (refused[status] ?? 0) + 1;
    },
    result() {
      times.sort((a, b) => a - b);
      const at = (share: number) => times[Math.floor(share * (times.length - 1))] ?? 0;
      return { accepted: times.length, refused, p50: at(0.5), p99: at(0.99) };
    },
  };
}
