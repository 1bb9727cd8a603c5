import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFastPath } from '../../../server/webhooks/fast-path.ts';
import { createTestDatabase, type TestDatabase } from '../../support/databases.ts';
import {
  createEngineLab,
  signedRequest,
  type EngineLab,
  type LabEngine,
} from '../../support/engine-lab.ts';
import { beginStory } from '../../support/subscription-story.ts';

/** Of the connection and the moment, not of the answer. */
const OF_THE_CONNECTION = new Set(['connection', 'content-length', 'date', 'keep-alive']);

interface Answer {
  status: number;
  headers: Record<string, string>;
  body: unknown;
}

/** What it says; an id of its own, and whose event it was, differ from answer to answer. */
async function read(response: Response): Promise<Answer> {
  const headers = [...response.headers].filter(([name]) => !OF_THE_CONNECTION.has(name));
  const text = (await response.text()).replaceAll(/"requestId":"[^"]+"/g, '"requestId":"…"');
  return {
    status: response.status,
    headers: Object.fromEntries(
      headers.map(([name, value]) => [name, name === 'x-request-id' ? value.slice(0, 4) : value]),
    ),
    body: JSON.parse(text),
  };
}

describe('A delivery on the fast path and by the route', () => {
  let lab: EngineLab;
  let database: TestDatabase;
  let engine: LabEngine;
  let server: Server;
  let payload: string;
  beforeAll(async () => {
    lab = await createEngineLab();
    database = await createTestDatabase('sqlite');
    engine = lab.engine(database);
    server = createServer(
      createFastPath(engine.services, (_incoming, outgoing) => outgoing.writeHead(404).end()),
    );
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const story = await beginStory(lab);
    payload = JSON.stringify((await story.news())[0]);
  });
  afterAll(async () => {
    server.close();
    await engine.services.engine.stop();
    await database.drop();
    await lab.emulator.close();
  });

  async function byFastPath(request: Request): Promise<Answer> {
    const { port } = server.address() as AddressInfo;
    const { pathname } = new URL(request.url);
    const body = await request.arrayBuffer();
    return read(
      await fetch(`http://127.0.0.1:${port}${pathname}`, {
        method: 'POST',
        headers: request.headers,
        body,
      }),
    );
  }
  const byRoute = async (request: Request) => read(await engine.handler(request));

  /** A request of its own for each of the two. */
  const withHeader = (name: string, value: string | null) => () => {
    const request = signedRequest(payload);
    if (value === null) request.headers.delete(name);
    else request.headers.set(name, value);
    return request;
  };
  const anEvent = (id: string) => () =>
    signedRequest(payload.replaceAll(/"id":"evt_\w+"/g, `"id":"${id}"`));

  it.each<[string, number, () => Request]>([
    ['is new', 200, anEvent('evt_new')],
    ['came before', 200, anEvent('evt_again')],
    ['has no signature', 400, withHeader('stripe-signature', null)],
    ['has a signature of another body', 400, withHeader('stripe-signature', 't=1,v1=00')],
    ['is named by its sender', 200, withHeader('x-request-id', 'req_of_the_sender')],
    ['is signed and no event', 400, () => signedRequest('{"object":"list"}')],
    ['is signed and no JSON', 400, () => signedRequest('{')],
    ['is empty', 400, () => signedRequest('')],
  ])('C: is answered alike, headers included, when it %s', async (name, status, request) => {
    if (name === 'came before') await engine.handler(request());
    const fast = await byFastPath(request());
    // The event itself is new only once.
    if (name === 'is new') await database.knex('webhook_events').delete();
    if (name === 'is named by its sender') await database.knex('webhook_events').delete();
    const route = await byRoute(request());
    expect(fast).toEqual(route);
    expect(fast.status).toBe(status);
    expect(fast.headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
  });
});
