/** Amounts for people to read. Everywhere else they stay integers of the smallest unit. */

const ZERO_DECIMAL: ReadonlySet<string> = new Set(
  'bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf'.split(' '),
);
const THREE_DECIMAL: ReadonlySet<string> = new Set('bhd jod kwd omr tnd'.split(' '));

const SIGNS: Readonly<Record<string, string>> = {
  usd: '$',
  eur: '€',
  gbp: '£',
  jpy: '¥',
  inr: '₹',
  krw: '₩',
};

/** How many decimals a currency's minor unit stands for at Stripe: 0, 2 or 3. */
export function currencyExponent(currency: string): 0 | 2 | 3 {
  const code = currency.toLowerCase();
  if (ZERO_DECIMAL.has(code)) return 0;
  return THREE_DECIMAL.has(code) ? 3 : 2;
}

/** `2000, usd` → `$20.00`; `980, jpy` → `¥980`; `123456, chf` → `CHF 1,234.56`. The same on every machine. */
export function formatMoney(amount: number, currency: string): string {
  if (!Number.isSafeInteger(amount))
    throw new RangeError(`Not an amount in minor units: ${amount}`);
  const exponent = currencyExponent(currency);
  const digits = String(Math.abs(amount)).padStart(exponent + 1, '0');
  const whole = digits.slice(0, digits.length - exponent).replace(/\B(?=(\d{3})+$)/g, ',');
  const fraction = exponent === 0 ? '' : `.${digits.slice(-exponent)}`;
  const code = currency.toLowerCase();
  const sign = SIGNS[code] ?? `${code.toUpperCase()} `;
  return `${amount < 0 ? '-' : ''}${sign}${whole}${fraction}`;
}

/** `12.50, usd` → `1250`; null for what is no amount, or has more decimals than the currency. */
export function parseMoney(text: string, currency: string): number | null {
  const exponent = currencyExponent(currency);
  const match = /^(\d{1,12})(?:\.(\d{1,3}))?$/.exec(text.trim().replaceAll(',', ''));
  if (!match) return null;
  const [, whole = '', fraction = ''] = match;
  return fraction.length > exponent ? null : Number(whole + fraction.padEnd(exponent, '0'));
}
