import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import * as fc from 'fast-check';
import type { Arbitrary } from 'fast-check';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Stripe } from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signStripePayload } from '../support/sign-stripe-payload.ts';
import { openApiDocument } from '../../server/http/openapi.ts';
import { API } from '../../server/app/route-list.ts';
import type { Dialect } from '../../db/database.ts';
import { ROUTE_DIALECTS } from '../support/databases.ts';
import { spoilt, valuesOf, type Dictionary, type Schema } from '../support/schema-arbitrary.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { SAMPLED, sizeOf } from '../support/sizes.ts';
import { TEST_ADMIN_TOKEN, tokenFor } from '../support/tokens.ts';
import { newPerson, type Person } from './billing/person.ts';
import { METER, meteredPlans } from './usage/metered-plans.ts';

/** On each database. */
const REQUESTS = sizeOf({ sample: 760, full: 1_500 });
/** The share of the routes that may never have had anything to do. */
const IDLE = SAMPLED ? 1 / 2 : 1 / 4;
const SEED = Number(process.env['TENURE_TEST_SEED'] ?? Date.now() % 1_000_000);
const AT_ONCE = 6;

interface Operation {
  method: string;
  path: string;
  security: Record<string, unknown>[];
  parameters?: { name: string; in: string; required: boolean; schema: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { content?: Record<string, { schema?: Schema }> }>;
}

/** One request of the run; `operation` says what may be answered. */
interface Shot {
  operation: Operation;
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
}

const document = openApiDocument(API) as unknown as {
  paths: Record<string, Record<string, Omit<Operation, 'method' | 'path'>>>;
};
const operations: Operation[] = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, rest]) => ({
    ...rest,
    method: method.toUpperCase(),
    path,
  })),
);

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema(document, 'openapi');

/** Operations that did what they were asked at least once. */
const succeeded = new Set<string>();

let server: TestServer;
let known: Dictionary;
/** Bodies that mean something, by path. */
let examples: Dictionary;
let tokens: string[];

/** A server with people in all sorts of states, and what there is to ask about. */
async function open(database: Dialect): Promise<void> {
  succeeded.clear();
  server = await startTestServer({
    database,
    prepare: richCatalogue,
    env: { RATE_LIMIT_PER_USER: '0', RATE_LIMIT_PER_ADDRESS: '0' },
  });
  const people = Array.from({ length: 8 }, () => newPerson(server));
  const team = { plan: 'team', interval: 'monthly', quantity: 3 };
  const volume = { plan: 'volume', interval: 'monthly' };
  const choices = [team, team, volume, volume, { plan: 'metered', interval: 'monthly' }];
  await Promise.all(choices.map((choice, i) => people[i]!.subscribe(choice)));
  const [first, second, third, fourth] = people as [Person, Person, Person, Person];
  await second.command('cancel', { when: 'now' });
  await third.changeTo(team);
  await fourth.command('cancel');
  await first.asAdmin('promotion-codes', { code: 'FUZZ20', percentOff: 20, duration: 'once' });
  await server.settled();
  tokens = await Promise.all(people.map(({ id }) => tokenFor(id)));
  const lists = await Promise.all([first, third, fourth].map((person) => person.invoices()));
  const invoices = lists.flat().map(({ id }) => id);
  const idsOf = async (table: string) =>
    (await server.database.knex(table).select('id').limit(20)).map((row: { id: string }) => row.id);
  known = {
    'invoices id': invoices,
    'accounts id': people.map((person) => person.id),
    invoice: invoices,
    payment: invoices,
    'subscriptions id': await idsOf('subscriptions'),
    'events id': await idsOf('webhook_events'),
    cursor: [invoices[0], '12~evt_1'],
    plan: ['team', 'volume', 'metered'],
    interval: ['monthly', 'yearly'],
    meter: [METER],
    product: ['book'],
    code: ['FUZZ20', 'NOBODY'],
    promotionCode: ['FUZZ20'],
    feature: ['exports', METER, 'projects'],
    userId: people.map((person) => person.id),
    currency: ['usd'],
    prorationDate: [new Date().toISOString()],
    q: ['user_1@', 'sub_', 'cus_'],
  };
  const usage = { meter: METER, quantity: 2, idempotencyKey: 'fuzz' };
  examples = {
    '/api/billing/checkout': [team, volume],
    '/api/billing/subscription/preview': [team, volume, { ...team, quantity: 9 }],
    '/api/billing/subscription/change': [team, volume],
    '/api/billing/subscription/quantity': [{ quantity: 2 }, { quantity: 5 }],
    '/api/billing/subscription/reactivate': [team],
    '/admin/api/accounts/{id}/subscription/preview': [team, volume],
    '/admin/api/accounts/{id}/subscription/change': [team],
    '/admin/api/accounts/{id}/subscription/reactivate': [team],
    '/admin/api/accounts/{id}/refunds': [{ payment: invoices[0], amount: 1 }],
    '/admin/api/accounts/{id}/credit': [{ amount: 5, currency: 'usd', description: 'x' }],
    '/admin/api/accounts/{id}/notes': [{ text: 'x' }],
    '/api/billing/payments': [{ product: 'book' }],
    '/api/billing/usage': [usage, [usage, { ...usage, idempotencyKey: 'fuzz2' }]],
    '/api/webhooks/stripe': ['customer.subscription.updated', 'invoice.paid', 'a.new.type'].map(
      (type, n) => ({
        id: `evt_fuzz_${n}`,
        object: 'event',
        type,
        created: 1,
        livemode: false,
        data: { object: { id: 'x', object: 'thing', customer: 'cus_nobody' } },
      }),
    ),
  };
}

