import { readFileSync } from 'node:fs';
import { RawAnswer, type Registry } from '../kernel/registry.ts';

const FILES: Readonly<Record<string, string>> = {
  'base.css': 'text/css; charset=utf-8',
  'forms.css': 'text/css; charset=utf-8',
  'pages.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
};

/** The style, the small script and the icon that the pages link to. */
export function registerAssets(registry: Registry): void {
  for (const [name, type] of Object.entries(FILES)) {
    const path = new URL(`assets/${name}`, import.meta.url);
    const headers = {
      'Content-Type': type,
      'Cache-Control': 'no-cache',
      'X-Content-Type-Options': 'nosniff',
    };
    registry.raw('GET', `/_pages/${name}`, () => new RawAnswer(200, headers, readFileSync(path)));
  }
}
