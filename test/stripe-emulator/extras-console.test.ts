import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emulatedAccount, type EmulatedAccount } from './emulated-account.ts';

let account: EmulatedAccount;
let id: string;

beforeAll(async () => {
  account = await emulatedAccount();
  id = (await account.stripe.accounts.retrieveCurrent()).id;
});
afterAll(() => account.close());

async function page(
  path: string,
  init: RequestInit = {},
): Promise<{ status: number; text: string; headers: Headers }> {
  const answer = await fetch(`${account.emulator.url}${path}`, { redirect: 'manual', ...init });
  return { status: answer.status, text: await answer.text(), headers: answer.headers };
}

describe('the console page', () => {
  it('shows objects, events and requests of the account, and escapes what people wrote', async () => {
    const customer = await account.stripe.customers.create({ name: '<script>alert(1)</script>' });
    const list = await page(`/console/objects?kind=customer&account=${id}`);
    expect(list.status).toBe(200);
    expect(list.text).toContain(customer.id);
    expect(list.text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(list.text).not.toContain('<script>alert');
    expect(list.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect((await page(`/console/objects/${customer.id}?account=${id}`)).text).toContain(
      'customer.created',
    );
    expect((await page(`/console/events?type=customer.*&account=${id}`)).text).toContain(
      'customer.created',
    );
    expect((await page(`/console/requests?account=${id}`)).text).toContain('POST /v1/customers');
    expect((await page(`/?account=${id}`)).text).toContain('Test clocks');
    expect((await page(`/console/deliveries?account=${id}`)).status).toBe(200);
    expect((await page(`/console/faults?account=${id}`)).status).toBe(200);
    expect((await page(`/console/objects/cus_none?account=${id}`)).status).toBe(404);
  });

  it('is where an error of the API points to', async () => {
    const error = await account.stripe.customers
      .retrieve('cus_none')
      .catch((caught: unknown) => caught);
    const raw = typeof error === 'object' && error !== null && 'raw' in error ? error.raw : null;
    const url =
      typeof raw === 'object' && raw !== null && 'request_log_url' in raw
        ? String(raw.request_log_url)
        : '';
    const { pathname } = new URL(url);
    const shown = await page(pathname);
    expect(shown.status).toBe(200);
    expect(shown.text).toContain('resource_missing');
  });

  it('advances a test clock, but not for a form of another site', async () => {
    const clock = await account.stripe.testHelpers.testClocks.create({
      frozen_time: 1_767_225_600,
    });
    const form = (site: string) => ({
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded', 'Sec-Fetch-Site': site },
      body: 'by=month',
    });
    const path = `/console/clocks/${clock.id}/advance?account=${id}`;
    expect((await page(path, form('cross-site'))).status).toBe(403);
    expect((await page(path, form('same-origin'))).status).toBe(303);
    let now = clock;
    for (let tries = 0; tries < 200 && now.frozen_time === clock.frozen_time; tries += 1) {
      now = await account.stripe.testHelpers.testClocks.retrieve(clock.id);
    }
    expect(new Date(now.frozen_time * 1000).toISOString()).toBe('2026-02-01T00:00:00.000Z');
    expect((await page(path, { ...form('same-origin'), body: 'by=eon' })).status).toBe(400);
  });
});
