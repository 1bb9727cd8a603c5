import { html, type Html } from '../pages/html.ts';

/** The part of JSON Schema that the document uses. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  required?: string[];
  items?: Schema;
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
}

/** The fields of an object, or the one line that describes anything else. */
export function schemaView(schema: Schema): Html {
  const { items, properties } = bodyOf(schema);
  if (properties) return fieldsView(properties, bodyOf(schema).required ?? []);
  if (items?.properties) {
    return html`<p class="muted">${typeWords(schema)}</p>
      ${schemaView(items)}`;
  }
  return html`<p class="muted">${typeWords(schema)}</p>`;
}

function fieldsView(properties: Record<string, Schema>, required: string[]): Html {
  return html`<ul class="fields">
    ${Object.entries(properties).map(
      ([name, property]) =>
        html`<li>
          <code>${name}</code>
          <span class="muted"
            >${typeWords(property)}${required.includes(name) ? '' : ', optional'}${limitWords(property)}</span
          >
          ${property.description && html`<span>${property.description}</span>`} ${nested(property)}
        </li>`,
    )}
  </ul>`;
}

function nested(property: Schema): Html | null {
  const { properties, required, items } = bodyOf(property);
  if (properties) return fieldsView(properties, required ?? []);
  const element = items && bodyOf(items);
  return element?.properties ? fieldsView(element.properties, element.required ?? []) : null;
}

/** The schema itself, or the one choice beside null. */
function bodyOf(schema: Schema): Schema {
  const choices = (schema.anyOf ?? schema.oneOf ?? []).filter(({ type }) => type !== 'null');
  return choices.length === 1 && choices[0] ? choices[0] : schema;
}

/** A type in a few words: `string or null`, `"monthly" or "yearly"`, `list of objects`. */
export function typeWords(schema: Schema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' or ');
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return [...new Set(choices.map((choice) => typeWords(choice)))].join(' or ');
  if (schema.format === 'date-time') return 'time (ISO 8601)';
  const types = [schema.type ?? 'anything'].flat();
  if (types[0] === 'array') return `list of ${typeWords(schema.items ?? {})}`;
  return types.join(' or ');
}

function limitWords(schema: Schema): string {
  const { minimum, maximum, minLength, maxLength, minItems, maxItems } = schema;
  const words = [
    range(minimum, maximum, ''),
    range(minLength, maxLength, ' characters'),
    range(minItems, maxItems, ' entries'),
    schema.default === undefined ? '' : `default ${JSON.stringify(schema.default)}`,
  ].filter((word) => word !== '');
  return words.length > 0 ? `, ${words.join(', ')}` : '';
}

// zod writes the bounds of safe integers where there are none.
function range(low: number | undefined, high: number | undefined, unit: string): string {
  const from = low !== undefined && low > Number.MIN_SAFE_INTEGER && low !== 0 ? low : undefined;
  const to = high !== undefined && high < Number.MAX_SAFE_INTEGER ? high : undefined;
  if (from !== undefined && to !== undefined) return `${from} to ${to}${unit}`;
  if (from !== undefined) return `at least ${from}${unit}`;
  return to === undefined ? '' : `at most ${to}${unit}`;
}

/** Values of fields by their names, for examples. */
export type Samples = Readonly<Record<string, unknown>>;

/** Fields that an example shows although each of them may be left out: something like it is needed. */
const SHOWN: ReadonlySet<string> = new Set(['plan', 'interval', 'percentOff']);

/** A value that fits, for an example: what is required, and what is shown in any case. */
export function sampleOf(schema: Schema, samples: Samples): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.default !== undefined) return schema.default;
  if (schema.enum) return schema.enum[0];
  const choice = (schema.anyOf ?? schema.oneOf)?.[0];
  if (choice) return sampleOf(choice, samples);
  const [type] = [schema.type].flat();
  if (type === 'array') return [sampleOf(schema.items ?? {}, samples)];
  if (type === 'integer' || type === 'number') return Math.max(1, schema.minimum ?? 1);
  if (type === 'boolean') return true;
  if (type !== 'object') return 'text';
  const shown = Object.entries(schema.properties ?? {}).filter(
    ([name]) => schema.required?.includes(name) || SHOWN.has(name),
  );
  return Object.fromEntries(
    shown.map(([name, property]) => [name, samples[name] ?? sampleOf(property, samples)]),
  );
}
