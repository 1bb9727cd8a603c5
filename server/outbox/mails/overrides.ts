import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MailKind } from '../../../state/effect-kinds.ts';
import { escapeHtml } from '../../http/pages/html.ts';
import type { MailLocale } from './format.ts';

/** The deployment's own templates, by file name without its folder. */
export type MailTemplates = ReadonlyMap<string, string>;

/**
 * Reads `MAIL_TEMPLATES`: `receipt.txt` and `receipt.html` replace that mail in every language, `receipt.de.txt` in one.
 * The first line of a text may be `Subject: …`.
 */
export function loadMailTemplates(folder: string | null): MailTemplates {
  if (folder === null || !existsSync(folder)) return new Map();
  const names = readdirSync(folder).filter((name) => /\.(txt|html)$/.test(name));
  return new Map(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

type Values = Readonly<Record<string, string | boolean | null>>;

interface Own {
  subject?: string;
  text?: string;
  html?: string;
}

/** What the deployment's templates say in place of ours; null when there is none for this mail. */
export function overrideOf(
  templates: MailTemplates,
  { kind, locale }: { kind: MailKind; locale: MailLocale },
  values: Values,
): Own | null {
  const name = kind.slice('mail.'.length);
  const find = (type: string) =>
    templates.get(`${name}.${locale}.${type}`) ?? templates.get(`${name}.${type}`);
  const [text, markup] = [find('txt'), find('html')];
  if (text === undefined && markup === undefined) return null;
  const [, subject, body] = /^(?:Subject:[ \t]*(.*)\r?\n+)?([^]*)$/.exec(text ?? '') ?? [];
  return {
    ...(subject && { subject: filled(subject, values, String) }),
    ...(text !== undefined && { text: filled(body ?? '', values, String) }),
    ...(markup !== undefined && { html: filled(markup, values, escapeHtml) }),
  };
}

/** Puts the values in; a line that names a value which is not known is left out. */
function filled(template: string, values: Values, escape: (value: string) => string): string {
  return template
    .split('\n')
    .flatMap((line) => {
      const names = [...line.matchAll(/\{\{\s*(\w+)\s*\}\}/g)].map(([, name = '']) => name);
      if (names.some((name) => typeof valueOf(values, name) !== 'string')) return [];
      return [
        line.replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (_all, name: string) =>
          escape(String(valueOf(values, name))),
        ),
      ];
    })
    .join('\n');
}

const valueOf = (values: Values, name: string) =>
  Object.hasOwn(values, name) ? values[name] : null;
