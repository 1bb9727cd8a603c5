import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { z } from 'zod';
import { LIFECYCLE_STATES } from '../../state/types.ts';
import type { TestBilling } from './test-billing.ts';
import type { TestUser } from './test-user.ts';

const card = z.enum(['good', 'declined', 'failsLater']);
const headers = z.record(z.string(), z.string());
const newUser = z.strictObject({
  id: z.string().min(1),
  email: z.string().optional(),
  headers: headers.optional(),
});
const subscribe = z
  .object({ plan: z.string(), interval: z.string().optional(), card: card.optional() })
  .catchall(z.unknown());
const wait = z.strictObject({
  state: z.enum(LIFECYCLE_STATES),
  timeoutMs: z.number().positive().optional(),
});
const event = z.strictObject({ type: z.string(), object: z.record(z.string(), z.unknown()) });

/** `tenure testing`: what `tenure/testing` does in code, over HTTP, for tests in other languages. */
export async function startControl(
  billing: TestBilling,
  port: number,
): Promise<{ url: string; close: () => void }> {
  const users = new Map<string, TestUser>();
  const known = (id: string) => {
    const user = users.get(id);
    if (!user) throw new Error(`There is no user ${id}: make one with POST /users.`);
    return user;
  };

  /** `POST` of a path, its `:id` in between. */
  const acts: Record<string, (body: unknown, id: string) => Promise<unknown>> = {
    '/users': async (body) => {
      const { id, ...options } = newUser.parse(body);
      const user = await billing.user(id, options);
      users.set(id, user);
      return { id, email: user.email, headers: user.headers };
    },
    '/users/:id/subscribe': (body, id) => {
      const { plan, ...options } = subscribe.parse(body);
      return known(id).subscribe(plan, options);
    },
    '/users/:id/card': async (body, id) => {
      await known(id).saveCard(z.strictObject({ card }).parse(body).card);
      return {};
    },
    '/users/:id/wait': (body, id) => {
      const { state, timeoutMs } = wait.parse(body);
      return known(id).waitForState(state, timeoutMs);
    },
    '/users/:id/subscription': (_body, id) => known(id).subscription(),
    '/advance': async (body) => ({
      now: await billing.advance(z.strictObject({ days: z.number().positive() }).parse(body)),
    }),
    '/signed-events': async (body) => {
      const { type, object } = event.parse(body);
      return billing.signedEvent(type, object);
    },
  };

  const server = createServer((request, response) => {
    const [, room = '', id = '', act = ''] = (request.url ?? '/').split('/');
    const path = `/${room}${id && '/:id'}${act && `/${act}`}`;
    const run = request.method === 'POST' ? acts[path] : undefined;
    const answer = async () =>
      run === undefined
        ? { status: 404, body: { error: `POST one of: ${Object.keys(acts).join(', ')}` } }
        : { status: 200, body: await run(await json(request), decodeURIComponent(id)) };
    void answer()
      .catch((error: unknown) => ({ status: 400, body: { error: wordsOf(error) } }))
      .then(({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(body));
      });
  });
  await listen(server, port);
  const { port: taken } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${taken}`, close: () => server.close() };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
}

function wordsOf(error: unknown): string {
  if (error instanceof z.ZodError) return z.prettifyError(error);
  return error instanceof Error ? error.message : String(error);
}
