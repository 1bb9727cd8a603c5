import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, type TestBrowser } from '../support/browser.ts';
import { enqueueEffects } from '../../db/outbox.ts';
import { addAttempts } from '../../db/webhook-attempts.ts';
import { effectOfAnyRelease } from '../support/effects.ts';
import type { Effect } from '../../state/effect-kinds.ts';
import { SAMPLED } from '../support/sizes.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { overflow, picture, problemsInBothSchemes, signIn } from './pages.ts';
import { populate } from './population.ts';

let server: TestServer;
let subscriptionId = '';
let eventId = '';
let mailId = 0;
let webhookId = 0;

beforeAll(async () => {
  server = await startTestServer({ database: 'sqlite' });
  // Longer than anything that a layout is made for.
  const metadata = { ['the_key_of_a_program_that_likes_long_ones']: 'sales.'.repeat(30) };
  const ids = await populate(server.database, {
    subscriptions: 160,
    now: Date.now(),
    last: { email: 'dana160@example.com', metadata },
  });
  subscriptionId = ids.at(-1) ?? '';
  const row = await server.database.knex('webhook_events').where({ status: 'dead' }).first('id');
  eventId = row.id;
  await server.database
    .knex('webhook_events')
    .where({ id: eventId })
    .update({ type: `v2.billing.${'meter_error_report_'.repeat(4)}triggered` });
  const late = await server.database
    .knex('subscriptions')
    .where({ state: 'past_due' })
    .first('id', 'user_id', 'customer_id');
  await server.database
    .knex('subscription_counts')
    .insert({ state: 'active', currency: 'eur', shard: 0, count: 1, mrr: 1900 });
  await enqueueEffects(server.database.knex, [failedMail(late)], Date.now());
  mailId = (await server.database.knex('outbox').where({ kind: 'mail.payment_failed' }).first()).id;
  webhookId = await refusedWebhook(server);
}, 60_000);
afterAll(() => server.close());

/** A webhook with a long name of its receiver, that was tried and not taken. */
async function refusedWebhook({ database: { knex } }: TestServer): Promise<number> {
  const effect = effectOfAnyRelease('webhook.payment.action_required', 'in_1:1', { type: 'x' });
  await enqueueEffects(knex, [{ ...effect, receiver: 'crm.'.repeat(15) }], Date.now());
  const { id } = await knex('outbox').where({ kind: 'event.payment.action_required' }).first('id');
  await knex('outbox')
    .where({ id })
    .update({ status: 'dead', last_error: 'The receiver answered 500' });
  await addAttempts(knex, [
    {
      effectId: id,
      at: Date.now(),
      durationMs: 12,
      status: 500,
      error: 'The receiver answered 500',
    },
    {
      effectId: id,
      at: Date.now(),
      durationMs: 9_999,
      status: null,
      error: 'fetch failed: '.repeat(9),
    },
  ]);
  return id;
}

function failedMail(late: { id: string; user_id: string; customer_id: string }): Effect {
  const payload = {
    userId: late.user_id,
    customerId: late.customer_id,
    subscriptionId: late.id,
    plan: 'pro',
    state: 'past_due',
    status: 'past_due',
    interval: 'monthly',
    attempt: 1,
    maxAttempts: 3,
    amountDue: 5000,
    currency: 'usd',
    nextAttemptAt: new Date(Date.now() + 3 * 86_400_000).toISOString(),
    declineCode: 'insufficient_funds',
    final: false,
  } as const;
  return { objectId: `in_${late.id}:1`, kind: 'mail.payment_failed', payload };
}

const DAYS_AGO = new Date(Date.now() - 2 * 86_400_000).toISOString().slice(0, 19);

const views = (): [name: string, path: string][] => [
  ['lifecycle', '/admin'],
  ['subscriptions', '/admin/subscriptions'],
  ['subscriptions-by-email', '/admin/subscriptions?q=dana'],
  ['subscription', `/admin/subscriptions/${subscriptionId}?check=1`],
  ['moment', `/admin/subscriptions/${subscriptionId}?at=${DAYS_AGO}`],
  ['events', '/admin/events'],
  ['event', `/admin/events/${eventId}`],
  ['replay', '/admin/events/replay?status=dead'],
  ['transitions', '/admin/transitions?from=active&to=past_due&event=payment_failed'],
  ['accounts', '/admin/accounts?sort=email'],
  ['search', '/admin/accounts?q=dana'],
  ['account', '/admin/accounts/user_12?money=1'],
  ['invoices', '/admin/invoices'],
  ['failing-payments', '/admin/boards/failing-payments'],
  ['trials-ending', '/admin/boards/trials-ending'],
  ['renewals', '/admin/boards/renewals'],
  ['leaving', '/admin/boards/leaving'],
  ['mails', '/admin/mails'],
  ['mail', `/admin/mails/${mailId}`],
  ['webhooks', '/admin/webhooks'],
  ['webhook', `/admin/webhooks/${webhookId}`],
  ['metrics', '/admin/metrics?span=90d&cohorts=1'],
  ['time', '/admin/time'],
  ['audit', '/admin/audit'],
  ['login', '/admin/login'],
  ['not-found', '/admin/subscriptions/sub_nobody'],
];

