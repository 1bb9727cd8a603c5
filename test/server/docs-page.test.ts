import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROUTES } from '../../server/app/route-list.ts';
import { overflow, problemsInBothSchemes } from '../dashboard/pages.ts';
import { openBrowser } from '../support/browser.ts';
import { SAMPLED } from '../support/sizes.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { TEST_ADMIN_TOKEN, tokenFor } from '../support/tokens.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ database: 'sqlite' });
});
afterAll(() => server.close());

/** Answers that say that the call itself was wrong, not that there is nothing to do. */
const MALFORMED = new Set([
  'invalid_request',
  'invalid_json',
  'unsupported_media_type',
  'unauthenticated',
  'unknown_plan',
  'unknown_price',
]);

const plain = (text: string): string =>
  text.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&');

/** What the shell and curl make of an example. */
async function asRequest(example: string, { url: base }: TestServer) {
  const set = example
    .replaceAll(server.services.config.http.appUrl, base)
    .replaceAll('$TOKEN', await tokenFor('user_1'))
    .replaceAll('$ADMIN_TOKEN', TEST_ADMIN_TOKEN)
    .replaceAll('$LIST', 'accounts')
    .replaceAll(/\$(ID|INVOICE|CODE|MAIL)\b/g, '1');
  const [, method = 'GET'] = /-X (\w+)/.exec(set) ?? [];
  const [, url = ''] = /(http[^\s"]+)/.exec(set) ?? [];
  const [, authorization] = /Authorization: ([^"]+)"/.exec(set) ?? [];
  const [, body] = /-d '([^']+)'/.exec(set) ?? [];
  const headers = {
    ...(authorization !== undefined && { authorization }),
    ...(body !== undefined && { 'content-type': 'application/json' }),
  };
  return { url, method, headers, body: body ?? null };
}

/** The paths of all properties and parameters without a description. */
function* undescribed(node: unknown, path: string): Iterable<string> {
  if (Array.isArray(node)) {
    for (const [index, each] of node.entries()) yield* undescribed(each, `${path}/${index}`);
    return;
  }
  if (typeof node !== 'object' || node === null) return;
  for (const [key, value] of Object.entries(node)) {
    if (key === 'properties' || key === 'parameters') {
      for (const [name, own] of Object.entries(value as Record<string, { description?: string }>)) {
        if (!own.description) yield `${path}/${key}/${name}`;
      }
    }
    yield* undescribed(value, `${path}/${key}`);
  }
}

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

  it('P-17: says what each property and parameter means, and lists each operation once', async () => {
    const { json } = await server.call('GET', '/openapi.json');
    const silent = [...undescribed(json, '')];
    expect(silent).toEqual([]);
    const { text } = await server.call('GET', '/docs');
    const listed = [...text.matchAll(/class="verb">(\w+)<\/span>\s*<span>([^<]+)</g)];
    const names = listed.map(([, verb, path]) => `${verb} ${path}`);
    expect(names.length).toBeGreaterThan(60);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it('P-17: finds operations by path, word and field', async () => {
    const { text } = await server.call('GET', '/docs?q=proration%20preview');
    expect(text).toContain('<code>/api/billing/subscription/preview</code>');
    expect(text).not.toContain('<code>/api/billing/portal</code>');
    expect((await server.call('GET', '/docs?q=zzz')).text).toContain('No operation');
  });

  it('P-17: has examples that run as they are printed', async () => {
    const { text } = await server.call('GET', '/docs');
    const examples = [...text.matchAll(/aria-label="Example">\s*([^<]+)<\/pre/g)].map(([, own]) =>
      plain(own ?? ''),
    );
    expect(examples.length).toBeGreaterThan(60);
    const refused: string[] = [];
    for (const example of examples.filter((each) => !/webhooks|stream/.test(each))) {
      const { url, method, headers, body } = await asRequest(example, server);
      const answer = await fetch(url, { method, headers, body, redirect: 'manual' });
      const { error } = ((await answer.json().catch(() => ({}))) ?? {}) as {
        error?: { code: string; message: string };
      };
      if (error && MALFORMED.has(error.code))
        refused.push(`${example}: ${error.code} ${error.message}`);
    }
    expect(refused).toEqual([]);
  }, 90_000);

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
