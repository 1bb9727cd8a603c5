import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { payCheckout } from '../../../scripts/pay-checkout.ts';
import type { Body, Case, Conformance, Expected } from './case.ts';
import type { Received, Sent } from './exchange.ts';

export const FILE = new URL('../conformance.json', import.meta.url);

export function readConformance(): Conformance {
  return JSON.parse(readFileSync(FILE, 'utf8')) as Conformance;
}

/** Who answers: a server on some port, or the handler itself. */
export interface Target {
  /** What stands for `/api` there, with its origin. */
  base: string;
  send: (sent: Sent) => Promise<Received>;
  /** The headers that make a request somebody's. */
  identify: (as: NonNullable<Case['as']>, user: string) => Promise<Record<string, string>>;
  webhookSecret: string;
  /** Headers that the app around the adapter adds to every answer. */
  hostHeaders?: string[];
  /** Goes on after a difference: recording takes every answer. */
  recording?: boolean;
}

/**
 * Sends cases one after the other and tells what came; comparing is left to the caller. Ends with the first answer that
 * is not as expected: later cases build on it.
 */
export async function replay(
  cases: readonly Case[],
  target: Target,
  conformance: Conformance,
): Promise<{ name: string; actual: Expected }[]> {
  const run = randomBytes(6).toString('hex');
  const saved: Record<string, string> = { run, user: `conformance-${run}@example.com` };
  const results = [];
  for (const each of cases) {
    const actual = await answerTo(each, { target, conformance, saved });
    results.push({ name: each.name, actual });
    if (!target.recording && (!each.expect || !isSame(actual, each.expect))) break;
  }
  return results;
}

interface Context {
  target: Target;
  conformance: Conformance;
  saved: Record<string, string>;
}

async function answerTo(each: Case, context: Context): Promise<Expected> {
  const { target, conformance, saved } = context;
  const deadline = Date.now() + 10_000;
  let received: Received;
  let actual: Expected;
  do {
    received = await target.send(await toSent(each, context));
    actual = normalised(received, conformance, target.hostHeaders);
    if (!each.wait || !each.expect || isSame(actual, each.expect)) break;
    await sleep(50);
  } while (Date.now() < deadline);
  for (const [name, path] of Object.entries(each.save ?? {})) {
    saved[name] = String(valueAt(JSON.parse(received.body.toString()), path));
  }
  if (each.pay) await payCheckout(saved[each.pay] ?? '');
  return actual;
}

async function toSent(each: Case, { target, saved }: Context): Promise<Sent> {
  const body = each.body ? bytesOf(each.body, saved) : null;
  const type: Record<string, string> =
    each.body && 'json' in each.body ? { 'content-type': 'application/json' } : {};
  const signature = each.sign ? signatureOf(body ?? Buffer.alloc(0), each.sign, target) : {};
  const identity = await target.identify(each.as ?? 'nobody', saved['user'] ?? '');
  const headers = { ...type, 'x-request-id': 'conformance', ...signature, ...identity };
  return {
    method: each.method,
    url: target.base + filled(each.path, saved).replace(/^\/api/, ''),
    headers: { ...headers, ...filledHeaders(each.headers ?? {}, saved) },
    body,
    chunked: each.chunked ?? false,
  };
}

function filledHeaders(
  headers: Record<string, string | string[]>,
  saved: Record<string, string>,
): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      typeof value === 'string' ? filled(value, saved) : value,
    ]),
  );
}

function bytesOf(body: Body, saved: Record<string, string>): Buffer {
  if ('everyByte' in body) return Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  if ('megabytes' in body) return Buffer.alloc(body.megabytes * 1_048_576, 'x');
  return Buffer.from(
    'text' in body ? filled(body.text, saved) : filled(JSON.stringify(body.json), saved),
  );
}

function filled(text: string, saved: Record<string, string>): string {
  return text.replaceAll(/\{([a-z]+)\}/gi, (all, name: string) => saved[name] ?? all);
}

function signatureOf(
  body: Buffer,
  how: NonNullable<Case['sign']>,
  { webhookSecret }: Target,
): Record<string, string> {
  const shift = how === 'stale' ? -3600 : how === 'future' ? 3600 : 0;
  const at = Math.floor(Date.now() / 1000) + shift;
  const secret = how === 'wrong-secret' ? 'whsec_another_endpoint' : webhookSecret;
  const hmac = createHmac('sha256', secret).update(`${at}.`);
  const mac = hmac.update(how === 'other-body' ? 'another body' : body).digest('hex');
  return { 'stripe-signature': `t=${at},v1=${mac}` };
}

function valueAt(value: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((at, key) => (at as Record<string, unknown> | null)?.[key], value);
}

/** An answer without what differs from run to run. */
function normalised(
  { status, headers, body }: Received,
  { normalise, ignoredHeaders }: Conformance,
  hostHeaders: string[] = [],
): Expected {
  const left = new Set([...ignoredHeaders, ...hostHeaders]);
  const clean = (text: string) =>
    normalise.reduce(
      (at, [pattern, label]) =>
        at.replaceAll(
          new RegExp(pattern, 'g'),
          (_all, group: unknown) => `<${label ?? String(group)}>`,
        ),
      text,
    );
  const kept = Object.entries(headers)
    .filter(([name]) => !left.has(name))
    .map(([name, value]) => [name, typeof value === 'string' ? clean(value) : value] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return { status, headers: Object.fromEntries(kept), ...contentOf(headers, body, clean) };
}

function contentOf(
  headers: Received['headers'],
  body: Buffer,
  clean: (text: string) => string,
): Pick<Expected, 'json' | 'text' | 'base64'> {
  if (body.byteLength === 0) return {};
  const text = body.toString();
  if (!Buffer.from(text).equals(body)) return { base64: body.toString('base64') };
  if (!String(headers['content-type']).startsWith('application/json')) return { text: clean(text) };
  const json: unknown = JSON.parse(clean(text));
  // The answer's own bytes are what is compared: JSON in another spelling stays text.
  return JSON.stringify(json) === clean(text) ? { json } : { text: clean(text) };
}

/** What came otherwise than expected, case by case: to be an empty list. */
export function differences(
  cases: Case[],
  answers: { name: string; actual: Expected }[],
): string[] {
  return answers.flatMap(({ name, actual }, i) => {
    const expected = cases[i]?.expect;
    if (expected && isSame(actual, expected)) return [];
    return [`${name}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`];
  });
}

function isSame(a: Expected, b: Expected): boolean {
  return JSON.stringify(canonical(a)) === JSON.stringify(canonical(b));
}

function canonical({ status, headers, json, text, base64 }: Expected): unknown[] {
  const names = Object.keys(headers).sort((a, b) => (a < b ? -1 : 1));
  const lines = names.map((name) => [name, headers[name]]);
  return [status, lines, json ?? null, text ?? null, base64 ?? null];
}
