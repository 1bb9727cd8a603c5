/** Helpers of the browser tests: signing in, axe, and where screenshots go. */
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { SAMPLED } from '../support/sizes.ts';
import type { BrowserContext, Page } from 'playwright-core';
import { createLoginLink } from '../../server/admin/pages/session.ts';
import type { TestServer } from '../support/server.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Signs a browser in by a one-time link, as `npm start` prints it. */
export async function signIn(context: BrowserContext, server: TestServer): Promise<Page> {
  const page = context.pages()[0] ?? (await context.newPage());
  const link = createLoginLink(server.services);
  if (link === null) throw new Error('The dashboard is closed');
  await page.goto(link);
  await page.waitForURL(`${server.url}/admin`);
  return page;
}

/** What axe-core finds on a page by WCAG 2.2 AA, in short lines. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  // Through the debugger, to which the page's policy does not apply.
  await page.evaluate(AXE);
  const result: {
    violations: { id: string; nodes: { target: unknown; failureSummary?: string }[] }[];
  } = await page.evaluate(
    `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })`,
  );
  return result.violations.flatMap(({ id, nodes }) =>
    nodes
      .slice(0, 3)
      .map((node) => `${id}: ${JSON.stringify(node.target)} ${node.failureSummary ?? ''}`),
  );
}

/** With `FULL=1`, keeps a picture of the whole page under test-output/dashboard/. */
export async function picture(page: Page, name: string): Promise<void> {
  if (SAMPLED) return;
  mkdirSync('test-output/dashboard', { recursive: true });
  await page.screenshot({ path: `test-output/dashboard/${name}.png`, fullPage: true });
}

/** How far a page is wider than its window, in pixels; 0 is right. */
export async function overflow(page: Page): Promise<number> {
  return page.evaluate(
    'Math.max(0, document.documentElement.scrollWidth - document.documentElement.clientWidth)',
  );
}
