import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { payCheckout } from '../../scripts/pay-checkout.ts';
import { createBillingHandler } from '../../server/entrypoints/fetch.ts';
import { accessibilityProblems, overflow, picture } from '../dashboard/pages.ts';
import { openBrowser, type TestBrowser } from '../support/browser.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { newPerson, type Person } from './billing/person.ts';
import { meteredPlans, METER } from './usage/metered-plans.ts';

const FRIEND = 'http://localhost';
let server: TestServer;
let browser: TestBrowser;
beforeAll(async () => {
  server = await startTestServer({
    database: 'sqlite',
    env: {
      TRIAL_DAYS: '0',
      SHOP_NAME: 'Northwind <Ltd>',
      SHOP_SUPPORT_EMAIL: 'help@northwind.example',
      SHOP_THEME: '--accent: light-dark(#0a6b5c, #3ecf8e); --radius: 4px',
      // Where the pages are in production; the demo shop is not asked.
      BILLING_PAGE_FRAME_ORIGINS: FRIEND,
    },
    prepare: async (stripe) => {
      const { PLANS_FILE = '' } = await meteredPlans(stripe);
      const { id: product } = await stripe.products.create({ name: 'Book' });
      const price = await stripe.prices.create({ product, currency: 'usd', unit_amount: 900 });
      const file = JSON.parse(readFileSync(PLANS_FILE, 'utf8')) as object;
      const products = [{ id: 'book', name: 'The book', priceId: price.id }];
      writeFileSync(PLANS_FILE, JSON.stringify({ ...file, products }));
      return { PLANS_FILE };
    },
  });
  browser = await openBrowser({ javaScript: false });
}, 120_000);
afterAll(async () => {
  await browser.close();
  await server.close();
});
afterEach(() => vi.useRealTimers());

const linkFor = async (person: Person) => String((await person.post('page')).json['url']);

/** What a link's page answers, with its markup as text. */
async function show(url: string | URL, init: RequestInit = {}) {
  const response = await fetch(url, init);
  const markup = (await response.text()).replaceAll(/\s+/g, ' ');
  const text = markup.replaceAll(/<[^>]+>/g, ' ').replaceAll(/\s+/g, ' ');
  return { status: response.status, headers: response.headers, url: response.url, markup, text };
}

const at = (link: string, name: string) => {
  const url = new URL(link);
  url.pathname += `/${name}`;
  return url;
};

const send = (link: string, name: string, fields: Record<string, string>) =>
  show(at(link, name), { method: 'POST', body: new URLSearchParams(fields) });

/** The fields of the form on a page that leads to `name`. */
function formOn(markup: string, name: string): Record<string, string> {
  const [, form = ''] = new RegExp(`action="[^"]*/${name}[?"](.*?)</form>`).exec(markup) ?? [];
  const fields = form.matchAll(/name="(\w+)" value="([^"]*)"/g);
  return Object.fromEntries([...fields].map(([, field, value]) => [field, value]));
}

