import type { EffectPayloads, MailKind } from '../../../state/effect-kinds.ts';
import type { Stored } from '../../../state/mail-relevance.ts';
import { html, Html, safeUrl } from '../../http/pages/html.ts';
import { MAIL_FACTS } from './facts.ts';
import { formatOf, type MailLocale } from './format.ts';
import { de } from './de.ts';
import { en } from './en.ts';
import { fr } from './fr.ts';
import { overrideOf, type MailTemplates } from './overrides.ts';
import type { Language, MailLink, MailWords } from './words.ts';

const LANGUAGES: Record<MailLocale, Language> = { en, de, fr };

/** Whose mail it is; the deployment's settings. */
export interface MailShop {
  name: string | null;
  logoUrl: string | null;
  supportEmail: string | null;
}

/** What a mail is made from. */
export interface MailContext<K extends MailKind> {
  payload: Stored<EffectPayloads[K]>;
  /** The plan's name as customers know it; null when it has none. */
  planName: string | null;
  /** Where customers manage their subscription. */
  accountUrl: string;
  locale: MailLocale;
  shop: MailShop;
  /** The deployment's own templates. */
  templates: MailTemplates;
}

/** A mail in both its forms; `lang` is the language of the words. */
export interface MailText {
  subject: string;
  text: string;
  html: string;
}

/** The mail of an effect. */
export function renderMail<K extends MailKind>(kind: K, context: MailContext<K>): MailText {
  const { payload, planName, accountUrl: account, locale, shop, templates } = context;
  const language = LANGUAGES[locale];
  const plan = planName || language.noPlan;
  // Each kind's own functions take its own payload and facts, as the tables' types say.
  const readFacts = MAIL_FACTS[kind] as (payload: object, format: object) => object;
  const facts = readFacts(payload, formatOf(locale));
  const sayWords = language.mails[kind] as (facts: object, names: object) => MailWords;
  const words = sayWords(facts, { plan, account });
  const own = overrideOf(
    templates,
    { kind, locale },
    {
      ...(facts as Record<string, string | boolean | null>),
      plan,
      account,
      shop: shop.name,
      support: shop.supportEmail,
    },
  );
  const questions = shop.supportEmail === null ? null : language.questions(shop.supportEmail);
  return {
    // A line break in a subject could start another header.
    subject: (own?.subject ?? words.subject).replaceAll(/\s+/g, ' '),
    text: own?.text ?? textOf(words, { shop, questions }),
    html: own?.html ?? htmlOf(words, { shop, questions, locale }),
  };
}

interface Around {
  shop: MailShop;
  questions: string | null;
}

const present = <T>(values: readonly (T | null)[]): T[] => values.filter((each) => each !== null);

function textOf({ lines, links }: MailWords, { shop, questions }: Around): string {
  const found = present(links).map(({ text, url }) => `${text}:\n${url}`);
  const end = present([questions, shop.name]);
  const sign = end.length === 0 ? [] : [`-- \n${end.join('\n')}`];
  return `${[...present(lines), ...found, ...sign].join('\n\n')}\n`;
}

const SANS = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";

/** Tables and inline styles: what mail programs understand. Everything that is put in is escaped. */
function htmlOf(
  { subject, lines, links }: MailWords,
  { shop, questions, locale }: Around & { locale: MailLocale },
): string {
  const logo = safeUrl(shop.logoUrl);
  const head = logo
    ? html`<img
        src="${logo}"
        alt="${shop.name ?? ''}"
        height="32"
        style="display:block;border:0;max-width:200px"
      />`
    : shop.name;
  const document = html`<!doctype html>
    <html lang="${locale}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width,initial-scale=1" />
        <title>${subject}</title>
      </head>
      <body style="margin:0;background:#f5f6f8">
        <table
          role="presentation"
          width="100%"
          cellpadding="0"
          cellspacing="0"
          style="background:#f5f6f8"
        >
          <tr>
            <td align="center" style="padding:24px 12px">
              <table
                role="presentation"
                width="100%"
                cellpadding="0"
                cellspacing="0"
                style="max-width:560px;background:#ffffff;border:1px solid #e2e5ea;border-radius:10px"
              >
                <tr>
                  <td
                    style="padding:28px;${new Html(SANS)};font-size:15px;line-height:1.55;color:#14161c"
                  >
                    ${head && html`<p style="margin:0 0 20px;font-weight:600">${head}</p>`}
                    ${present(lines).map((each) => html`<p style="margin:0 0 14px">${each}</p>`)}
                    ${present(links).map((link, index) => button(link, index === 0))}
                    ${questions !== null && html`<p style="margin:24px 0 0;font-size:13px;color:#565d6b">${questions}</p>`}
                  </td>
                </tr>
              </table>
            </td>
          </tr>
        </table>
      </body>
    </html>`;
  return `${document.markup}\n`;
}

function button({ text, url }: MailLink, isFirst: boolean): Html | null {
  const href = safeUrl(url);
  if (href === null) return null;
  const look = isFirst
    ? 'display:inline-block;padding:10px 18px;border-radius:8px;background:#4a3fd0;color:#ffffff;text-decoration:none;font-weight:600'
    : 'color:#4a3fd0';
  return html`<p style="margin:18px 0 0"><a href="${href}" style="${look}">${text}</a></p>`;
}
