import { z } from 'zod';
import type { Account, AccountSettings } from '../kernel/account.ts';
import type { Emulator } from '../kernel/emulator.ts';
import { ApiError, invalidRequest } from '../kernel/errors.ts';
import { dumpAccount } from '../kernel/persistence.ts';
import { RawAnswer, type RawRequest, type Registry } from '../kernel/registry.ts';
import { openDispute } from '../payments/disputes.ts';
import { rulesOf } from './delivery.ts';
import { faultSpec } from './rules.ts';
import { resetAccount, restoreAccount } from './state.ts';

const DEFAULT_KEY = 'sk_test_tenure_local';

const disputedCharge = z.strictObject({ charge: z.string() });

const settingsChange = z.strictObject({
  retryDays: z.array(z.number().positive()).optional(),
  finalAction: z.enum(['cancel', 'unpaid', 'past_due', 'pause']).optional(),
  upcomingDays: z.int().min(0).optional(),
  draftSeconds: z.int().min(0).optional(),
  debitDays: z.number().min(0).optional(),
  apiVersion: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}(\.[a-z]+)?$/)
    .optional(),
  defaultPortalConfiguration: z.boolean().optional(),
  country: z.string().length(2).optional(),
  currency: z.string().length(3).optional(),
  businessName: z.string().min(1).optional(),
});

/** The switches of the emulator itself, under `/_emulator/`; the account is the API key's, or the usual one. */
export function registerSwitches(registry: Registry, emulator: Emulator): void {
  const account = (request: RawRequest) => {
    refuseBrowsers(request);
    return emulator.accountOf(keyOf(request));
  };
  registry.raw('GET', '/_emulator/faults', (request) =>
    json({ data: rulesOf(account(request)).list() }),
  );
  registry.raw('POST', '/_emulator/faults', (request) =>
    json(rulesOf(account(request)).add(parse(faultSpec, request))),
  );
  registry.raw('DELETE', '/_emulator/faults', (request) => {
    rulesOf(account(request)).clear();
    return json({ data: [] });
  });
  registry.raw('DELETE', '/_emulator/faults/:id', (request) => {
    const id = request.path['id'] ?? '';
    if (!rulesOf(account(request)).remove(id))
      throw invalidRequest(`No such fault: '${id}'`, { status: 404 });
    return json({ id, deleted: true });
  });
  registry.raw('GET', '/_emulator/settings', (request) => json(account(request).settings));
  registry.raw('POST', '/_emulator/settings', (request) =>
    json(changeSettings(emulator, account(request), parse(settingsChange, request))),
  );
  registry.raw('POST', '/_emulator/disputes', (request) => {
    const ctx = emulator.context(account(request));
    const charge = ctx.store.need('charge', parse(disputedCharge, request).charge);
    return json(openDispute(ctx, charge, 'fraudulent'));
  });
  registry.raw('POST', '/_emulator/reset', (request) => {
    resetAccount(emulator, account(request));
    return json({ reset: true });
  });
  registry.raw(
    'GET',
    '/_emulator/snapshot',
    (request) => new RawAnswer(200, JSON_TYPE, dumpAccount(account(request))),
  );
  registry.raw('POST', '/_emulator/restore', (request) => {
    const target = account(request);
    restoreAccount(emulator, target, snapshotText(request, target));
    return json({ restored: true });
  });
  registry.raw('GET', '/_emulator/requests', (request) =>
    json({ data: account(request).requests.toReversed() }),
  );
  registry.raw('GET', '/_emulator/deliveries', (request) =>
    json({ data: deliveriesOf(account(request), request.url.searchParams) }),
  );
}

/**
 * A web page must not press these switches: what a browser sends comes from this server's own pages and brings the key in
 * a header, which no form of another site can. An address that a person types (`none`) may be read.
 */
function refuseBrowsers(request: RawRequest): void {
  const { origin, host } = request.headers;
  const site = request.headers['sec-fetch-site'];
  if (origin === undefined && (site === undefined || (site === 'none' && request.method === 'GET')))
    return;
  const own =
    (site === undefined || site === 'same-origin') &&
    (origin === undefined || origin === `${request.url.protocol}//${String(host)}`);
  if (own && request.headers['authorization'] !== undefined) return;
  throw invalidRequest('This request was sent by a web page: send the key in `Authorization`.', {
    status: 403,
  });
}

const JSON_TYPE = { 'Content-Type': 'application/json' };

function json(value: unknown): RawAnswer {
  return new RawAnswer(200, JSON_TYPE, JSON.stringify(value, null, 2));
}

/** `Authorization: Bearer KEY`, `?key=KEY`, or the usual local account. */
export function keyOf(request: RawRequest): string {
  const authorization = String(request.headers['authorization'] ?? '');
  if (authorization.startsWith('Bearer ')) return authorization.slice('Bearer '.length).trim();
  return request.url.searchParams.get('key') ?? DEFAULT_KEY;
}

function parse<T>(schema: z.ZodType<T>, request: RawRequest): T {
  const result = schema.safeParse(bodyOf(request));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new ApiError(400, {
    type: 'invalid_request_error',
    message: issue === undefined ? 'Invalid body.' : `${issue.path.join('.')}: ${issue.message}`,
    param: issue?.path.join('.') ?? '',
  });
}

function bodyOf(request: RawRequest): unknown {
  const text = request.body.toString('utf8');
  if (text === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    throw invalidRequest('The body is not JSON.');
  }
}

/** Settings of this and later calls; the default portal configuration comes and goes with its switch. */
function changeSettings(
  emulator: Emulator,
  account: Account,
  change: z.infer<typeof settingsChange>,
): AccountSettings {
  const given = Object.fromEntries(
    Object.entries(change).filter(([, value]) => value !== undefined),
  );
  Object.assign(account.settings, given);
  account.revision += 1;
  emulator.wake(account);
  return account.settings;
}

function snapshotText(request: RawRequest, account: Account): string {
  const value = bodyOf(request);
  if (
    typeof value !== 'object' ||
    value === null ||
    !('objects' in value) ||
    !('schedule' in value)
  ) {
    throw invalidRequest('The body is not a snapshot: send what GET /_emulator/snapshot answered.');
  }
  return JSON.stringify({ ...value, key: account.key });
}

/** Newest first; those of one `state`, and no more than `limit`, where it is given. */
function deliveriesOf({ webhooks: { log } }: Account, query: URLSearchParams): object[] {
  const [wanted, limit] = [query.get('state'), Number(query.get('limit') ?? Infinity)];
  const found: typeof log = [];
  for (let at = log.length - 1; at >= 0 && found.length < limit; at -= 1) {
    const each = log[at];
    if (each && (wanted === null || each.state === wanted)) found.push(each);
  }
  return found.map(({ id, event, endpoint, attempts, state, nextAt }) => ({
    id,
    event: event.id,
    type: event.type,
    endpoint: endpoint.id,
    url: endpoint.url,
    state,
    nextAt,
    attempts,
  }));
}