const OTHER_LISTS = new Set([
  'search',
  'invoices',
  'trials-ending',
  'renewals',
  'mails',
  'webhooks',
]);

describe('Every view of the dashboard', () => {
  let browser: TestBrowser;
  let page: Page;
  const problems: string[] = [];

  beforeAll(async () => {
    browser = await openBrowser();
    page = await signIn(browser.context, server);
    page.on('console', (message) => {
      if (message.type() !== 'error' || message.text().includes('404')) return;
      problems.push(`${page.url()}: ${message.text()}`);
    });
    page.on('pageerror', (error) => problems.push(error.message));
  }, 60_000);
  afterAll(() => browser.close());

  /** What was seen of each view, which is opened once. */
  const found: Record<string, string[]> = {};
  const policies: Record<string, string> = {};
  const wider: Record<string, number> = {};
  const modes: Record<string, boolean> = {};
  beforeAll(async () => {
    for (const [name, path] of views()) {
      const response = await page.goto(server.url + path);
      policies[name] = response?.headers()['content-security-policy'] ?? '';
      // Lists are made by one view: a sample looks at some of them.
      if (!SAMPLED || !OTHER_LISTS.has(name))
        found[name] = await problemsInBothSchemes(page, (scheme) =>
          picture(page, `${name}-${scheme}`),
        );
      await page.setViewportSize({ width: 360, height: 740 });
      wider[name] = await overflow(page);
      modes[name] = name === 'login' || (await isInSight(page, '.env-name'));
      await picture(page, `${name}-360`);
      await page.setViewportSize({ width: 1440, height: 900 });
    }
  }, 480_000);

  it('has nothing that axe-core objects to in light or dark, and with FULL=1 is kept as a picture', () => {
    expect(Object.keys(found).length).toBeGreaterThan(15);
    expect(Object.values(found).flat(), JSON.stringify(found, null, 2)).toEqual([]);
  });

  it('keeps to the strict policy, logs no error, and fits a window of 360 pixels', () => {
    for (const [name, policy] of Object.entries(policies)) {
      expect(policy, name).toContain("default-src 'none'");
      expect(policy, name).not.toContain('unsafe');
    }
    expect(wider).toEqual(Object.fromEntries(views().map(([name]) => [name, 0])));
    expect(problems).toEqual([]);
  });

  it('P-11: always says whether it is about test or live, and bears keys and types of any length', async () => {
    expect(modes).toEqual(Object.fromEntries(views().map(([name]) => [name, true])));
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto(`${server.url}/admin/subscriptions/${subscriptionId}`);
    const [details, timeline, chart] = await Promise.all(
      ['#facts-title', '#timeline-title', '.chart'].map((name) => boxOf(page, name)),
    );
    expect(await page.locator('main').textContent()).toContain('the_key_of_a_program');
    // Details, then the timeline, then the chart.
    expect(details!.bottom).toBeLessThan(timeline!.top);
    expect(timeline!.top - details!.bottom).toBeLessThan(1_100);
    expect(timeline!.bottom).toBeLessThan(chart!.top);
    await page.setViewportSize({ width: 1440, height: 900 });
  }, 60_000);

  it('P-12: shows the whole chart in a window of 1440 x 900, with texts of 11 pixels and more', async () => {
    for (const path of ['/admin', `/admin/subscriptions/${subscriptionId}`]) {
      await page.goto(server.url + path);
      const { top, left, bottom, right } = await boxOf(page, '.chart');
      expect({ top: top > 0, left: left > 0 }, path).toEqual({ top: true, left: true });
      expect(bottom, path).toBeLessThanOrEqual(900);
      expect(right, path).toBeLessThanOrEqual(1440);
      const texts: number[] = await page.evaluate(`[...document.querySelectorAll('.chart text')]
        .map((text) => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a)`);
      expect(texts.length, path).toBeGreaterThan(35);
      expect(Math.min(...texts), path).toBeGreaterThanOrEqual(11);
      expect(await sidewaysScroll(page), path).toBe(0);
    }
  }, 60_000);

  it('P-12: lights the arrows of a state that is pointed at or focused, and leaves those quiet that were not taken', async () => {
    await page.goto(`${server.url}/admin?window=24h`);
    const state = page.locator('.chart a[data-state="past_due"]');
    for (const light of [() => state.hover(), () => state.focus()]) {
      await page.mouse.move(5, 5);
      expect(await litArrows(page)).toEqual([]);
      await light();
      const lit = await litArrows(page);
      expect(lit.length).toBeGreaterThan(3);
      expect(lit.every((touched) => touched.split(' ').includes('past_due'))).toBe(true);
    }
    const looks: { weight: string; width: number; opacity: number }[] =
      await page.evaluate(`[...document.querySelectorAll('.edge[data-edge]')].map((edge) => {
        const { strokeWidth, opacity } = getComputedStyle(edge.querySelector('.wire'));
        return { weight: edge.dataset.weight, width: parseFloat(strokeWidth), opacity: Number(opacity) };
      })`);
    const of = (weight: string) => looks.filter((look) => look.weight === weight);
    expect(of('0').length).toBeGreaterThan(0);
    expect(of('3').length).toBeGreaterThan(0);
    expect(Math.max(...of('0').map(({ width }) => width))).toBeLessThan(
      Math.min(...of('3').map(({ width }) => width)),
    );
  }, 60_000);

  it('P-19: tells MRR of each currency', async () => {
    await page.goto(`${server.url}/admin`);
    const tile = await page.locator('.card', { hasText: 'MRR' }).textContent();
    expect(tile).toMatch(/\$[\d,.]+/);
    expect(tile).toContain('€19.00');
  }, 30_000);

  it('sends less than 150 KB for the first view', async () => {
    await page.goto(`${server.url}/admin`);
    const bytes = await page.evaluate(
      `performance.getEntries().filter((e) => 'encodedBodySize' in e).reduce((sum, e) => sum + e.encodedBodySize, 0)`,
    );
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThan(150_000);
  }, 30_000);
});

