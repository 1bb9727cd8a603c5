import type Stripe from 'stripe';
import type { Emulator } from '../kernel/emulator.ts';
import { ApiError, invalidRequest } from '../kernel/errors.ts';
import { isWireObject, type Wire } from '../kernel/form.ts';
import { newId } from '../kernel/ids.ts';
import { p, read } from '../kernel/params.ts';
import { RawAnswer, type RawRequest, type Registry } from '../kernel/registry.ts';
import { refuseBadTime, textValues } from '../resources/meter-events.ts';
import { reportProblems } from '../usage/problems.ts';
import { cancelUsage, recordUsage } from '../usage/record.ts';
import { newSessionToken, readSessionToken } from './meter-sessions.ts';

const event = {
  event_name: p.required(p.str),
  payload: p.required(p.stringMap),
  identifier: p.str,
  timestamp: p.str,
};
const stream = { events: p.required(p.arr(p.obj(event))) };
const adjustment = {
  event_name: p.required(p.str),
  type: p.required(p.oneOf(['cancel'])),
  cancel: p.required(p.obj({ identifier: p.required(p.str) })),
};

/** Usage by API v2: single events, adjustments, and the session with its stream of up to 100 events a call. */
export function registerMeterRoutes(registry: Registry, emulator: Emulator): void {
  registry.post('/v2/billing/meter_events', event, (ctx, params): Stripe.V2.Billing.MeterEvent => {
    const result = recordUsage(ctx, reportOf(params));
    refuseBadTime(result);
    reportProblems(ctx, [result]);
    const { record } = result;
    return {
      object: 'v2.billing.meter_event',
      created: iso(record.created),
      event_name: record.event_name,
      identifier: record.identifier,
      livemode: false,
      payload: record.payload,
      timestamp: iso(record.timestamp),
    };
  });
  registry.post(
    '/v2/billing/meter_event_adjustments',
    adjustment,
    (ctx, params): Stripe.V2.Billing.MeterEventAdjustment => {
      cancelUsage(ctx, params.event_name, params.cancel.identifier);
      return {
        id: newId('mtr_event_adj'),
        object: 'v2.billing.meter_event_adjustment',
        cancel: { identifier: params.cancel.identifier },
        created: new Date().toISOString(),
        event_name: params.event_name,
        livemode: false,
        status: 'pending',
        type: 'cancel',
      };
    },
  );
  registry.post(
    '/v2/billing/meter_event_session',
    {},
    (ctx): Stripe.V2.Billing.MeterEventSession => {
      const now = Date.now();
      const { token, expiresAt } = newSessionToken(ctx.account.key, now);
      return {
        id: newId('mes'),
        object: 'v2.billing.meter_event_session',
        authentication_token: token,
        created: new Date(now).toISOString(),
        expires_at: new Date(expiresAt).toISOString(),
        livemode: false,
      };
    },
  );
  registry.raw('POST', '/v2/billing/meter_event_stream', (request) =>
    takeStream(emulator, request),
  );
}

/** The stream accepts first and validates later: only its form is judged at once. */
function takeStream(emulator: Emulator, request: RawRequest): RawAnswer {
  const session = readSessionToken(
    String(request.headers['authorization'] ?? '').replace(/^Bearer /, ''),
    Date.now(),
  );
  if (session === null) {
    throw new ApiError(401, {
      type: 'invalid_request_error',
      code: 'invalid_token',
      message: 'The meter event stream needs the token of a meter event session.',
    });
  }
  if (session.expired) {
    const error = {
      code: 'billing_meter_event_session_expired',
      message: 'This meter event session has expired.',
      type: 'temporary_session_expired',
    };
    return new RawAnswer(400, { 'Content-Type': 'application/json' }, JSON.stringify({ error }));
  }
  const ctx = emulator.context(emulator.accountOf(session.apiKey));
  const { events } = read(stream, jsonObject(request.body), '');
  if (events.length > 100)
    throw invalidRequest('A call takes at most 100 events.', { param: 'events' });
  const results = events.flatMap((params) => {
    try {
      return [recordUsage(ctx, reportOf(params))];
    } catch (error) {
      if (error instanceof ApiError) return []; // a repeated identifier: counted already
      throw error;
    }
  });
  reportProblems(ctx, results);
  return new RawAnswer(200, { 'Content-Type': 'application/json' }, '{}');
}

function jsonObject(body: Buffer): { [key: string]: Wire } {
  try {
    const value: Wire = JSON.parse(body.toString('utf8'));
    if (isWireObject(value)) return value;
  } catch {
    // answered below
  }
  throw invalidRequest('Invalid request body: not a JSON object.');
}

function reportOf(params: {
  event_name: string;
  payload: Record<string, string | null>;
  identifier?: string;
  timestamp?: string;
}) {
  const at = params.timestamp === undefined ? undefined : Date.parse(params.timestamp);
  if (at !== undefined && Number.isNaN(at))
    throw invalidRequest(`Invalid timestamp: ${params.timestamp}`, { param: 'timestamp' });
  return {
    eventName: params.event_name,
    identifier: params.identifier,
    timestamp: at === undefined ? undefined : Math.floor(at / 1000),
    payload: textValues(params.payload),
  };
}

function iso(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
