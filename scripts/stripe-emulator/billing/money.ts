const ZERO_DECIMAL = new Set(
  'bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf'.split(' '),
);
const THREE_DECIMAL = new Set('bhd jod kwd omr tnd'.split(' '));

/** Smallest charge per settlement currency, in minor units. */
const MINIMUM: Record<string, number> = {
  usd: 50,
  eur: 50,
  aud: 50,
  cad: 50,
  chf: 50,
  brl: 50,
  inr: 50,
  nzd: 50,
  sgd: 50,
  gbp: 30,
  aed: 200,
  myr: 200,
  pln: 200,
  ron: 200,
  dkk: 250,
  nok: 300,
  sek: 300,
  hkd: 400,
  mxn: 1000,
  thb: 1000,
  czk: 1500,
  jpy: 50,
  krw: 50,
  huf: 17_500,
};

/** The least amount that can be charged; what is under it goes to the customer's balance. */
export function minimumCharge(currency: string): number {
  return MINIMUM[currency] ?? 50;
}

/** `$20.00`, `€20.00`, `¥980`: how descriptions show an amount of minor units. */
export function shownAmount(amount: number, currency: string): string {
  const digits = ZERO_DECIMAL.has(currency) ? 0 : THREE_DECIMAL.has(currency) ? 3 : 2;
  const value = amount / 10 ** digits;
  const most = Math.max(digits, Math.min((String(value).split('.')[1] ?? '').length, 12));
  return formatFor(currency, digits, most).format(value);
}

const formats = new Map<string, Intl.NumberFormat>();

/** Formats are kept: making one costs more than all else that a line needs. */
function formatFor(currency: string, least: number, most: number): Intl.NumberFormat {
  const key = `${currency} ${least} ${most}`;
  const known = formats.get(key);
  if (known !== undefined) return known;
  const made = new Intl.NumberFormat('en-US', {
    style: 'currency',
    currency: currency.toUpperCase(),
    minimumFractionDigits: least,
    maximumFractionDigits: most,
  });
  formats.set(key, made);
  return made;
}

/** Half away from zero, once the dust of binary fractions is off. */
export function rounded(amount: number): number {
  const value = Math.sign(amount) * Math.round(Number(Math.abs(amount).toFixed(6)));
  return value === 0 ? 0 : value;
}
