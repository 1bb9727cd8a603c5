import { CURRENCIES, isCurrency } from './currencies.ts';
import type { ValidationError } from './errors.ts';
import { fail, type Field, type RequiredField } from './field.ts';
import { harmless, only, ownAccount, unserved } from './unserved.ts';
import type { OpenWords } from './words-of.ts';
import { isWireObject, wireItems, type Wire, type WireObject } from './form.ts';

export type { Field } from './field.ts';
export type Fields = Record<string, Field<unknown>>;
type ValueOf<F> = F extends Field<infer T> ? T : never;
type Flat<T> = { [K in keyof T]: T[K] };
/** The values a schema reads: required fields are present, the others may be undefined. */
export type Values<S> = Flat<
  { [K in keyof S as S[K] extends { readonly required: true } ? K : never]: ValueOf<S[K]> } & {
    [K in keyof S as S[K] extends { readonly required: true } ? never : K]?: ValueOf<S[K]>;
  }
>;

function nonEmpty(value: Wire, path: string): Wire {
  if (value !== '' && value !== null) return value;
  const message = `You passed an empty string for '${path}'. We assume empty values are an attempt to unset a parameter; however '${path}' cannot be unset. You should remove '${path}' from your request or supply a non-empty value.`;
  throw fail(message, path, 'parameter_invalid_empty');
}

function field<T>(parse: (value: Wire, path: string) => T): Field<T> {
  return { parse: (value, path) => parse(nonEmpty(value, path), path) };
}

function text(value: Wire, path: string): string {
  if (typeof value === 'object' && value !== null)
    throw fail(`Invalid string: ${JSON.stringify(value)}`, path);
  return String(value);
}

function integer(value: Wire, path: string): number {
  if (!/^[-+]?\d+$/.test(printed(value)))
    throw fail(`Invalid integer: ${printed(value)}`, path, 'parameter_invalid_integer');
  return Number(value);
}

function printed(value: Wire): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Text of at most so many characters. */
function upTo(most: number): Field<string> {
  return field((value, path) => {
    const given = text(value, path);
    if (given.length <= most) return given;
    const shown = `${given.slice(0, 10)}...${given.slice(-10)}`;
    throw fail(`Invalid string: ${shown}; must be at most ${most} characters`, path);
  });
}

/** What is longer than this is refused, where no other limit is known. */
const USUAL_LENGTH = 5_000;
const str = upTo(USUAL_LENGTH);
const int = field(integer);
/** Older SDKs of other languages write their own `True` and `False`. */
const bool = field((value, path) => {
  const word = typeof value === 'string' ? value.toLowerCase() : value;
  if (word === true || word === 'true') return true;
  if (word === false || word === 'false') return false;
  throw fail(`Invalid boolean: ${printed(value)}`, path);
});
const number = field((value, path) => {
  const parsed = typeof value === 'object' ? Number.NaN : Number(value);
  if (Number.isNaN(parsed)) throw fail(`Invalid decimal: ${printed(value)}`, path);
  return parsed;
});
/** A decimal number as text, exact; `Stripe.Decimal.from` makes the value to store. */
const decimal = field((value, path) => {
  const given = printed(value);
  if (/^[-+]?\d+(\.\d+)?$/.test(given)) return given;
  // Languages write small numbers as 1e-05.
  if (!/^[-+]?\d+(\.\d+)?e[-+]?\d{1,2}$/i.test(given))
    throw fail(`Invalid decimal: ${given}`, path);
  return Number(given)
    .toFixed(20)
    .replace(/\.?0+$/, '');
});
const timestamp = field((value, path) => {
  const parsed = integer(value, path);
  if (parsed < 0 || parsed > 99_999_999_999) throw fail(`Invalid timestamp: ${parsed}`, path);
  return parsed;
});
/** Positive or zero amount in minor units. */
const amount = field((value, path) => {
  const parsed = integer(value, path);
  if (parsed < 0)
    throw fail('This value must be greater than or equal to 0.', path, 'parameter_invalid_integer');
  return parsed;
});
/** As `amount`, with the words that Stripe has for prices. */
const nonNegative = field((value, path) => {
  const parsed = integer(value, path);
  if (parsed < 0) throw fail('Invalid non-negative integer', path);
  return parsed;
});
const currency = field((value, path) => {
  const parsed = text(value, path).toLowerCase();
  if (!isCurrency(parsed)) {
    const supported = `Stripe currently supports these currencies: ${CURRENCIES.join(', ')}`;
    throw fail(`Invalid currency: ${parsed}. ${supported}`, path);
  }
  return parsed;
});
/** Anything: for parameters that Stripe accepts and this emulator reads as they are. */
const any: Field<Wire> = { parse: (value) => value };

