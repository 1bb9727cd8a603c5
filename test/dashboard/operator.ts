/** A signed-in operator of the browser tests, by their own token. */
import { createHash } from 'node:crypto';
import type { Page } from 'playwright-core';
import { openBrowser, type BrowserOptions, type TestBrowser } from '../support/browser.ts';
import type { TestServer } from '../support/server.ts';

const tokenOf = (name: string) => `the-token-of-${name}`;

/** The variable that makes `sam` support, `vera` a viewer and `ada` an admin. */
export const OPERATORS = {
  ADMIN_TOKENS: [
    ['sam', 'support'],
    ['vera', 'viewer'],
    ['ada', 'admin'],
  ]
    .map(([name = '', role]) => {
      const hash = createHash('sha256').update(tokenOf(name)).digest('hex');
      return `${name}:${role}:${hash}`;
    })
    .join(','),
};

export interface OperatorBrowser extends TestBrowser {
  page: Page;
  /** What the browser complained about: violations of the policy, errors of scripts. */
  problems: string[];
}

/** Signs in through the form. */
export async function openAs(
  server: TestServer,
  name: 'sam' | 'vera' | 'ada',
  options: BrowserOptions = {},
): Promise<OperatorBrowser> {
  const browser = await openBrowser(options);
  const page = await browser.context.newPage();
  page.setDefaultTimeout(20_000);
  const problems: string[] = [];
  page.on('console', (message) => {
    const text = message.text();
    if (message.type() === 'error' && !/status of (4\d\d)/.test(text)) problems.push(text);
  });
  page.on('pageerror', (error) => problems.push(error.message));
  await page.goto(`${server.url}/admin/login`);
  await page.locator('input[name="token"]').fill(tokenOf(name));
  await page.locator('form button[type="submit"]').click();
  await page.waitForURL(`${server.url}/admin`);
  return { ...browser, page, problems };
}
