import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHandler } from '../../server/app/route-list.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { tokenFor } from '../support/tokens.ts';
import { newPerson, PRO, STARTER, type Person } from './billing/person.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ database: 'sqlite', env: { TRIAL_DAYS: '0' } });
}, 120_000);
afterAll(() => server.close());

/** The shop as this customer's browser sees it: pages as text, forms by their fields. */
async function shopOf(person: Person) {
  const cookie = `tenure_demo=${await tokenFor(person.id)}`;
  const show = async (path: string, init: RequestInit = {}) => {
    const headers = { cookie, ...(init.headers as Record<string, string> | undefined) };
    const response = await fetch(new URL(path, server.url), { ...init, headers });
    const markup = (await response.text()).replaceAll(/\s+/g, ' ');
    const text = markup.replaceAll(/<[^>]+>/g, ' ').replaceAll(/\s+/g, ' ');
    return { url: response.url, status: response.status, markup, text };
  };
  const send = (path: string, fields: Record<string, string> = {}) =>
    show(path, { method: 'POST', body: new URLSearchParams(fields) });
  /** Follows the account page: its preview, and the form on it. */
  const change = async (choice: string) => {
    const { markup } = await send('/shop/preview', { choice });
    const fields = [...markup.matchAll(/name="(\w+)" value="([^"]*)"/g)];
    return send('/shop/change', Object.fromEntries(fields.map(([, name, value]) => [name, value])));
  };
  /** Sends the form of the page that asks whether it is meant. */
  const confirm = async (command: string) => {
    const { markup } = await show(`/shop/confirm/${command}`);
    const fields = [...markup.matchAll(/name="(\w+)" value="([^"]*)"/g)];
    const form = Object.fromEntries(fields.map(([, name, value]) => [name, value]));
    return send(`/shop/${command}`, form);
  };
  return { show, send, change, confirm };
}

describe('P-6: a change of plan is told as it is', () => {
  it('done, scheduled for a day, or waiting for a payment with the link to make it', async () => {
    const person = newPerson(server);
    await person.subscribe(STARTER);
    const shop = await shopOf(person);

    expect((await shop.change('pro/monthly')).text).toContain('Your plan is now Pro.');

    const later = await shop.change('starter/monthly');
    const end = (await person.subscription()).currentPeriodEnd.slice(0, 10);
    expect(later.text).toContain(`You change to Starter on ${end}. Until then nothing changes.`);
    expect(later.text).not.toContain('Your plan is now');

    await shop.send('/shop/resume');
    await person.useCard('pm_card_authenticationRequired');
    const waiting = await shop.change('pro/yearly');
    expect((await person.subscription()).pendingChange?.kind).toBe('awaiting_payment');
    expect(waiting.text).toContain('You change to Pro once the payment below is made.');
    expect(waiting.text).toContain('Your bank asks you to confirm the payment.');
    expect(waiting.text).toMatch(
      /Pay until \d{4}-\d\d-\d\d \d\d:\d\d UTC, or the change is dropped/,
    );
    expect(waiting.text).not.toContain('Will change');
    expect(waiting.markup).toMatch(/href="http[^"]+"[^>]*>Confirm the payment/);
  }, 60_000);
});