function oneOf<const V extends string>(values: readonly V[]): Field<V> {
  const { parse } = field((value, path) => {
    const found = values.find((candidate) => candidate === value);
    if (found !== undefined) return found;
    throw fail(`Invalid ${path}: must be ${listed(values)}`, path);
  });
  return { parse, words: values };
}

function listed(values: readonly string[]): string {
  if (values.length <= 1) return values.join('');
  const joined =
    values.length === 2
      ? values.join(' or ')
      : `${values.slice(0, -1).join(', ')}, or ${values.at(-1) ?? ''}`;
  return `one of ${joined}`;
}

/** `''` and null unset the value: read as null. */
function clearable<T>(inner: Field<T>): Field<T | null> {
  return {
    inside: inner,
    parse: (value, path) => (value === '' || value === null ? null : inner.parse(value, path)),
  };
}

function required<T>(inner: Field<T>): RequiredField<T> {
  return { ...inner, required: true };
}

/** The first reading for which `test` holds, else the second: `either(oneOf(['now']), timestamp)`. */
function either<const A extends string, B>(keywords: readonly A[], other: Field<B>): Field<A | B> {
  return {
    words: keywords,
    parse: (value, path) =>
      keywords.find((keyword) => keyword === value) ?? other.parse(value, path),
  };
}

/** What is wrong with an array that came as an object whose keys do not count from 0. */
function wrongKeys(value: Wire): string | undefined {
  if (!isWireObject(value)) return undefined;
  const keys = Object.keys(value);
  const missing = keys.findIndex((_, at) => !keys.includes(String(at)));
  return `If passing an array with explicit keys (e.g. foo[0]=a&foo[1]=b) instead of as an array (e.g. foo[]=a&foo[]=b), the keys must be numeric and sequential starting from 0. You passed the keys ${keys.map((key) => `\`${key}\``).join(', ')}, we expected to have a key with the value \`${missing}\`.`;
}

function arr<T>(inner: Field<T>): Field<T[]> {
  return {
    inside: inner,
    parse(value, path) {
      const items = value === '' ? [] : wireItems(value);
      if (items === null) throw fail(wrongKeys(value) ?? 'Invalid array', path);
      return items.map((item, index) => inner.parse(item, `${path}[${index}]`));
    },
  };
}

function obj<const S extends Fields>(fields: S): Field<Values<S>> {
  return {
    inside: fields,
    parse(value, path) {
      if (!isWireObject(value)) throw fail('Invalid object', path);
      return read(fields, value, path);
    },
  };
}

/** A map of strings; null where the caller unsets a key. */
const stringMap: Field<Record<string, string | null>> = {
  parse(value, path) {
    if (value === '' || value === null) return {};
    if (!isWireObject(value)) throw fail('Invalid object', path);
    const entries = Object.entries(value).map(([key, item]) => [
      key,
      item === '' || item === null ? null : text(item, `${path}[${key}]`),
    ]);
    return Object.fromEntries(entries);
  },
};

/** A map of equal things, such as `currency_options[eur]`. */
function mapOf<T>(inner: Field<T>): Field<Record<string, T>> {
  return {
    inside: inner,
    parse(value, path) {
      if (!isWireObject(value)) throw fail('Invalid object', path);
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key, inner.parse(item, `${path}[${key}]`)]),
      );
    },
  };
}