/** Every kind of price, and a product that is bought once. */
async function richCatalogue(stripe: Stripe): Promise<Record<string, string>> {
  const { PLANS_FILE = '' } = await meteredPlans(stripe);
  const { id: product } = await stripe.products.create({ name: 'Book' });
  const price = await stripe.prices.create({ product, currency: 'usd', unit_amount: 900 });
  const file = JSON.parse(readFileSync(PLANS_FILE, 'utf8')) as object;
  const products = [{ id: 'book', name: 'Book', priceId: price.id }];
  writeFileSync(PLANS_FILE, JSON.stringify({ ...file, products }));
  return { PLANS_FILE };
}

/** Requests to one operation: mostly as described, sometimes spoilt, by all sorts of people. */
function shotsAt(operation: Operation): Arbitrary<Shot> {
  const parameters = operation.parameters ?? [];
  const own = parameters.map((parameter) => {
    const { name, schema } = parameter;
    const resource = /(\w+)\/\{/.exec(operation.path)?.[1] ?? '';
    const value = valuesOf(
      schema,
      known,
      `${resource} ${name}` in known ? `${resource} ${name}` : name,
    );
    const given = fc.oneof({ weight: 4, arbitrary: value }, { weight: 1, arbitrary: fc.string() });
    const wanted = parameter.required || parameter.in === 'path';
    return (wanted ? given : fc.option(given, { nil: null })).map((text) => ({
      ...parameter,
      text,
    }));
  });
  const schema = operation.requestBody?.content['application/json']?.schema;
  return fc
    .record({
      parameters: fc.tuple(...own),
      body: schema ? bodiesOf(schema, examples[operation.path]) : fc.constant(undefined),
      type: fc.oneof(
        { weight: 12, arbitrary: fc.constant('application/json') },
        {
          weight: 1,
          arbitrary: fc.constantFrom('text/plain', 'application/json; charset=utf-16', 'x', ''),
        },
      ),
      caller: callersOf(operation),
    })
    .map((parts) => toShot(operation, parts));
}

function bodiesOf(schema: Schema, shown?: readonly unknown[]): Arbitrary<string | undefined> {
  const described = valuesOf(schema, known);
  const right = shown ? fc.oneof(described, fc.constantFrom(...shown)) : described;
  const asText = (value: unknown) => JSON.stringify(value) as string | undefined;
  return fc.oneof(
    { weight: 7, arbitrary: right.map(asText) },
    { weight: 2, arbitrary: right.chain(spoilt).map(asText) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('', '{', '[]', 'null', '0', '"', '{"a":1e999}', '\u0000'),
    },
  );
}

function callersOf({ security }: Operation): Arbitrary<string> {
  const admin = security.some((each) => 'admin' in each);
  const right = admin ? [TEST_ADMIN_TOKEN] : tokens;
  return fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...right) },
    { weight: 1, arbitrary: fc.constantFrom('', 'x', TEST_ADMIN_TOKEN, ...tokens, 'a.b.c') },
  );
}

function toShot(
  operation: Operation,
  parts: {
    parameters: { name: string; in: string; text: unknown }[];
    body: string | undefined;
    type: string;
    caller: string;
  },
): Shot {
  const headers: Record<string, string> = { authorization: `Bearer ${parts.caller}` };
  const query = new URLSearchParams();
  let { path } = operation;
  for (const { name, in: place, text } of parts.parameters) {
    if (text === null) continue;
    const value = typeof text === 'string' ? text : JSON.stringify(text);
    if (place === 'path') path = path.replace(`{${name}}`, segment(value));
    else if (place === 'query') query.append(name, value);
    else headers[name] = value.replaceAll(/[^\x20-\x7e]/g, '').trim();
  }
  if (parts.body !== undefined) headers['content-type'] = parts.type;
  if (operation.security.some((each) => 'stripeSignature' in each)) {
    const [secret = ''] = server.services.config.stripe.webhookSecrets;
    const bytes = Buffer.from(parts.body ?? '');
    headers['stripe-signature'] = signStripePayload(bytes, secret, Math.floor(Date.now() / 1000));
  }
  const search = query.size > 0 ? `?${query.toString()}` : '';
  return { operation, path: `${path}${search}`, headers, body: parts.body };
}