describe('P-7: what costs or ends something is asked about first, with its price', () => {
  it('canceling now, pausing, resuming and coming back', async () => {
    const person = newPerson(server);
    await person.subscribe(PRO);
    const shop = await shopOf(person);
    const account = await shop.show('/billing');
    for (const command of ['pause', 'cancel'])
      expect(account.markup).toContain(`href="/shop/confirm/${command}"`);
    expect(account.markup).not.toMatch(/action="\/shop\/(pause|reactivate)"/);

    const pause = await shop.show('/shop/confirm/pause');
    expect(pause.text).toContain('Access ends at once');
    expect(pause.text).toContain('$50.00 becomes credit for later invoices.');
    expect((await person.subscription()).state).toBe('active');
    expect((await shop.send('/shop/pause')).text).toContain('Your subscription is paused.');

    const resume = await shop.show('/shop/confirm/resume');
    expect(resume.text).toContain('$0.00 today, then $50.00 each month');
    expect(resume.text).toContain('Your credit of $50.00 is used first.');
    expect((await shop.send('/shop/resume')).text).toContain('Your subscription continues.');

    const cancel = await shop.show('/shop/confirm/cancel');
    expect(cancel.text).toContain('No refund');
    const canceled = await shop.send('/shop/cancel', { when: 'now' });
    expect(canceled.text).toContain('Your subscription has ended.');
    expect(canceled.markup).toContain('href="/shop/confirm/reactivate"');

    const back = await shop.show('/shop/confirm/reactivate');
    expect(back.text).toContain('Come back to Pro, monthly?');
    expect(back.text).toContain('$50.00 today, then $50.00 each month');
    expect((await person.subscription()).state).toBe('canceled');
    // Rule 9.3: without the price that the page showed, nothing is charged.
    const unshown = await shop.send('/shop/reactivate', PRO);
    expect(unshown.url).toBe(`${server.url}/shop/confirm/reactivate?price=changed`);
    expect(unshown.text).toContain('The price has changed. Please look again.');
    expect((await shop.confirm('reactivate')).text).toContain('Welcome back.');
    expect((await shop.show('/shop/confirm/reactivate')).url).toBe(`${server.url}/billing`);
  }, 60_000);

  it('a cancellation at the end of the period says the day', async () => {
    const person = newPerson(server);
    await person.subscribe(PRO);
    const shop = await shopOf(person);
    const page = await shop.send('/shop/cancel', { when: 'period_end' });
    const end = (await person.subscription()).cancelAt?.slice(0, 10);
    expect(page.text).toContain(
      `Your subscription ends on ${end}. You keep your access until then.`,
    );
    expect(page.markup).toContain('Keep my subscription');
    expect((await shop.show('/shop/preview')).url).toBe(`${server.url}/billing`);
  }, 60_000);
});

describe('P-8: the account page while a payment is past due', () => {
  it('shows the amount, the link to pay, the next attempt, and how long access lasts', async () => {
    const person = newPerson(server);
    await person.subscribe(PRO);
    await person.useCard('pm_card_chargeCustomerFail');
    await server.advance(32);
    const { access, state } = await person.subscription();
    expect(state).toBe('past_due');
    const [invoice] = await person.invoices();
    const page = await (await shopOf(person)).show('/billing');
    expect(page.text).toContain('Payment needed');
    expect(page.markup).toMatch(/href="http[^"]+"[^>]*>Pay \$50\.00</);
    const next = new Date((invoice?.next_payment_attempt ?? 0) * 1000).toISOString().slice(0, 10);
    expect(page.text).toContain(`Next attempt ${next}`);
    const until = (access as { until?: string }).until?.slice(0, 10);
    expect(page.text).toContain(`Access until ${until}`);
    expect(page.markup).not.toContain('Cancel at the period’s end');
  }, 60_000);
});

describe('The dashboard opens from the shop, signed in', () => {
  const open = (headers: Record<string, string>) =>
    fetch(`${server.url}/admin/login/local`, { method: 'POST', redirect: 'manual', headers });

  it('on the local stack, for no page of another site, and through no proxy', async () => {
    const shop = await fetch(server.url);
    expect(await shop.text()).toContain('action="/admin/login/local"');
    const opened = await open({ origin: server.url });
    expect(opened.headers.get('location')).toBe('/admin');
    const cookie = opened.headers.get('set-cookie')?.split(';')[0] ?? '';
    const page = await fetch(`${server.url}/admin`, { headers: { cookie }, redirect: 'manual' });
    expect(page.status).toBe(200);
    expect((await open({ origin: 'https://evil.example' })).status).toBe(403);
    // A tunnel that rewrites the host.
    expect((await open({ 'x-forwarded-for': '203.0.113.7' })).status).toBe(404);
  });

  it('nowhere else: not for another host, an address that others reach, or a real Stripe', async () => {
    const { config } = server.services;
    const ask = async (change: object, host = '127.0.0.1') => {
      const services = { ...server.services, config: { ...config, ...change } };
      const request = new Request(`http://${host}/admin/login/local`, { method: 'POST' });
      return (await createHandler(services)(request)).status;
    };
    expect(await ask({})).toBe(303);
    expect(await ask({}, 'shop.example')).toBe(404);
    expect(await ask({ http: { ...config.http, host: '0.0.0.0' } })).toBe(404);
    expect(await ask({ http: { ...config.http, appUrl: 'https://shop.example' } })).toBe(404);
    expect(await ask({ stripe: { ...config.stripe, apiBase: null } })).toBe(404);
    expect(await ask({ storefront: false })).toBe(404);
  });
});