describe('A link to the hosted billing page', () => {
  it('opens the page of the account that asked for it, and of no other', async () => {
    const [a, b] = [newPerson(server), newPerson(server)];
    await a.subscribe({ plan: 'team', interval: 'monthly' });
    const [ofA, ofB] = [await show(await linkFor(a)), await show(await linkFor(b))];
    expect(ofA.text).toContain('Your account');
    const [invoice] = await a.invoices();
    expect(ofA.text).toContain(invoice?.number);
    expect(ofB.text).not.toContain(invoice?.number);
    // Where the id of another's invoice leads nowhere.
    const foreign = await show(at(await linkFor(b), `invoices/${invoice?.id}/pdf`), {
      redirect: 'manual',
    });
    expect(foreign.headers.get('location')).not.toContain('http');
  }, 60_000);

  it('names no one in its address, and opens nothing once it is altered, expired or made by a stranger', async () => {
    const person = newPerson(server);
    await person.subscribe({ plan: 'team', interval: 'monthly' });
    const link = await linkFor(person);
    const token = new URL(link).searchParams.get('session') ?? '';
    const parts = token.split('.').map((part) => Buffer.from(part, 'base64url').toString('latin1'));
    expect(parts.join('\n')).not.toContain(person.id);

    const stranger = await startTestServer({ database: 'sqlite', emulator: server.emulator });
    const theirs = await stranger.call('POST', '/api/billing/page', { user: person.id, body: {} });
    await stranger.close();
    const foreign = new URL(String(theirs.json['url'])).searchParams.get('session') ?? '';
    const [head, key, iv, data = '', tag] = token.split('.');
    const altered = [head, key, iv, `${data.startsWith('A') ? 'B' : 'A'}${data.slice(1)}`, tag];
    for (const session of [foreign, altered.join('.'), '', 'null', await bearerOf(person)]) {
      const url = new URL(link);
      url.searchParams.set('session', session);
      const page = await show(url);
      expect(page.status, session).toBe(403);
      expect(page.text).toContain('This link has expired');
      expect(page.text).not.toContain('active');
      const sent = await send(url.href, 'cancel', { when: 'now' });
      expect(sent.status).toBe(403);
    }
    vi.useFakeTimers({ toFake: ['Date'] });
    vi.setSystemTime(Date.now() + 29 * 60_000);
    expect((await show(link)).status).toBe(200);
    vi.setSystemTime(Date.now() + 2 * 60_000);
    expect((await show(link)).status).toBe(403);
    expect((await send(link, 'cancel', { when: 'now' })).status).toBe(403);
    vi.useRealTimers();
    expect((await person.subscription()).state).toBe('active');
  }, 60_000);

  it('is for those who may pay', async () => {
    const services = {
      ...server.services,
      authenticate: () => ({
        id: 'mia',
        email: null,
        name: null,
        account: { id: 'org_1', role: 'member' },
      }),
    };
    const handle = createBillingHandler({ services });
    const answer = await handle(
      new Request(`${server.url}/api/billing/page`, { method: 'POST', body: '{}' }),
    );
    expect(answer?.status).toBe(403);
    expect(await server.call('POST', '/api/billing/page', { body: {} })).toMatchObject({
      status: 401,
    });
  });

  it('is framed by the origins of the setting only, and by none without it', async () => {
    const { headers } = await show(await linkFor(newPerson(server)));
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain(`frame-ancestors ${FRIEND}`);
    expect(policy).toContain("script-src 'none'");
    expect(policy).toContain("default-src 'none'");
    const { config } = server.services;
    const billingPage = { ...config.billingPage, frameOrigins: [] };
    const services = { ...server.services, config: { ...config, billingPage } };
    const answer = await createBillingHandler({ services })(
      new Request(`${server.url}/api/billing/page?session=x`),
    );
    expect(answer?.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  });
});

const bearerOf = async (person: Person) =>
  (await import('../support/tokens.ts')).tokenFor(person.id);

describe('The hosted billing page', () => {
  it('sells through Checkout, which leads back to it with what was bought', async () => {
    const person = newPerson(server);
    const link = await linkFor(person);
    expect((await show(link)).text).toContain('Choose a plan');
    const checkout = await fetch(at(link, 'checkout'), {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams({ choice: 'team/monthly' }),
    });
    const url = checkout.headers.get('location') ?? '';
    const [session] = (await server.stripe.checkout.sessions.list({ limit: 1 })).data;
    expect(session?.success_url).toContain(at(link, 'return').pathname);
    await payCheckout(url);
    const back = session?.success_url?.replace('{CHECKOUT_SESSION_ID}', session.id) ?? '';
    const page = await show(back);
    expect(page.text).toContain('has begun.');
    expect(page.url).toContain('did=bought');
    expect((await person.subscription()).state).toBe('active');
  }, 60_000);

  it('changes seats at the price that it showed', async () => {
    const person = newPerson(server);
    await person.subscribe({ plan: 'team', interval: 'monthly' });
    const link = await linkFor(person);
    expect((await show(link)).markup).toMatch(/name="quantity" type="number"[^>]* max="50"/);
    const asked = { plan: 'team', interval: 'monthly', quantity: '3' };
    const preview = await send(link, 'preview', asked);
    expect(preview.text).toContain(', 3 seats');
    const [, due = ''] = /data-amount-due="(\d+)"/.exec(preview.markup) ?? [];
    expect(Number(due)).toBeGreaterThan(0);
    const changed = await send(link, 'change', formOn(preview.markup, 'change'));
    expect(changed.text).toContain('Your plan is now');
    expect((await person.subscription()).quantity).toBe(3);
    expect((await person.invoices())[0]?.amount_paid).toBe(Number(due));
  }, 60_000);

  it('shows usage, applies a code once its worth was shown, and sells what is bought once', async () => {
    const person = newPerson(server);
    await person.subscribe({ plan: 'team', interval: 'monthly' });
    const usage = { userId: person.id, meter: METER, quantity: 1_250, idempotencyKey: 'k' };
    await server.services.usage.record([{ ...usage, reportedBy: 'host' }]);
    await person.asAdmin('promotion-codes', {
      code: 'SPRING',
      percentOff: 20,
      duration: 'forever',
    });
    const link = await linkFor(person);
    const page = await show(link);
    expect(page.text).toMatch(/api calls 1,250/);
    expect(page.text).toContain('The book, $9.00');

    const worth = await send(link, 'code', { code: 'spring' });
    expect(worth.text).toContain('20% off');
    const applied = await send(link, 'discount', formOn(worth.markup, 'discount'));
    expect(applied.text).toContain('The code is applied to your next invoices.');
    const { discounts } = await person.atStripe();
    expect(discounts).toHaveLength(1);
    expect((await send(link, 'code', { code: 'NONE' })).text).toContain('does not exist');

    const buying = await fetch(at(link, 'buy'), {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams({ product: 'book' }),
    });
    const [session] = (await server.stripe.checkout.sessions.list({ limit: 1 })).data;
    await payCheckout(buying.headers.get('location') ?? '');
    const bought = await show(
      session?.success_url?.replace('{CHECKOUT_SESSION_ID}', session.id) ?? '',
    );
    expect(bought.text).toContain('Thank you. Your purchase is below.');
    expect(bought.text).toMatch(/The book \d{4}-\d\d-\d\d paid \$9\.00/);
  }, 60_000);

  it('asks why a customer leaves, and Stripe keeps the answer', async () => {
    const person = newPerson(server);
    await person.subscribe({ plan: 'team', interval: 'monthly' });
    const link = await linkFor(person);
    expect((await show(at(link, 'confirm/cancel'))).text).toContain('Cancel now?');
    const url = at(link, 'confirm/cancel');
    url.searchParams.set('when', 'period_end');
    const page = await show(url);
    expect(page.text).toContain('Access ends on');
    const form = formOn(page.markup, 'cancel');
    const answer = { feedback: 'too_expensive', comment: 'Sorry <b>' };
    const left = await send(link, 'cancel', { ...form, ...answer });
    expect(left.text).toContain('Your subscription ends on');
    const { cancellation_details: details } = await person.atStripe();
    expect(details).toMatchObject(answer);
  }, 60_000);

  it('bears the shop’s name and colours, with no script, no violation of its policy, and no fault for axe', async () => {
    const person = newPerson(server);
    await person.subscribe({ plan: 'team', interval: 'monthly' });
    const page = await browser.context.newPage();
    const refused: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') refused.push(message.text());
    });
    let bytes = 0;
    page.on('response', (response) => {
      void response.body().then((body) => (bytes += body.length));
    });
    await page.goto(await linkFor(person));
    expect(await page.locator('.brand').textContent()).toContain('Northwind <Ltd>');
    await picture(page, 'billing-page');
    expect(refused).toEqual([]);
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThan(150_000);
    await page.getByRole('link', { name: 'Pause' }).click();
    expect(await page.locator('h1').textContent()).toContain('Pause your subscription?');
    await page.close();
  }, 60_000);

  it('shows itself in a frame of an allowed origin, where it goes on working, and in no other', async () => {
    const person = newPerson(server);
    await person.subscribe({ plan: 'team', interval: 'monthly' });
    const link = await linkFor(person);
    const host = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html');
      response.end(
        `<!doctype html><title>Host</title><iframe src="${link}" title="Billing"></iframe>`,
      );
    });
    await new Promise<void>((resolve) => void host.listen(0, '127.0.0.1', resolve));
    const { port } = host.address() as AddressInfo;
    const { config } = server.services;
    config.billingPage.frameOrigins = [`http://localhost:${port}`];
    const page = await browser.context.newPage();
    await page.goto(`http://localhost:${port}/`);
    const frame = page.frameLocator('iframe');
    await frame.getByRole('link', { name: 'Pause' }).click();
    await frame.getByRole('heading', { name: 'Pause your subscription?' }).waitFor();
    // The same page under another origin.
    await page.goto(`http://127.0.0.1:${port}/`);
    expect(await page.frames()[1]?.locator('h1').count()).toBe(0);
    config.billingPage.frameOrigins = [FRIEND];
    await page.close();
    await new Promise((resolve) => host.close(resolve));
  }, 60_000);

  it.each([390, 768, 1440])('fits a window of %i pixels', async (width) => {
    const page = await browser.context.newPage();
    await page.setViewportSize({ width, height: 900 });
    await page.goto(await linkFor(newPerson(server)));
    expect(await overflow(page)).toBe(0);
    await page.close();
  });
});

describe('axe', () => {
  it('finds nothing on the pages of a customer', async () => {
    const person = newPerson(server);
    await person.subscribe({ plan: 'team', interval: 'monthly' });
    const scripted = await openBrowser();
    const page = await scripted.context.newPage();
    const link = await linkFor(person);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      const pages = colorScheme === 'light' ? [at(link, 'confirm/cancel').href, `${link}x`] : [];
      for (const url of [link, ...pages]) {
        await page.goto(url);
        expect(await accessibilityProblems(page), url).toEqual([]);
      }
    }
    await scripted.close();
  }, 60_000);
});
