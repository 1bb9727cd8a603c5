/** Small readers for JSON whose shape depends on the API version that wrote it. */

export type Json = Record<string, unknown>;

/** The value as an object, or null for anything else (arrays included). */
export function asObject(value: unknown): Json | null {
  return isObject(value) ? value : null;
}

/** The value as a list; an empty one for anything else. Stripe lists (`{data: […]}`) are opened. */
export function asList(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  const data = asObject(value)?.['data'];
  return Array.isArray(data) ? data : [];
}

/** A non-empty string, or null. */
export function asText(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** A safe integer, also when it came as a string or a Decimal; null when it is none. */
export function asInteger(value: unknown): number | null {
  if (value === null || value === undefined || value === '' || typeof value === 'boolean')
    return null;
  const text = decimalText(value);
  if (text === null || !/^-?\d+(\.0+)?$/.test(text)) return null;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : null;
}

/** Seconds since the epoch (number) or ISO 8601 (v2 events) as milliseconds; null when absent. */
export function asTime(value: unknown): number | null {
  if (typeof value === 'number' && Number.isFinite(value)) return Math.round(value * 1000);
  if (typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value)) {
    const time = Date.parse(value);
    return Number.isNaN(time) ? null : time;
  }
  return null;
}

/** The id of something that is either expanded or not; deleted objects keep theirs. */
export function idOf(value: unknown): string | null {
  return asText(value) ?? asText(asObject(value)?.['id']);
}

/** Stripe metadata: only its text values. */
export function asMetadata(value: unknown): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [key, text] of Object.entries(asObject(value) ?? {})) {
    if (typeof text === 'string') result[key] = text;
  }
  return result;
}

/** Follows keys through nested objects; undefined where one is missing. */
export function at(value: unknown, ...keys: string[]): unknown {
  let here = value;
  for (const key of keys) here = asObject(here)?.[key];
  return here;
}

function decimalText(value: unknown): string | null {
  if (typeof value === 'number' || typeof value === 'string') return String(value);
  return isDecimal(value) ? value.toString() : null;
}

/** `Stripe.Decimal`, as in API answers; payloads have plain text instead. */
function isDecimal(value: unknown): value is { toString(): string } {
  return typeof value === 'object' && value !== null && 'toFixed' in value;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
