import { expect, it } from 'vitest';
import type { RouteContext } from '../../server/http/define-route.ts';
import { recordUsageRoute } from '../../server/usage/routes.ts';

/** What a body is refused with; nothing else of the context is asked for it. */
async function refusalOf(body: unknown): Promise<string> {
  const context = { json: () => Promise.resolve(body) } as RouteContext;
  const request = new Request('http://localhost/api/billing/usage', { method: 'POST' });
  return recordUsageRoute.handle(request, context).then(String, (error: Error) => error.message);
}

it('S-28: a body that may have several forms is refused with the place of what is wrong', async () => {
  const good = { meter: 'm', quantity: 1, idempotencyKey: 'k' };
  expect(await refusalOf({ ...good, quantity: 'x' })).toMatch(/^The body is not valid: quantity: /);
  expect(await refusalOf([good, { ...good, meter: '' }])).toMatch(/ 1\.meter: /);
  expect(await refusalOf({ ...good, idempotencyKey: 'ö' })).toMatch(/ idempotencyKey: must be /);
  expect(await refusalOf({ ...good, more: 1 })).toMatch(/"more"/);
  expect(await refusalOf('text')).toMatch(/Invalid input/);
});
