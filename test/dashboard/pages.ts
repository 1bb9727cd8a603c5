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

/** Which rules of axe-core a page is held to: WCAG 2.2 AA with what is best practice, or what depends on its colours. */
const RULES = {
  all: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  colours: { type: 'rule', values: ['color-contrast', 'link-in-text-block'] },
};

interface Asked {
  rules?: keyof typeof RULES;
  /** A selector of what is left out. */
  except?: string;
}

/** What axe-core finds on a page, in short lines. */
export async function accessibilityProblems(
  page: Page,
  { rules = 'all', except }: Asked = {},
): Promise<string[]> {
  const context = except === undefined ? 'document' : JSON.stringify({ exclude: [except] });
  // Through the debugger, to which the page's policy does not apply.
  if ((await page.evaluate('typeof axe')) === 'undefined') await page.evaluate(AXE);
  const result: {
    violations: { id: string; nodes: { target: unknown; failureSummary?: string }[] }[];
  } = await page.evaluate(
    `axe.run(${context}, ${JSON.stringify({ runOnly: RULES[rules], resultTypes: ['violations'] })})`,
  );
  return result.violations.flatMap(({ id, nodes }) =>
    nodes
      .slice(0, 3)
      .map((node) => `${id}: ${JSON.stringify(node.target)} ${node.failureSummary ?? ''}`),
  );
}

/** The same in light and in dark. What does not depend on colours is asked once, with `FULL=1` in both. */
export async function problemsInBothSchemes(
  page: Page,
  each?: (colorScheme: 'light' | 'dark') => Promise<void>,
  except?: string,
): Promise<string[]> {
  const found: string[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await each?.(colorScheme);
    const rules = SAMPLED && colorScheme === 'dark' ? 'colours' : 'all';
    const problems = await accessibilityProblems(page, { rules, except });
    found.push(...problems.map((problem) => `${colorScheme}: ${problem}`));
  }
  await page.emulateMedia({ colorScheme: 'light' });
  return found;
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
