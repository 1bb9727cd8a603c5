import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROUTES } from '../../server/app/route-list.ts';
import { overflow, problemsInBothSchemes } from '../dashboard/pages.ts';
import { openBrowser } from '../support/browser.ts';
import { SAMPLED } from '../support/sizes.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ database: 'sqlite' });
});
afterAll(() => server.close());

describe('The page about the API', () => {
  it('has every route of the API, its refusals and an example that can be copied', async () => {
    const { text, headers } = await server.call('GET', '/docs');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    for (const { page, path } of ROUTES) {
      const shown = `<code>${path.replaceAll(/:(\w+)/g, '{$1}')}</code>`;
      if (!page) expect(text, path).toContain(shown);
    }
    expect(text).toContain('already_subscribed');
    expect(text).toContain(
      `curl -X POST ${server.services.config.http.appUrl}/api/billing/checkout`,
    );
  });

  it('loads nothing from elsewhere, fits a phone, and axe-core has nothing against it, light or dark', async () => {
    const browser = await openBrowser({ colorScheme: 'light' });
    try {
      const page = browser.context.pages()[0] ?? (await browser.context.newPage());
      const asked: string[] = [];
      const refused: string[] = [];
      page.on('request', (request) => asked.push(new URL(request.url()).origin));
      page.on('console', (message) => refused.push(message.text()));
      await page.goto(`${server.url}/docs`);
      // All routes are shown by one view: a sample looks at some of them.
      const others = SAMPLED ? 'main > section:nth-of-type(n + 16)' : undefined;
      if (others) expect(await page.locator(others).count()).toBeGreaterThan(20);
      expect(await problemsInBothSchemes(page, undefined, others)).toEqual([]);
      expect(new Set(asked)).toEqual(new Set([server.url]));
      expect(refused).toEqual([]);
      await page.setViewportSize({ width: 360, height: 800 });
      expect(await overflow(page)).toBe(0);
    } finally {
      await browser.close();
    }
  }, 90_000);
});
