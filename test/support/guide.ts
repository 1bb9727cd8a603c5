import { readFileSync } from 'node:fs';

/** The files that a guide shows: blocks of code with a title, as ```ts title="server.ts". */
export function filesOfGuide(guide: string): Map<string, string> {
  const text = readFileSync(new URL(`../../docs/${guide}`, import.meta.url), 'utf8');
  const blocks = text.matchAll(/^```\w+ title="([^"]+)"\n([\s\S]*?)^```$/gm);
  return new Map([...blocks].map(([, title = '', code = '']) => [title, code]));
}
