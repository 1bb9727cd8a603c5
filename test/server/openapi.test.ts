import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTenureClient, type TenureClient } from '../../adapters/client.ts';
import { clientTypes } from '../../scripts/build-client/types.ts';
import { payCheckout } from '../../scripts/pay-checkout.ts';
import { commandsFor } from '../../server/app/commands.ts';
import { AppError } from '../../server/http/errors.ts';
import { openApiDocument } from '../../server/http/openapi.ts';
import { API } from '../../server/app/route-list.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { TEST_ADMIN_TOKEN, tokenFor } from '../support/tokens.ts';

let server: TestServer;
let visitor: TenureClient;
let admin: TenureClient;
beforeAll(async () => {
  server = await startTestServer({ database: 'sqlite' });
  const baseUrl = server.url;
  visitor = createTenureClient({ baseUrl });
  admin = createTenureClient({ baseUrl, token: TEST_ADMIN_TOKEN });
});
afterAll(() => server.close());

interface Answers {
  [status: string]: { content?: Record<string, unknown>; headers: Record<string, unknown> };
}
type Operations = Record<string, { responses: Answers; summary: string }>;

describe('The OpenAPI document', () => {
  const { paths } = openApiDocument(API) as { paths: Record<string, Operations> };
  const all = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      name: `${method} ${path}`,
      path,
      operation,
    })),
  );

  it('says of every operation what it answers, refuses and what both look like', () => {
    for (const { name, operation } of all) {
      const statuses = Object.keys(operation.responses);
      expect(operation.summary, name).toBeTruthy();
      expect(
        statuses.some((status) => status < '400'),
        name,
      ).toBe(true);
      expect(statuses, name).toContain('500');
      for (const [status, answer] of Object.entries(operation.responses)) {
        expect(answer.headers, `${name} ${status}`).toHaveProperty('X-Request-Id');
        if (status >= '400')
          expect(answer.content, `${name} ${status}`).toHaveProperty('application/json');
      }
    }
  });

  it('tells who may be limited, and when to come again', () => {
    const limited = all.filter(({ operation }) => '429' in operation.responses);
    const free = all.filter((each) => !limited.includes(each)).map(({ name }) => name);
    expect(free.sort()).toEqual([
      'get /healthz',
      'get /metrics',
      'get /readyz',
      'post /api/webhooks/stripe',
    ]);
    for (const { name, operation } of limited) {
      expect(operation.responses['429']?.headers, name).toHaveProperty('Retry-After');
    }
  });
});

describe('The typed client', () => {
  /** A user who has bought a plan. */
  async function buyer(id: string): Promise<{ user: TenureClient; plan: string }> {
    const user = createTenureClient({ baseUrl: server.url, token: () => tokenFor(id) });
    const { data: sold } = await visitor.GET('/api/billing/plans');
    const plan = sold?.plans.find(({ prices }) => prices.monthly)?.id ?? '';
    const opened = await user.POST('/api/billing/checkout', {
      body: { plan, interval: 'monthly' },
    });
    await payCheckout(opened.data?.url ?? '');
    await server.settled();
    return { user, plan };
  }
  const cancelNow = (user: TenureClient) =>
    user.POST('/api/billing/subscription/cancel', { body: { when: 'now' } });

  it('is made from the document as it is now (npm run build:client)', async () => {
    const file = new URL('../../adapters/client/api.ts', import.meta.url);
    expect(
      readFileSync(file, 'utf8') === (await clientTypes()),
      'adapters/client/api.ts is not current',
    ).toBe(true);
  });

  it('leads a user from the plans to a subscription and its end', async () => {
    const { user, plan } = await buyer('u_client');
    const { data: seen } = await user.GET('/api/billing/subscription');
    expect(seen?.subscription).toMatchObject({ state: 'trialing', plan });
    const may = await user.GET('/api/billing/access', { params: { query: {} } });
    expect(may.data?.allowed).toBe(true);
    const ended = await cancelNow(user);
    expect(ended.data?.subscription?.state).toBe('canceled');
  });

  it('gives refusals with their code, and never throws for them', async () => {
    const { user } = await buyer('u_refused');
    await cancelNow(user);
    const refused = await user.POST('/api/billing/subscription/cancel', { body: {} });
    expect(refused.response.status).toBe(409);
    expect(refused.error?.error).toMatchObject({ code: 'not_allowed', state: 'canceled' });
    const unknown = await visitor.GET('/api/billing/subscription');
    expect(unknown.error?.error.code).toBe('unauthenticated');
  });

  it('knows the admin API too', async () => {
    await cancelNow((await buyer('u_listed')).user);
    const { data } = await admin.GET('/admin/api/subscriptions', {
      params: { query: { q: 'u_listed@' } },
    });
    const [found] = data?.subscriptions ?? [];
    expect(found?.email).toBe('u_listed@example.com');
    const params = { path: { id: found?.id ?? '' } };
    const one = await admin.GET('/admin/api/subscriptions/{id}', { params });
    expect(one.data?.steps.map(({ to }) => to)).toEqual(['trialing', 'canceled']);
  });
});

describe('A-13: commands in code', () => {
  it('do what the routes do, for the user that is named, and throw what they refuse', async () => {
    const mine = commandsFor(server.services, { id: 'u_code', email: 'code@example.com' });
    const { data: sold } = await visitor.GET('/api/billing/plans');
    const [small, big] = sold?.plans.filter(({ prices }) => prices.monthly) ?? [];
    const choice = { plan: small?.id ?? '', interval: 'monthly' };
    const { url, sessionId } = await mine.checkout(choice, { idempotencyKey: 'once' });
    const again = await mine.checkout(choice, { idempotencyKey: 'once' });
    expect(again.sessionId).toBe(sessionId);
    await payCheckout(url);
    await server.settled();
    const upgrade = { plan: big?.id ?? '', interval: 'monthly' };
    const quote = await mine.preview(upgrade);
    const prorationDate = 'prorationDate' in quote ? quote.prorationDate : null;
    const changed = await mine.change({ ...upgrade, prorationDate: prorationDate ?? undefined });
    expect(changed.subscription).toMatchObject({ plan: big?.id });
    const ended = await mine.cancel({ when: 'now' });
    expect(ended.subscription?.state).toBe('canceled');
    const refusal = await mine.pause().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(AppError);
    expect(refusal).toMatchObject({ code: 'not_allowed', status: 409 });
    const other = commandsFor(server.services, { id: 'u_other' });
    await expect(other.portal()).rejects.toMatchObject({ code: 'no_billing_account' });
  });
});
