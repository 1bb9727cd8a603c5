import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { ERROR_STATUS, type ErrorCode } from './errors.ts';
import type { Auth, Route } from './route.ts';

type Json = Record<string, unknown>;

/** Errors that every route of a kind can give, beyond its own. */
const COMMON: ErrorCode[] = ['internal_error', 'database_unavailable'];
const OF_AUTH: Record<Auth, ErrorCode[]> = {
  public: [],
  user: ['unauthenticated'],
  admin: ['unauthenticated'],
  signature: ['invalid_signature', 'payload_too_large', 'body_already_read', 'overloaded'],
};
const OF_BODY: ErrorCode[] = [
  'invalid_request',
  'invalid_json',
  'unsupported_media_type',
  'payload_too_large',
];
const OF_COMMAND: ErrorCode[] = [
  'idempotency_conflict',
  'idempotency_in_progress',
  'rate_limited',
  'stripe_rejected',
  'stripe_unavailable',
];

const SECURITY: Record<Auth, Json[]> = {
  public: [],
  user: [{ user: [] }],
  admin: [{ admin: [] }],
  signature: [{ stripeSignature: [] }],
};

/** The OpenAPI 3.1 document of a route table, made from the schemas that validate requests. */
export function openApiDocument(routes: readonly Route[]): Json {
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
    ...(route.description ? { description: route.description } : {}),
    security: SECURITY[route.auth],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.body ? { requestBody: requestBody(route.body) } : {}),
    responses: { ...success(route), ...errorResponses(route) },
  };
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
    schema: { type: 'string' },
  }));
}

function queryParameters({ query }: Route): Json[] {
  if (!query) return [];
  const schema = toSchema(query, 'input');
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  return Object.entries(schema['properties'] ?? {}).map(([name, property]) => ({
    name,
    in: 'query',
    required: required.includes(name),
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

/** Whether a route honours `Idempotency-Key`: every POST of somebody we know. */
export function takesIdempotencyKey(route: Pick<Route, 'method' | 'auth'>): boolean {
  return route.method === 'POST' && (route.auth === 'user' || route.auth === 'admin');
}

function requestBody(schema: z.ZodType): Json {
  const required = !schema.safeParse({}).success;
  return { required, content: { 'application/json': { schema: toSchema(schema, 'input') } } };
}

function success(route: Route): Json {
  const content = route.response
    ? { content: { 'application/json': { schema: toSchema(route.response, 'output') } } }
    : {};
  return { [route.status ?? 200]: { description: 'Success', ...content } };
}

function errorResponses(route: Route): Json {
  const codes = new Set<ErrorCode>([
    ...COMMON,
    ...OF_AUTH[route.auth],
    ...(route.body ? OF_BODY : []),
    ...(route.query ? (['invalid_request'] as const) : []),
    ...(takesIdempotencyKey(route) ? OF_COMMAND : []),
    ...(route.errors ?? []),
  ]);
  const statuses = [...new Set([...codes].map((code) => ERROR_STATUS[code]))].sort((a, b) => a - b);
  return Object.fromEntries(
    statuses.map((status) => {
      const names = [...codes].filter((code) => ERROR_STATUS[code] === status);
      const schema = { $ref: '#/components/schemas/Error' };
      const description = names.map((code) => `\`${code}\``).join(', ');
      return [status, { description, content: { 'application/json': { schema } } }];
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
        required: ['code', 'message', 'requestId'],
        properties: {
          code: { type: 'string', enum: Object.keys(ERROR_STATUS) },
          message: { type: 'string' },
          requestId: { type: 'string' },
        },
      },
    },
  };
}

function toSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, target: 'draft-2020-12' });
  return rest;
}

function packageVersion(): string {
  const file = new URL('../package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return version;
}
