import { openApiDocument } from '../../server/http/openapi.ts';
import { API } from '../../server/app/route-list.ts';

/** The part of JSON Schema that zod writes. */
interface Schema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  required?: string[];
  items?: Schema;
}

interface Content {
  content?: Record<string, { schema?: Schema }>;
}

interface Operation {
  summary: string;
  description?: string;
  parameters?: { name: string; in: string; required: boolean; schema: Schema }[];
  requestBody?: Content & { required: boolean };
  responses: Record<string, Content>;
}

interface Document {
  paths: Record<string, Record<string, Operation>>;
  webhooks: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

const REFUSAL = `{
  headers: {[name: string]: unknown};
  content: {'application/json': components['schemas']['Error']};
}`;
const HEAD = `/* Written by \`npm run build:client\` from the OpenAPI document; changes are lost. */

`;

/** The module as text: \`paths\` and \`webhooks\` in the form that openapi-fetch asks for, and \`components\`. */
export async function clientTypes(): Promise<string> {
  const document = openApiDocument(API) as unknown as Document;
  const schemas = fields(
    Object.entries(document.components.schemas).map(([name, schema]) => [name, typeOf(schema)]),
  );
  const items = (table: Document['paths']) =>
    fields(Object.entries(table).map(([name, operations]) => [name, pathItem(operations)]));
  const text = `${HEAD}export interface components {schemas: ${schemas}; responses: {Error: ${REFUSAL}}}\n\nexport interface paths ${items(document.paths)}\n\nexport interface webhooks ${items(document.webhooks)}\n`;
  return pretty(text);
}

function pathItem(operations: Record<string, Operation>): string {
  return fields(
    Object.entries(operations).map(([method, operation]) => [method, typeOfOperation(operation)]),
  );
}

function typeOfOperation(operation: Operation): string {
  const { requestBody, responses } = operation;
  const answers = Object.entries(responses).map(([status, answer]): [string, string] => [
    status,
    typeOfAnswer(answer),
  ]);
  const body: [string, string] = requestBody?.content
    ? [
        `requestBody${requestBody.required ? '' : '?'}`,
        `{content: ${contentOf(requestBody.content)}}`,
      ]
    : ['requestBody?', 'never'];
  return fields([
    ['parameters', parametersOf(operation.parameters ?? [])],
    body,
    ['responses', fields(answers)],
  ]);
}

/** Refusals all look the same, and there are many. */
function typeOfAnswer({ content }: Content): string {
  if (content?.['application/json']?.schema?.$ref) return "components['responses']['Error']";
  return fields([
    ['headers', '{[name: string]: unknown}'],
    content ? ['content', contentOf(content)] : ['content?', 'never'],
  ]);
}

function parametersOf(parameters: NonNullable<Operation['parameters']>): string {
  return fields(
    ['query', 'header', 'path'].flatMap((place): [string, string][] => {
      const here = parameters.filter((parameter) => parameter.in === place);
      if (here.length === 0) return [];
      const optional = here.every(({ required }) => !required);
      const types = here.map(({ name, required, schema }): [string, string] => [
        required ? name : `${name}?`,
        typeOf(schema),
      ]);
      return [[optional ? `${place}?` : place, fields(types)]];
    }),
  );
}

function contentOf(content: Record<string, { schema?: Schema }>): string {
  return fields(
    Object.entries(content).map(([type, { schema }]) => [
      type,
      schema ? typeOf(schema) : 'unknown',
    ]),
  );
}

function typeOf(schema: Schema): string {
  if (schema.$ref) return `components['schemas']['${schema.$ref.split('/').at(-1) ?? ''}']`;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return union(schema.enum.map((value) => JSON.stringify(value)));
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return union(choices.map((choice) => typeOf(choice)));
  if (schema.allOf) return schema.allOf.map((part) => `(${typeOf(part)})`).join(' & ');
  const types = [schema.type ?? []].flat();
  return types.length === 0 ? 'unknown' : union(types.map((type) => plainType(type, schema)));
}

function plainType(type: string, schema: Schema): string {
  switch (type) {
    case 'object':
      return typeOfObject(schema);
    case 'array':
      return `(${typeOf(schema.items ?? {})})[]`;
    case 'integer':
      return 'number';
    default:
      return type;
  }
}

function typeOfObject({ properties = {}, additionalProperties, required = [] }: Schema): string {
  const own = Object.entries(properties).map(([name, property]): [string, string] => [
    required.includes(name) ? name : `${name}?`,
    typeOf(property),
  ]);
  if (own.length > 0) return fields(own);
  const values =
    typeof additionalProperties === 'object' ? typeOf(additionalProperties) : 'unknown';
  return additionalProperties === false ? 'Record<string, never>' : `{[name: string]: ${values}}`;
}

function union(types: string[]): string {
  return [...new Set(types)].join(' | ');
}

function fields(entries: (readonly [string, string])[]): string {
  const lines = entries.map(([name, type]) => {
    const optional = name.endsWith('?');
    const bare = optional ? name.slice(0, -1) : name;
    const key = /^[A-Za-z_]\w*$|^\d+$/.test(bare) ? bare : JSON.stringify(bare);
    return `${key}${optional ? '?' : ''}: ${type};`;
  });
  return `{\n${lines.join('\n')}\n}`;
}

/** Formatted as the rest of the source is. */
async function pretty(text: string): Promise<string> {
  const { format } = await import('oxfmt');
  const { code } = await format('api.ts', text, { printWidth: 100, singleQuote: true });
  return code;
}
