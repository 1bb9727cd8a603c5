import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext } from 'playwright-core';

/** What every Chromium of the tests is started with: nothing is asked of any network but ours. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--font-render-hinting=none',
];

const INSTALLED = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome-stable',
  '/usr/bin/google-chrome',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

export interface BrowserOptions {
  colorScheme?: 'light' | 'dark';
  width?: number;
  height?: number;
  javaScript?: boolean;
  /** Where the reader is, e.g. `Asia/Tokyo`. */
  timezone?: string;
}

/** A browser of its own, with its own profile; `close()` removes both. */
export interface TestBrowser {
  context: BrowserContext;
  close: () => Promise<void>;
}

/** Opens a real headless Chromium: `CHROMIUM_PATH`, an installed one, or the one npm brought. */
export async function openBrowser(options: BrowserOptions = {}): Promise<TestBrowser> {
  const profile = await mkdtemp(join(tmpdir(), 'tenure-chromium-'));
  const { executablePath, extra } = await findChromium();
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: [...ARGUMENTS, ...extra],
    colorScheme: options.colorScheme ?? 'light',
    javaScriptEnabled: options.javaScript ?? true,
    ...(options.timezone !== undefined && { timezoneId: options.timezone }),
    viewport: { width: options.width ?? 1440, height: options.height ?? 900 },
  });
  return {
    context,
    close: async () => {
      await context.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

async function findChromium(): Promise<{ executablePath: string; extra: string[] }> {
  const path = process.env['CHROMIUM_PATH'] || INSTALLED.find((candidate) => existsSync(candidate));
  if (path) return { executablePath: path, extra: [] };
  const { default: bundled } = await import('@sparticuz/chromium');
  const needed = bundled.args.filter((argument) =>
    /single-process|no-zygote|in-process/.test(argument),
  );
  return { executablePath: await bundled.executablePath(), extra: needed };
}
