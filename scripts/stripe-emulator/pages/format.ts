const ZERO_DECIMAL = new Set(
  'bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf'.split(' '),
);
const THREE_DECIMAL = new Set('bhd jod kwd omr tnd'.split(' '));

function decimalsOf(currency: string): number {
  if (ZERO_DECIMAL.has(currency)) return 0;
  return THREE_DECIMAL.has(currency) ? 3 : 2;
}

/** An amount in minor units as a person reads it: `money(1900, 'usd')` is `$19.00`. */
export function money(amount: number, currency: string): string {
  const digits = decimalsOf(currency);
  const style = {
    style: 'currency',
    currency: currency.toUpperCase(),
    currencyDisplay: 'narrowSymbol',
  } as const;
  const format = new Intl.NumberFormat('en-US', {
    ...style,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return format.format(amount / 10 ** digits);
}

/** A Unix time in seconds as a date a person reads, in UTC: `24 November 2026`. */
export const day = (seconds: number): string =>
  new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' }).format(seconds * 1000);

/** `every('month', 1)` is `month`, `every('month', 3)` is `3 months`. */
export const every = (interval: string, count: number): string =>
  count === 1 ? interval : `${count} ${interval}s`;
