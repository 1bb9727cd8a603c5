import { currencyExponent, formatMoney } from '../../../state/money.ts';

export const MAIL_LOCALES = ['en', 'de', 'fr'] as const;
export type MailLocale = (typeof MAIL_LOCALES)[number];

/** The language of a mail: the customer's, as Stripe names it (`de`, `fr-CA`), where it is one of ours. */
export function localeOf(preferred: string | null, fallback: MailLocale): MailLocale {
  const language = preferred?.toLowerCase().split('-')[0];
  return MAIL_LOCALES.find((each) => each === language) ?? fallback;
}

/** Amounts and dates as readers of a language write them; null for what is none. */
export interface MailFormat {
  amount: (value: number | null | undefined, currency: string | null | undefined) => string | null;
  number: (value: number | null | undefined) => string | null;
  date: (value: string | null | undefined) => string | null;
  /** Of a time, the month: `May 2027`. */
  month: (value: string | null | undefined) => string | null;
}

const REGION: Record<MailLocale, string> = { en: 'en-GB', de: 'de-DE', fr: 'fr-FR' };

/** Made once: it takes as long as all else about a mail. */
const formats = new Map<MailLocale, MailFormat>();

export function formatOf(locale: MailLocale): MailFormat {
  const format = formats.get(locale) ?? createFormat(locale);
  formats.set(locale, format);
  return format;
}

function createFormat(locale: MailLocale): MailFormat {
  const shaped = (options: Intl.DateTimeFormatOptions) => {
    const format = new Intl.DateTimeFormat(REGION[locale], { ...options, timeZone: 'UTC' });
    return (value: string | null | undefined) => {
      const date = new Date(value ?? Number.NaN);
      if (Number.isNaN(date.getTime())) return null;
      const words = format.format(date);
      // French counts the first of a month.
      return locale === 'fr' ? words.replace(/^1 /, '1er ') : words;
    };
  };
  const count = new Intl.NumberFormat(REGION[locale]);
  return {
    amount: (value, currency) =>
      typeof value === 'number' && currency ? amountIn(locale, value, currency) : null,
    number: (value) => (typeof value === 'number' ? count.format(value) : null),
    date: shaped({ day: 'numeric', month: 'long', year: 'numeric' }),
    month: shaped({ month: 'long', year: 'numeric' }),
  };
}

function amountIn(locale: MailLocale, value: number, currency: string): string {
  if (locale === 'en') return formatMoney(value, currency);
  // Stripe's decimals, which are not always those of the currency's own list.
  const digits = currencyExponent(currency);
  const format = new Intl.NumberFormat(REGION[locale], {
    style: 'currency',
    currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return format.format(value / 10 ** digits);
}
