import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** npm script → file, for the scripts whose options the guides explain. */
const SCRIPTS: Record<string, string> = {
  'setup:stripe': 'setup-stripe',
  'migrate-plan': 'migrate-plan',
  'stripe:e2e': 'stripe-e2e',
  'stripe:listen': 'stripe-listen',
  'stripe:trigger': 'stripe-trigger',
  doctor: 'doctor',
};
const GUIDES = ['changing-prices', 'going-live', 'testing-with-the-stripe-cli'];

describe('the guides name only options that there are', () => {
  const commands = GUIDES.flatMap((guide) =>
    [...read(`docs/${guide}.md`).matchAll(/npm run ([\w:-]+) -- ([^`\n#]*)/g)].map(
      ([, script = '', options = '']) => ({ guide, script, options: options.trim() }),
    ),
  );

  it.each(commands)('$guide: npm run $script -- $options', ({ script, options }) => {
    const help = read(`scripts/${SCRIPTS[script]}.ts`).split('const HELP = ')[1] ?? '';
    for (const [option] of options.matchAll(/--[a-z][a-z-]*/g))
      expect(help).toContain(`  ${option}`);
  });

  it('also in the table of price changes', () => {
    const help = read('scripts/migrate-plan.ts').split('const HELP = ')[1] ?? '';
    const table = read('docs/changing-prices.md')
      .split('\n')
      .filter((line) => line.startsWith('|'));
    const options = table.flatMap((line) => line.match(/--[a-z][a-z-]*/g) ?? []);
    expect(new Set(options).size).toBeGreaterThan(8);
    expect(options.filter((option) => !help.includes(`  ${option}`))).toEqual([]);
  });
});

describe('every script of operations', () => {
  it.each(Object.values(SCRIPTS))('%s explains each of its options', (name) => {
    const source = read(`scripts/${name}.ts`);
    const help = source.split('const HELP = ')[1]?.split('`;')[0] ?? '';
    const parsed = source.split('options: {')[1]?.split('\n  },')[0] ?? '';
    const options = [...parsed.matchAll(/^ {4}'?([a-z-]+)'?: \{/gm)].map(
      ([, option = '']) => option,
    );
    for (const option of options) expect(help, option).toContain(`--${option}`);
    expect(help).toContain('--help');
  });
});
