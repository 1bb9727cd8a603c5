import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { ERROR_STATUS, type ErrorCode } from './errors.ts';
import type { Auth, Route } from './define-route.ts';
import { FIELD_WORDS, PARAMETER_WORDS } from './field-words.ts';
import { webhooksSection, type WebhookDescription } from './openapi-webhooks.ts';

type Json = Record<string, unknown>;

/** Errors that every route of a kind can give, beyond its own. */
const COMMON: ErrorCode[] = ['internal_error', 'database_unavailable'];
const OF_AUTH: Record<Auth, ErrorCode[]> = {
  public: [],
  user: ['unauthenticated', 'forbidden'],
  admin: ['unauthenticated', 'forbidden'],
  signature: ['invalid_signature', 'payload_too_large', 'body_already_read', 'overloaded'],
};
const OF_BODY: ErrorCode[] = [
  'invalid_request',
  'invalid_json',
  'unsupported_media_type',
  'payload_too_large',
];
const OF_COMMAND: ErrorCode[] = [
  'invalid_request',
  'idempotency_conflict',
  'idempotency_in_progress',
  'rate_limited',
  'stripe_conflict',
  'stripe_rejected',
  'stripe_unavailable',
];

const SECURITY: Record<Auth, Json[]> = {
  public: [],
  user: [{ user: [] }],
  admin: [{ admin: [] }],
  signature: [{ stripeSignature: [] }],
};

/** What an OpenAPI document is made from. */
export interface ApiTable {
  routes: readonly Route[];
  /** What the server sends, by type. */
  webhooks: Readonly<Record<string, WebhookDescription>>;
}

/** The OpenAPI 3.1 document of a route table, made from the schemas that validate requests. */
export function openApiDocument({ routes, webhooks }: ApiTable): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    if (route.page) continue;
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tenure',
      version: packageVersion(),
      description: 'Self-hosted subscription billing on Stripe.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    paths,
    // As input: who receives a message must bear fields that are added later.
    webhooks: webhooksSection(webhooks, (schema) => toSchema(schema, 'input')),
    components: {
      schemas: { Error: errorSchema() },
      securitySchemes: {
        user: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        admin: { type: 'http', scheme: 'bearer' },
        stripeSignature: { type: 'apiKey', in: 'header', name: 'Stripe-Signature' },
      },
    },
  };
}

function operation(route: Route): Json {
  const parameters = [...pathParameters(route), ...queryParameters(route), ...keyParameter(route)];
  return {
    operationId: operationId(route),
    summary: route.summary,
    ...descriptionOf(route),
    security: SECURITY[route.auth],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...requestBody(route),
    responses: { ...success(route), ...errorResponses(route), ...otherResponses(route) },
  };
}

function descriptionOf({ auth, description, role }: Route): Json {
  const needed = auth === 'admin' && `Needs the role \`${role}\`.`;
  const words = [description, needed].filter(Boolean);
  return words.length > 0 ? { description: words.join(' ') } : {};
}

function operationId({ method, path }: Route): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== '' && word !== 'api');
  return [method.toLowerCase(), ...words]
    .map((word, index) => (index === 0 ? word : word[0]?.toUpperCase() + word.slice(1)))
    .join('');
}

function pathParameters({ path }: Route): Json[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    ...wordsOf(name),
    schema: { type: 'string' },
  }));
}

const ownWords = (schema: Json): Json =>
  typeof schema['description'] === 'string' ? { description: schema['description'] } : {};

const wordsOf = (name = ''): Json => {
  const description = PARAMETER_WORDS[name] ?? FIELD_WORDS[name];
  return description === undefined ? {} : { description };
};

function queryParameters({ query }: Route): Json[] {
  if (!query) return [];
  const schema = toSchema(query, 'input');
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const properties = (schema['properties'] ?? {}) as Record<string, Json>;
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...wordsOf(name),
    ...ownWords(property),
    schema: property,
  }));
}

function keyParameter(route: Route): Json[] {
  if (!takesIdempotencyKey(route)) return [];
  return [
    {
      name: 'Idempotency-Key',
      in: 'header',
      required: false,
      description: 'A retry with the same key gets the first answer.',
      schema: { type: 'string', minLength: 1, maxLength: 255 },
    },
  ];
}

/** Whether a route honours `Idempotency-Key`: every POST of a known user. */
export function takesIdempotencyKey(route: Pick<Route, 'method' | 'auth'>): boolean {
  return route.method === 'POST' && (route.auth === 'user' || route.auth === 'admin');
}

function requestBody({ body, auth }: Route): Json {
  if (auth === 'signature') {
    const schema = { type: 'object', description: 'An event as Stripe sends it, byte for byte.' };
    return { requestBody: { required: true, content: { 'application/json': { schema } } } };
  }
  if (!body) return {};
  const required = !body.safeParse({}).success;
  const content = { 'application/json': { schema: toSchema(body, 'input') } };
  return { requestBody: { required, content } };
}

