import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../support/server.ts';
import { newPerson } from '../server/billing/person.ts';
import { TEST_ADMIN_TOKEN } from '../support/tokens.ts';
import { METER, meteredPlans } from '../server/usage/metered-plans.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({
    database: 'sqlite',
    prepare: meteredPlans,
    env: { TRIAL_DAYS: '0' },
    services: { usage: { flushEvery: 3_600_000 } },
  });
});
afterAll(() => server.close());

it('The page of a metered subscription shows what was used, and how much of it Stripe knows', async () => {
  const person = newPerson(server);
  await person.subscribe({ plan: 'team', interval: 'monthly', quantity: 3 });
  const use = (quantity: number) =>
    server.services.usage.record([{ userId: person.id, meter: METER, quantity }]);
  await use(12_000);
  await server.services.usage.flush();
  await use(345);

  const { id } = await person.subscription();
  const login = await fetch(`${server.url}/admin/login`, {
    method: 'POST',
    body: new URLSearchParams({ token: TEST_ADMIN_TOKEN }),
    redirect: 'manual',
  });
  const cookie = login.headers.get('set-cookie')?.split(';')[0] ?? '';
  const page = await fetch(`${server.url}/admin/subscriptions/${id}`, { headers: { cookie } });
  const usage = /<h2 id="usage-title">[\s\S]*?<\/table>/.exec(await page.text())?.[0] ?? '';
  expect(usage).toContain(METER);
  expect(usage).toContain('12,345');
  expect(usage).toContain('12,000');
});
