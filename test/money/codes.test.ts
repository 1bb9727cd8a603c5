import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../support/server.ts';
import { newPerson, PRO, refusal } from '../server/billing/person.ts';

describe('A code that counts once', { timeout: 90_000 }, () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ database: 'sqlite', env: { TRIAL_DAYS: '0' } });
  });
  afterAll(() => server.close());

  it('M-9: makes one renewal smaller, and is refused after it', async () => {
    const person = newPerson(server);
    await person.subscribe(PRO);
    const half = { code: 'HALF', percentOff: 50, duration: 'once' };
    expect((await person.asAdmin('promotion-codes', half)).status).toBe(201);
    const apply = () => person.command('discount', { promotionCode: 'HALF' });
    expect((await apply()).status).toBe(200);
    await server.advance(32);
    expect((await person.invoices())[0]).toMatchObject({ total: 2_500 });
    expect(refusal(await apply())).toEqual([400, 'unknown_promotion_code']);
    await person.command('cancel', { when: 'now' });
    const again = await person.command('reactivate', { ...PRO, promotionCode: 'HALF' });
    expect(refusal(again)).toEqual([400, 'unknown_promotion_code']);
  });
});
