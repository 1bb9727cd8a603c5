import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, type TestBrowser } from '../support/browser.ts';
import { startTestServer, until, type TestServer } from '../support/server.ts';
import { accessibilityProblems, picture, signIn } from './pages.ts';

let server: TestServer;
let browser: TestBrowser;
let admin: Page;
let shop: Page;

beforeAll(async () => {
  server = await startTestServer({ database: 'sqlite' });
  browser = await openBrowser();
  admin = await signIn(browser.context, server);
  shop = await browser.context.newPage();
  for (const page of [admin, shop]) page.setDefaultTimeout(20_000);
}, 90_000);
afterAll(async () => {
  await browser.close();
  await server.close();
});

const countOf = (state: string) => admin.locator(`svg [data-count="${state}"]`);

async function has(page: Page, selector: string, text: string): Promise<void> {
  await until(async () =>
    ((await page.locator(selector).first().textContent()) ?? '').includes(text),
  );
}

async function subscriptionId(): Promise<string> {
  const row = await server.database.knex('subscriptions').first('id');
  return row.id;
}

// One customer's story: each step goes on where the last one ended.
describe('A customer of the storefront, watched from the dashboard', { shuffle: false }, () => {
  it('starts a trial at Checkout, and the open chart counts it without being loaded again', async () => {
    await admin.goto(`${server.url}/admin`);
    await has(admin, '[data-live]', 'Streaming');
    expect(await countOf('trialing').textContent()).toBe('0');

    await shop.goto(server.url);
    await picture(shop, 'shop-pricing');
    expect(await accessibilityProblems(shop)).toEqual([]);
    await shop.getByRole('button', { name: 'Choose Starter, monthly' }).click();
    await shop.getByLabel('E-mail').fill('dana@northwind.example');
    await shop.getByRole('button', { name: 'Continue' }).click();
    await shop.locator('#number').fill('4242424242424242');
    await shop.locator('#expiry').fill('12/34');
    await shop.locator('#cvc').fill('123');
    await shop.locator('form button.primary').first().click();
    await shop.waitForURL(`${server.url}/billing`);

    await has(shop, 'main', 'trialing');
    await admin.bringToFront();
    await has(admin, 'svg [data-count="trialing"]', '1');
    await has(admin, 'svg [data-traffic~="none>trialing>trial_started"]', '1');
    // P-10: tiles and lists with it.
    await has(admin, '.cards', 'of 1 started');
    await has(admin, '.latest', 'trial_started');
  }, 90_000);

  it('is found by e-mail with the keyboard alone', async () => {
    await admin.goto(`${server.url}/admin`);
    await admin.keyboard.press('/');
    await admin.keyboard.type('dana');
    await admin.keyboard.press('Enter');
    // One hit goes straight to its page.
    await admin.waitForURL(/\/admin\/accounts\/.+/);
    await admin.locator('table.rows a').first().focus();
    await admin.keyboard.press('Enter');
    await admin.waitForURL(`${server.url}/admin/subscriptions/${await subscriptionId()}`);
    await has(admin, '.timeline', 'trial_started');
    expect(await admin.locator('svg .node.here').getAttribute('data-state')).toBe('trialing');
  }, 60_000);

  it('becomes active when the clock is moved to the period’s end, and the page follows', async () => {
    await shop.bringToFront();
    await shop.goto(`${server.url}/admin/time`);
    await shop.getByRole('button', { name: /To the end of the period/ }).focus();
    await shop.keyboard.press('Enter');
    await shop.waitForURL(/since=/);
    await has(shop, '[data-meanwhile]', 'active');
    await picture(shop, 'time-after');

    // This page has been open all the while.
    await admin.bringToFront();
    await has(admin, '.timeline', 'active');
    await has(admin, 'svg .node.here .name', 'active');
    const [log] = await server.database.knex('audit_log').where({ action: 'clock.advance' });
    expect(log.actor).toBe('admin');
  }, 90_000);

  it('is in sync with Stripe when checked, shows what differs when not, and is repaired', async () => {
    const id = await subscriptionId();
    await admin.goto(`${server.url}/admin/subscriptions/${id}`);
    await admin.getByRole('button', { name: 'Check now' }).click();
    await has(admin, '#check', 'every field matches');

    await server.stripe.subscriptions.update(id, { metadata: { seen: 'no' } });
    await server.settled();
    const row = await server.database.knex('subscriptions').where({ id }).first('facts');
    const facts = JSON.parse(row.facts);
    await server.database
      .knex('subscriptions')
      .where({ id })
      .update({ facts: JSON.stringify({ ...facts, metadata: { seen: 'tampered' } }) });
    await admin.goto(`${server.url}/admin/subscriptions/${id}?check=1`);
    await has(admin, '#check', 'tampered');
    await picture(admin, 'check-differs');
    await admin.getByRole('button', { name: 'Repair from Stripe' }).click();
    await has(admin, '#check', 'every field matches');
    expect(
      await server.database.knex('audit_log').where({ action: 'subscription.repair' }),
    ).toHaveLength(1);
  }, 60_000);

  it('sees a dead event replayed by keyboard, and processed', async () => {
    const event = await server.database
      .knex('webhook_events')
      .where({ type: 'customer.subscription.created' })
      .first('id');
    await server.database
      .knex('webhook_events')
      .where({ id: event.id })
      .update({ status: 'dead', last_error: 'boom', attempts: 9 });
    await admin.goto(`${server.url}/admin/events?status=dead`);
    await admin.getByRole('checkbox', { name: `Select ${event.id}` }).focus();
    await admin.keyboard.press('Space');
    await admin.getByRole('button', { name: 'Replay selected' }).focus();
    await admin.keyboard.press('Enter');
    await has(admin, '[role="status"].notice', '1 event will be processed again');
    await until(async () => {
      const row = await server.database
        .knex('webhook_events')
        .where({ id: event.id })
        .first('status');
      return row.status === 'done';
    });
    expect(await server.database.knex('audit_log').where({ action: 'events.replay' })).toHaveLength(
      1,
    );
  }, 60_000);

  it('changes the plan at the amount shown, cancels, and keeps it', async () => {
    await shop.goto(`${server.url}/billing`);
    await picture(shop, 'shop-account');
    expect(await accessibilityProblems(shop)).toEqual([]);
    await shop.getByRole('button', { name: 'See the cost of Pro, monthly' }).click();
    await has(shop, 'main h1', 'Upgrade to Pro');
    await picture(shop, 'shop-preview');
    expect(await accessibilityProblems(shop)).toEqual([]);
    await shop.getByRole('button', { name: 'Change the plan' }).click();
    await has(shop, 'main', 'Pro, monthly');
    await shop.getByRole('link', { name: 'Cancel at the period’s end' }).click();
    await shop.getByRole('button', { name: 'Cancel at the end of the period' }).click();
    await has(shop, 'main', 'cancel pending');
    await shop.getByRole('button', { name: 'Keep my subscription' }).click();
    await has(shop, 'main .panel-head', 'active');
  }, 60_000);

  it('explains each line of its invoices: what it is, who made it, and that it adds up', async () => {
    await server.settled();
    const id = await subscriptionId();
    await admin.goto(`${server.url}/admin/subscriptions/${id}`);
    const told = admin.locator('#invoices details');
    await until(async () => (await told.count()) > 1);
    const words = (await told.allTextContents()).map((text) => text.replace(/\s+/g, ' '));
    for (const text of words) expect(text).toContain('The lines add up to the total.');
    const change = words.find((text) =>
      text.includes('Credit for the unused part of Starter, monthly'),
    );
    expect(change).toMatch(/Pro, monthly for the rest of its period/);
    expect(change).toMatch(/step \d+: upgraded by user:\S+ · \S+ · quoted: \$[\d.]+ due/);
    const [, quoted] = /quoted: (\$[\d.]+) due/.exec(change ?? '') ?? [];
    expect(change).toContain(`Total ${quoted}`);
    await told.first().locator('summary').click();
    expect(await accessibilityProblems(admin)).toEqual([]);
  }, 60_000);

  it('goes back to any moment by keyboard, and by its address without a script', async () => {
    await server.settled();
    const id = await subscriptionId();
    await admin.goto(`${server.url}/admin/subscriptions/${id}`);
    const here = admin.locator('svg .node.here');
    const then = admin.locator('[aria-labelledby="then-title"]');
    expect(await here.getAttribute('data-state')).toBe('active');
    expect(await then.count()).toBe(0);
    // Until the trial, line by line.
    await until(async () => {
      const before = admin.url();
      await admin.locator('#moment').focus();
      await admin.keyboard.press('ArrowLeft');
      await until(async () => {
        if (admin.url() === before) return false;
        const at = new URL(admin.url()).searchParams.get('at') ?? '';
        const shown = await admin.locator('#moment').getAttribute('value');
        return Number(shown) * 1000 === Date.parse(at);
      });
      return (await here.getAttribute('data-state')) === 'trialing';
    });
    const url = admin.url();
    const began = new URL(url).searchParams.get('at');
    const { trial_start: start } = await server.stripe.subscriptions.retrieve(id);
    expect(Date.parse(began ?? '')).toBe(start! * 1000);
    const said = async (page: Page) => {
      const text = await page.locator('[aria-labelledby="then-title"]').textContent();
      // A script tells times in the reader's zone.
      return text?.replace(/\s+/g, ' ').replace(/\d{4}-\d\d-\d\d \d\d:\d\d/g, 'TIME') ?? '';
    };
    const words = await said(admin);
    expect(words).toMatch(/Plan ?starter/);
    expect(words).toMatch(/Access ?full/);
    expect(words).toMatch(/Open invoices ?none told/);
    expect(words).toContain('The same was known here');
    expect(await admin.evaluate('document.activeElement.id')).toBe('moment');
    await admin.keyboard.press('ArrowRight');
    await has(admin, 'svg .node.here .name', 'active');

    const plain = await openBrowser({ javaScript: false });
    try {
      const page = await signIn(plain.context, server);
      await page.goto(url);
      expect(await said(page)).toBe(words);
      await page.getByRole('link', { name: 'The next transition' }).click();
      expect(await page.locator('svg .node.here').getAttribute('data-state')).toBe('active');
      // A line of the history leads to its moment.
      await page.locator('.timeline a[href^="?at="]').first().click();
      expect(new URL(page.url()).searchParams.get('at')).toBe(began);
      await page.getByLabel('Moment in UTC').fill('2001-01-01T00:00:00');
      await page.getByRole('button', { name: 'Show' }).click();
      expect(await page.locator('svg .node.here').count()).toBe(0);
      expect(await said(page)).toContain('No event of this time is stored');
    } finally {
      await plain.close();
    }
  }, 60_000);

  it('leaves counts that match the table', async () => {
    await server.settled();
    const rows: { state: string; count: number }[] = await server.database
      .knex('subscriptions')
      .groupBy('state')
      .select('state')
      .count({ count: '*' });
    await admin.goto(`${server.url}/admin`);
    for (const { state, count } of rows) {
      expect(await countOf(state).textContent()).toBe(String(count));
    }
    // P-19: periods end at the customers' now: the trial began two weeks before it.
    const began = admin.locator('svg [data-traffic~="none>trialing>trial_started"]');
    expect(await began.textContent()).toBe('');
    await admin.goto(`${server.url}/admin?window=30d`);
    expect(await began.textContent()).toBe('1');
  }, 30_000);
});
