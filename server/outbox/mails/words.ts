import type { MailKind } from '../../../state/effect-kinds.ts';
import type { MailFacts, Names } from './facts.ts';

/** Text that nothing missing was put into. */
export type Line = string & { readonly line: true };

/** The only way to a line: what may be missing does not compile in it, so no mail says "null". */
export function line(parts: TemplateStringsArray, ...values: string[]): Line {
  return String.raw({ raw: parts }, ...values) as Line;
}

/** Where a mail leads to; `text` is on its button. */
export interface MailLink {
  text: Line;
  url: string;
}

export interface MailWords {
  subject: Line;
  lines: (Line | null)[];
  links: (MailLink | null)[];
}

/** All mails in one language: a kind that is missing does not compile. */
export interface Language {
  /** Where the plan has no name. */
  noPlan: Line;
  questions: (address: string) => Line;
  mails: {
    readonly [K in MailKind]: (
      facts: MailFacts<K>,
      names: { plan: string; account: Names['account'] },
    ) => MailWords;
  };
}

/** What a bank gives as its reason, in words; `other` stands for what is not named. Null where it gave none. */
export function reasonFrom(
  named: Readonly<Record<string, string>>,
  other: string,
): (decline: string | null) => Line | null {
  return (decline) => (decline === null ? null : line`${named[decline] ?? other}`);
}

/** `month` is one of a unit, `3 months` three. */
export function intervalOf(
  words: string,
  units: Readonly<Record<string, readonly [one: string, many: string]>>,
): { count: string; one: string; many: string } {
  const [count = '1', unit = ''] = words.includes(' ') ? words.split(' ') : ['1', words];
  const [one, many] = units[unit.replace(/s$/, '')] ?? [unit, unit];
  return { count, one, many };
}