/** What is too long about metadata: Stripe says so without naming a parameter. */
function tooMuch(map: Record<string, string | null>): string | undefined {
  const entries = Object.entries(map);
  if (entries.length > 50)
    return `Metadata can have up to 50 keys, but you've set ${entries.length}.`;
  for (const [key, value] of entries) {
    if (key.length > 40)
      return `Metadata keys can have up to 40 characters, but you passed in a key that is ${key.length} characters. Invalid key: ${key}`;
    if (value !== null && value.length > 500)
      return `Metadata values can have up to 500 characters, but you passed in a value that is ${value.length} characters. Invalid value: ${value}`;
  }
  return undefined;
}

/** Metadata as sent: null values unset a key, an empty string unsets all (read as null). */
const metadata: Field<Record<string, string | null> | null> = {
  parse(value, path) {
    if (value === '' || value === null) return null;
    const map = stringMap.parse(value, path);
    const reason = tooMuch(map);
    if (reason !== undefined) throw fail(reason);
    return map;
  },
};

const range = obj({ gt: timestamp, gte: timestamp, lt: timestamp, lte: timestamp });
/** `created=1` or `created[gte]=1`. */
const timeRange: Field<
  Values<{ gt: Field<number>; gte: Field<number>; lt: Field<number>; lte: Field<number> }>
> = {
  parse(value, path) {
    if (isWireObject(value)) return range.parse(value, path);
    const at = timestamp.parse(value, path);
    return { gte: at, lte: at };
  },
};

/** The field kinds of the parameter language. */
export const p = {
  str,
  upTo,
  int,
  bool,
  number,
  decimal,
  timestamp,
  amount,
  nonNegative,
  currency,
  any,
  harmless,
  unserved,
  only,
  ownAccount,
  oneOf,
  clearable,
  required,
  either,
  arr,
  obj,
  stringMap,
  mapOf,
  metadata,
  timeRange,
};

/** `expand` is accepted everywhere. */
export const EXPAND = { expand: arr(str) };
/** Parameters of every list. */
export const PAGE = { limit: int, starting_after: str, ending_before: str };

/** A schema that names every parameter of the SDK's type `T` (checked by the compiler), and maybe legacy ones. */
export function paramsOf<T>() {
  return <const S extends Fields & Record<Exclude<keyof T, 'expand'>, Field<unknown>>>(
    fields: S &
      ([OpenWords<T, Values<S>>] extends [never]
        ? unknown
        : { takesAnyText: OpenWords<T, Values<S>> }),
  ): S => fields;
}

/** Reads the values of a schema; refuses unknown and missing parameters as Stripe does. */
export function read<S extends Fields>(fields: S, input: WireObject, prefix: string): Values<S> {
  const name = (key: string) => (prefix === '' ? key : `${prefix}[${key}]`);
  const unknown = Object.keys(input).filter((key) => !Object.hasOwn(fields, key));
  if (unknown.length > 0) throw unknownParameter(unknown.map(name), Object.keys(fields).map(name));
  const values: Record<string, unknown> = {};
  for (const [key, rule] of Object.entries(fields)) {
    const given = Object.hasOwn(input, key) ? input[key] : undefined;
    if (given !== undefined) values[key] = rule.parse(given, name(key));
    else if (rule.required === true)
      throw fail(`Missing required param: ${name(key)}.`, name(key), 'parameter_missing');
  }
  return conclude<S>(values, fields);
}

/** The loop above gave each key the value of its own rule, which is what this type says. */
function conclude<S extends Fields>(values: Record<string, unknown>, fields: S): Values<S>;
function conclude(values: Record<string, unknown>): Record<string, unknown> {
  return values;
}

function unknownParameter(names: string[], known: string[]): ValidationError {
  const [first = ''] = names;
  const noun = names.length === 1 ? 'parameter' : 'parameters';
  const hint = names.length === 1 ? nearest(first, known) : undefined;
  const message = `Received unknown ${noun}: ${names.join(', ')}${hint === undefined ? '' : `. Did you mean ${hint}?`}`;
  return fail(message, first, 'parameter_unknown');
}

function nearest(name: string, known: string[]): string | undefined {
  return known.find((candidate) => distance(candidate, name) <= 2);
}

function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 3;
}