interface Edges {
  top: number;
  left: number;
  bottom: number;
  right: number;
}

/** Where an element is on the page. */
async function boxOf(page: Page, selector: string): Promise<Edges> {
  return page.evaluate(`(() => {
    const { top, left, bottom, right } = document.querySelector('${selector}').getBoundingClientRect();
    return { top: top + scrollY, left: left + scrollX, bottom: bottom + scrollY, right: right + scrollX };
  })()`);
}

/** Whether an element is wholly inside the window's width, and shown. */
async function isInSight(page: Page, selector: string): Promise<boolean> {
  const { left, right, bottom, top } = await boxOf(page, selector);
  return left >= 0 && right <= (page.viewportSize()?.width ?? 0) && bottom > top;
}

/** How far the chart would have to be scrolled sideways. */
async function sidewaysScroll(page: Page): Promise<number> {
  return page.evaluate(`(() => {
    const around = document.querySelector('.chart-scroll');
    return around.scrollWidth - around.clientWidth;
  })()`);
}

/** The states at the ends of each line that has the colour of what is pointed at. */
async function litArrows(page: Page): Promise<string[]> {
  return page.evaluate(`(() => {
    for (const animation of document.getAnimations()) animation.finish();
    const probe = document.createElement('i');
    probe.style.color = 'var(--accent)';
    document.body.append(probe);
    const accent = getComputedStyle(probe).color;
    probe.remove();
    return [...document.querySelectorAll('.edge[data-edge]')]
      .filter((edge) => getComputedStyle(edge.querySelector('.wire')).stroke === accent)
      .map((edge) => edge.dataset.touches);
  })()`);
}

describe('The dashboard without JavaScript', () => {
  it('is whole', async () => {
    const browser = await openBrowser({ javaScript: false });
    try {
      const page = await signIn(browser.context, server);
      expect(await page.locator('svg [data-state]').count()).toBe(9);
      await page.locator('svg a[data-state="active"]').click();
      expect(await page.locator('h1').textContent()).toContain('active');
      expect(await page.locator('table.rows tbody tr').count()).toBeGreaterThan(5);
    } finally {
      await browser.close();
    }
  }, 60_000);
});
