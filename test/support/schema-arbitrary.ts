import * as fc from 'fast-check';
import type { Arbitrary } from 'fast-check';

/** The part of JSON Schema that the OpenAPI document uses. */
export interface Schema {
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  pattern?: string;
  format?: string;
}

/** Values that mean something to the server, by the name of the property that holds them. */
export type Dictionary = Record<string, readonly unknown[]>;

/** Values that fit a schema; with a dictionary, often ones that exist. */
export function valuesOf(schema: Schema, known: Dictionary = {}, name = ''): Arbitrary<unknown> {
  const fitting = byShape(schema, known);
  const words = known[name];
  if (!words || schema.properties) return fitting;
  return fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...words) },
    { weight: 1, arbitrary: fitting },
  );
}

function byShape(schema: Schema, known: Dictionary): Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return fc.oneof(...choices.map((choice) => valuesOf(choice, known)));
  const [type] = [schema.type].flat();
  switch (type) {
    case 'object':
      return objectOf(schema, known);
    case 'array':
      return fc.array(valuesOf(schema.items ?? {}, known), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 3, (schema.minItems ?? 0) + 3),
      });
    case 'string':
      return textOf(schema);
    case 'integer':
      return fc.oneof(
        fc.integer({ min: schema.minimum ?? -9, max: Math.min(schema.maximum ?? 99, 99) }),
        fc.integer({
          min: schema.minimum ?? -(2 ** 31),
          max: Math.min(schema.maximum ?? 2 ** 31, 2 ** 31 - 1),
        }),
      );
    case 'number':
      return fc.double({ min: schema.minimum ?? -1e9, max: schema.maximum ?? 1e9, noNaN: true });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function objectOf(schema: Schema, known: Dictionary): Arbitrary<unknown> {
  const fields = Object.entries(schema.properties ?? {}).map(
    ([name, property]) => [name, valuesOf(property, known, name)] as const,
  );
  if (fields.length === 0) return fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 1 }));
  return fc.record(Object.fromEntries(fields), { requiredKeys: schema.required ?? [] });
}

function textOf({ format, pattern, minLength = 0, maxLength = 40 }: Schema): Arbitrary<string> {
  if (format === 'date-time') {
    return fc
      .date({ min: new Date('2000-01-01'), max: new Date('2099-01-01'), noInvalidDate: true })
      .map((date) => date.toISOString());
  }
  if (pattern) return fc.stringMatching(new RegExp(pattern));
  const sizes = { minLength, maxLength: Math.min(maxLength, minLength + 40) };
  return fc.oneof(fc.string(sizes), fc.string({ ...sizes, unit: 'binary' }));
}

/** A value that was spoilt somewhere: a field too many, too few, of another type, too long. */
export function spoilt(value: unknown): Arbitrary<unknown> {
  const junk = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom(null, '', '\u0000', -1, 1e308, 2 ** 53, [], {}, '__proto__', 'x'.repeat(5_000)),
  );
  if (typeof value !== 'object' || value === null) return junk;
  const names = Object.keys(value);
  const extra = fc
    .tuple(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'toString')), junk)
    .map(([name, what]) => withField(value, name, what));
  if (names.length === 0) return fc.oneof(junk, extra);
  const name = fc.constantFrom(...names);
  return fc.oneof(
    junk,
    extra,
    fc.tuple(name, junk).map(([which, what]) => withField(value, which, what)),
    name.map((which) => Object.fromEntries(Object.entries(value).filter(([key]) => key !== which))),
  );
}

// Spreading and `fromEntries` define `__proto__` as a field like any other, as JSON.parse does.
function withField(value: object, name: string, what: unknown): unknown {
  return Object.fromEntries([...Object.entries(value), [name, what]]);
}