function success(route: Route): Json {
  const status = route.status ?? 200;
  const location =
    status === 302 ? { Location: { description: 'Where it is.', schema: { type: 'string' } } } : {};
  return {
    [status]: {
      description: 'Success',
      headers: { ...REQUEST_ID, ...location },
      ...(route.response ? jsonContent(route.response) : {}),
      ...(route.produces ? { content: { [route.produces]: {} } } : {}),
    },
  };
}

function otherResponses({ others = {} }: Route): Json {
  return Object.fromEntries(
    Object.entries(others).map(([status, schema]) => [
      status,
      { description: 'As the schema says', headers: REQUEST_ID, ...jsonContent(schema) },
    ]),
  );
}

function jsonContent(schema: z.ZodType): Json {
  return { content: { 'application/json': { schema: toSchema(schema, 'output') } } };
}

const REQUEST_ID = {
  'X-Request-Id': {
    description:
      "The caller's own id, or a new one; it is in the log and in Stripe's idempotency keys.",
    schema: { type: 'string' },
  },
};
const RETRY_AFTER = {
  'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer' } },
};

function errorResponses(route: Route): Json {
  const codes = new Set<ErrorCode>([
    ...COMMON,
    ...OF_AUTH[route.auth],
    ...(route.auth === 'signature' || route.limited === false ? [] : (['rate_limited'] as const)),
    ...(route.body ? OF_BODY : []),
    ...(route.query ? (['invalid_request'] as const) : []),
    ...(route.path.includes(':') ? (['not_found'] as const) : []),
    ...(takesIdempotencyKey(route) ? OF_COMMAND : []),
    ...(route.errors ?? []),
  ]);
  const statuses = [...new Set([...codes].map((code) => ERROR_STATUS[code]))].sort((a, b) => a - b);
  return Object.fromEntries(
    statuses.map((status) => {
      const names = [...codes].filter((code) => ERROR_STATUS[code] === status);
      const schema = { $ref: '#/components/schemas/Error' };
      const description = names.map((code) => `\`${code}\``).join(', ');
      const headers = { ...REQUEST_ID, ...(status === 429 || status === 503 ? RETRY_AFTER : {}) };
      return [status, { description, headers, content: { 'application/json': { schema } } }];
    }),
  );
}

function errorSchema(): Json {
  return {
    type: 'object',
    required: ['error'],
    properties: {
      error: {
        type: 'object',
        description: 'What went wrong.',
        required: ['code', 'message', 'requestId'],
        properties: {
          code: {
            type: 'string',
            enum: Object.keys(ERROR_STATUS),
            description: 'What programs decide by.',
          },
          message: text('What people read.'),
          requestId: text('Of the request; it is in the log.'),
          ...ERROR_FIELDS,
        },
      },
    },
  };
}

const text = (description: string) => ({ type: 'string', description });

/** What some errors say beside code and words. */
const ERROR_FIELDS: Json = {
  state: text('Where the subscription is (`not_allowed`, `already_subscribed`).'),
  actions: { type: 'array', items: { type: 'string' }, description: 'What is allowed there.' },
  issues: {
    type: 'array',
    description: 'What is wrong with the body or the query (`invalid_request`).',
    items: {
      type: 'object',
      required: ['path', 'message'],
      properties: { path: text('Which field.'), message: text('What is wrong with it.') },
    },
  },
  declineCode: text('Why the bank refused (`card_declined`).'),
  stripeCode: { ...text("Stripe's own code (`stripe_rejected`)."), type: ['string', 'null'] },
  param: text('The parameter that Stripe refused.'),
  role: text('The role of the caller in the account (`forbidden`).'),
  reason: text('Why access is refused (`subscription_required`, `feature_required`).'),
  feature: text('The feature that is not in the plan.'),
  eventId: text('The event that is stored and waits (webhook).'),
};

function toSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, target: 'draft-2020-12' });
  return described(rest) as Json;
}

/** A schema in which every property says what it means. */
function described(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map((each) => described(each));
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [
      key,
      key === 'properties' ? describedProperties(value as Json) : described(value),
    ]),
  );
}

function describedProperties(properties: Json): Json {
  return Object.fromEntries(
    Object.entries(properties).map(([name, property]) => {
      const inside = described(property) as Json;
      const words = FIELD_WORDS[name];
      return [name, words === undefined ? inside : { description: words, ...inside }];
    }),
  );
}

function packageVersion(): string {
  // Compiled, this file lies one folder deeper: dist/server/http/.
  const above = import.meta.url.endsWith('.ts') ? '../../package.json' : '../../../package.json';
  const file = new URL(above, import.meta.url);
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return version;
}
