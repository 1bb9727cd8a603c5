import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const GLOSSARY = 'docs/glossary.md';

/** What is held to the glossary. */
const CHECKED = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  '.env.example',
  'docs',
  'scripts',
  'adapters',
  'db',
  'server',
  'state',
];

/** What is not: the glossary itself, the emulator's own package, and migrations that were released under their names. */
const EXCEPT = [
  GLOSSARY,
  'scripts/stripe-emulator',
  'db/migrations',
  'server/admin/pages/chart-layout.json',
];

/** Other meanings of a word. A line that matches may have it. */
const OTHER_MEANINGS: Record<string, RegExp> = {
  // The column of `webhook_events`, the claim of a token, and the subject line of a mail.
  subject:
    /\.subject\b|INSERT INTO|'subject'|setSubject|\bsub\b|subject line|mail|\{ subject[,:]|in a subject could|subject: (string;|Line|line`|'text'|clean\()|\b(SELECT|AND|BY) subject\b|key = subject\)|subject:$|subject: (amount === null|capped)|Subject: …|subject\?: string|\[, subject, body\]|<title>|subject && \{|own\?\.subject/i,
  subjects: /'subjects'|\b(FROM|INTO|JOIN|UPDATE) subjects\b|\bsubjects\.(key|fence|lease_until)\b/,
  person: /person@example|A Person/,
};

interface Rule {
  word: string;
  say: string;
  pattern: RegExp;
  /** Constants are looked for as they are written, everything else with identifiers cut into words. */
  constant: boolean;
}

/** The table at the end of the glossary, as patterns. */
function rulesOf(glossary: string): Rule[] {
  const [, table = ''] = glossary.split('## Words not to use');
  const rows = [...table.matchAll(/^\| (?!not )([^|\n-]+) \| ([^|\n]+) \|$/gm)];
  return rows.flatMap(([, not = '', say = '']) =>
    not.split(', ').map((word) => {
      const constant = word === word.toUpperCase();
      const pattern = constant
        ? new RegExp(`(?<![A-Za-z])(?:[A-Z\\d]+_)*${word}(?:_[A-Z\\d]+)*(?![A-Za-z])`)
        : new RegExp(`\\b${word}\\b`, 'i');
      return { word, say, pattern, constant };
    }),
  );
}

/** `letGo` and `LET_GO` as "let Go" and "LET GO". */
const cut = (line: string) => line.replaceAll(/([a-z\d])([A-Z])/g, '$1 $2').replaceAll('_', ' ');

function findOldWords(text: string, rules: Rule[]): { line: number; word: string; say: string }[] {
  return text.split('\n').flatMap((line, index) => {
    const words = cut(line);
    return rules
      .filter(({ constant, pattern, word }) => {
        if (OTHER_MEANINGS[word]?.test(line)) return false;
        return pattern.test(constant ? line : words);
      })
      .map(({ word, say }) => ({ line: index + 1, word, say }));
  });
}

function filesIn(path: string): string[] {
  const full = join(root, path);
  const names = statSync(full).isDirectory()
    ? readdirSync(full, { recursive: true, encoding: 'utf8' }).map((name) => join(path, name))
    : [path];
  return names
    .map((name) => relative(root, join(root, name)))
    .filter((name) => /\.(ts|md|py|css|html|json|service)$|\.env\.example$/.test(name))
    .filter((name) => !/node_modules|__pycache__/.test(name))
    .filter((name) => !EXCEPT.some((each) => name === each || name.startsWith(`${each}/`)));
}

const rules = rulesOf(readFileSync(join(root, GLOSSARY), 'utf8'));

describe('H-13: the words of the glossary', () => {
  it('finds old words in names, constants, comments and sentences', () => {
    const old = [
      'const verdictOf = 1;',
      'letGo()',
      'const MOST_ROWS = 9;',
      '// Nobody waits.',
      'it was worked off',
    ];
    expect(findOldWords(old.join('\n'), rules).map(({ line }) => line)).toEqual([1, 2, 3, 4, 5]);
    expect(findOldWords('Most rows recommend indoor work.', rules)).toEqual([]);
  });

  it.each(CHECKED)('are used in %s, and none that they replaced', (path) => {
    const files = filesIn(path);
    const found = files.flatMap((name) => [
      ...findOldWords(name.replaceAll(/[/.-]/g, ' '), rules).map(({ word }) => `${name}: ${word}`),
      ...findOldWords(readFileSync(join(root, name), 'utf8'), rules).map(
        ({ line, word, say }) => `${name}:${line}: "${word}"; say ${say}`,
      ),
    ]);
    expect(found).toEqual([]);
  });
});