// A lone surrogate has no UTF-8; dots are taken out of paths by every client before they are sent.
function segment(value: string): string {
  const text = encodeURIComponent(Buffer.from(value).toString());
  return text === '' || /^\.+$/.test(text) ? 'x' : text;
}

/** What is wrong with the answer to a request; null when all is as the document says. */
async function problemWith(shot: Shot): Promise<string | null> {
  const { operation, path, headers, body } = shot;
  const { method } = operation;
  const giveUp = new AbortController();
  const response = await fetch(server.url + path, {
    method,
    headers,
    body,
    redirect: 'manual',
    signal: giveUp.signal,
  });
  const { status } = response;
  const type = response.headers.get('content-type')?.split(';')[0] ?? '';
  if (type === 'text/event-stream') {
    giveUp.abort();
    succeeded.add(`${method} ${operation.path}`);
    return status === 200 ? null : `a stream with ${status}`;
  }
  const text = await response.text();
  if (status < 400) succeeded.add(`${method} ${operation.path}`);
  const said = `${method} ${path} ${body?.slice(0, 300) ?? ''}\n→ ${status} ${text.slice(0, 500)}`;
  if (status >= 500) return `5xx: ${said}`;
  const expected = operation.responses[status];
  if (!expected) return `undescribed status: ${said}`;
  if (!response.headers.get('x-request-id')) return `no request id: ${said}`;
  if (!expected.content) return text === '' ? null : `a body where none is described: ${said}`;
  if (!(type in expected.content)) return `media type ${type}: ${said}`;
  if (!expected.content[type]?.schema) return null;
  const place = `#/paths/${pointer(operation.path)}/${method.toLowerCase()}/responses/${status}`;
  const validate = ajv.getSchema(`openapi${place}/content/${pointer(type)}/schema`);
  if (!validate) return `no schema at ${place}`;
  if (validate(JSON.parse(text))) return null;
  return `not as its schema: ${ajv.errorsText(validate.errors)}: ${said}`;
}

function noAnswer({ operation, path, body }: Shot, error: unknown): string {
  const why = error instanceof Error ? (error.cause ?? error) : error;
  return `no answer: ${operation.method} ${path} ${body?.slice(0, 300) ?? ''}\n→ 0 ${String(why)}`;
}

/** Of problems that differ in their values only, the first. */
function oneOfEach(problems: string[]): string[] {
  const kinds = new Map(
    problems.map((words) => {
      const [head = ''] = words.split('→');
      const route = head.replace(/[?{[].*/s, '').slice(0, 80);
      return [`${route} ${/→ (\d+) .{0,40}/.exec(words)?.[0]}`, words];
    }),
  );
  return [...kinds.values()].slice(0, 30);
}

function pointer(name: string): string {
  return encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'));
}

describe.each(ROUTE_DIALECTS)(
  'Whatever is sent to a route of the OpenAPI document, on %s',
  (database) => {
    beforeAll(() => open(database), 120_000);
    afterAll(() => server.close());

    it(`is answered as the document says, without a 5xx: ${REQUESTS} requests, seed ${SEED}`, async () => {
      const each = Math.ceil(REQUESTS / operations.length);
      const lists = operations.map((operation, i) =>
        fc.sample(shotsAt(operation), { numRuns: each, seed: SEED + i }),
      );
      // Round by round through all routes, so that states change while everything else is asked.
      const shots = Array.from({ length: each }, (_, i) => lists.map((list) => list[i]!)).flat();
      const problems: string[] = [];
      const lane = async () => {
        for (let shot = shots.pop(); shot; shot = shots.pop()) {
          const problem = await problemWith(shot).catch((error: unknown) => noAnswer(shot, error));
          if (problem !== null) problems.push(problem);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, lane));
      expect(oneOfEach(problems), `seed ${SEED}: ${problems.length} problems`).toEqual([]);
      // Refusals are easy to get right: nearly every route must also have had something to do.
      const idle = operations
        .map(({ path, method }) => `${method} ${path}`)
        .filter((each) => !succeeded.has(each));
      expect(idle.length, `never did what they were asked: ${idle.join(', ')}`).toBeLessThan(
        operations.length * IDLE,
      );
    }, 600_000);
  },
);
