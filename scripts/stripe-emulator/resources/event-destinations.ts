import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { newId, randomText } from '../kernel/ids.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import {
  destinationsOf,
  forgetDestination,
  keepDestination,
  needDestination,
  type Destination,
} from '../v2/destinations.ts';
import { ping, thinEvent } from '../v2/outbox.ts';
import { thinEventsOf, type ThinEvent } from '../v2/thin-events.ts';

const include = p.arr(p.str);
const target = p.obj({ url: p.required(p.str) });
const creation = {
  enabled_events: p.required(p.arr(p.str)),
  event_payload: p.required(p.oneOf(['snapshot', 'thin'])),
  name: p.required(p.str),
  type: p.required(p.oneOf(['webhook_endpoint', 'amazon_eventbridge', 'azure_event_grid'])),
  description: p.str,
  events_from: p.harmless,
  include,
  metadata: p.metadata,
  snapshot_api_version: p.str,
  webhook_endpoint: target,
};
const change = {
  description: p.str,
  enabled_events: p.arr(p.str),
  include,
  metadata: p.metadata,
  name: p.str,
  webhook_endpoint: target,
};
const EMPTY = { next_page_url: null, previous_page_url: null };

/** Event destinations and thin events: `/v2/core/event_destinations`, `/v2/core/events`. */
export function registerEventDestinations(registry: Registry): void {
  registry.post('/v2/core/event_destinations', creation, createDestination);
  registry.get(
    '/v2/core/event_destinations',
    { include, limit: p.int, page: p.str },
    (ctx, params) => ({
      data: destinationsOf(ctx.account).map((destination) => shown(destination, params.include)),
      ...EMPTY,
    }),
  );
  registry.get('/v2/core/event_destinations/:id', { include }, (ctx, params, { id }) =>
    shown(needDestination(ctx, id), params.include),
  );
  registry.post('/v2/core/event_destinations/:id', change, (ctx, params, { id }) => {
    const destination = needDestination(ctx, id);
    const url = params.webhook_endpoint?.url;
    return kept(ctx, {
      ...destination,
      name: params.name ?? destination.name,
      description: params.description ?? destination.description,
      enabledEvents: params.enabled_events ?? destination.enabledEvents,
      metadata: mergeMetadata(destination.metadata, params.metadata),
      url: url ?? destination.url,
    });
  });
  registry.post('/v2/core/event_destinations/:id/enable', {}, (ctx, _params, { id }) =>
    kept(ctx, { ...needDestination(ctx, id), status: 'enabled' }),
  );
  registry.post('/v2/core/event_destinations/:id/disable', {}, (ctx, _params, { id }) =>
    kept(ctx, { ...needDestination(ctx, id), status: 'disabled' }),
  );
  registry.post('/v2/core/event_destinations/:id/ping', {}, (ctx, _params, { id }) =>
    ping(ctx, needDestination(ctx, id)),
  );
  registry.delete('/v2/core/event_destinations/:id', {}, (ctx, _params, { id }) => {
    forgetDestination(ctx, needDestination(ctx, id).id);
    return { id, object: 'v2.core.event_destination', deleted: true };
  });
  const filters = { limit: p.int, object_id: p.str, types: p.arr(p.str), page: p.str };
  registry.get('/v2/core/events', filters, (ctx, params) => ({
    data: listThin(ctx, params),
    ...EMPTY,
  }));
  registry.get('/v2/core/events/:id', {}, (ctx, _params, { id }) => {
    const found = thinEvent(ctx.account, id);
    if (found === undefined)
      throw invalidRequest(`No such event: ${id}`, { status: 404, code: 'not_found' });
    return found;
  });
}

function createDestination(
  ctx: Context,
  params: Values<typeof creation>,
): Stripe.V2.Core.EventDestination {
  const url = params.webhook_endpoint?.url;
  if (params.type !== 'webhook_endpoint' || url === undefined) {
    throw invalidRequest(
      'This emulator delivers to webhook endpoints only: pass type webhook_endpoint and webhook_endpoint.url.',
      {
        param: 'webhook_endpoint.url',
      },
    );
  }
  if (!URL.canParse(url))
    throw invalidRequest('Invalid URL.', { param: 'webhook_endpoint.url', code: 'url_invalid' });
  const now = new Date().toISOString();
  const destination: Destination = {
    id: newId('ed_test'),
    created: now,
    updated: now,
    name: params.name,
    description: params.description ?? '',
    enabledEvents: params.enabled_events,
    payload: params.event_payload,
    apiVersion:
      params.event_payload === 'snapshot'
        ? (params.snapshot_api_version ?? ctx.settings.apiVersion)
        : null,
    metadata: mergeMetadata({}, params.metadata),
    status: 'enabled',
    url,
    secret: `whsec_${randomText(32)}`,
  };
  keepDestination(ctx, destination);
  return shown(destination, params.include);
}

function kept(ctx: Context, destination: Destination): Stripe.V2.Core.EventDestination {
  const updated = { ...destination, updated: new Date().toISOString() };
  keepDestination(ctx, updated);
  return shown(updated, undefined);
}

function shown(
  destination: Destination,
  include: readonly string[] | undefined,
): Stripe.V2.Core.EventDestination {
  return {
    id: destination.id,
    object: 'v2.core.event_destination',
    created: destination.created,
    description: destination.description,
    enabled_events: destination.enabledEvents,
    event_payload: destination.payload,
    events_from: ['@self'],
    livemode: false,
    metadata: destination.metadata,
    name: destination.name,
    ...(destination.apiVersion === null ? {} : { snapshot_api_version: destination.apiVersion }),
    status: destination.status,
    ...(destination.status === 'disabled'
      ? { status_details: { disabled: { reason: 'user' } } }
      : {}),
    type: 'webhook_endpoint',
    updated: destination.updated,
    webhook_endpoint: {
      ...(include?.includes('webhook_endpoint.signing_secret') === true
        ? { signing_secret: destination.secret }
        : {}),
      ...(include?.includes('webhook_endpoint.url') === true ? { url: destination.url } : {}),
    },
  };
}

function listThin(
  ctx: Context,
  filter: { limit?: number; object_id?: string; types?: string[] },
): ThinEvent[] {
  const found: ThinEvent[] = [];
  const limit = Math.min(filter.limit ?? 20, 100);
  for (const record of ctx.account.events.toReversed()) {
    if (filter.object_id !== undefined && record.objectId !== filter.object_id) continue;
    for (const event of thinEventsOf(record)) {
      if (filter.types === undefined || filter.types.includes(event.type)) found.push(event);
      if (found.length === limit) return found;
    }
  }
  return found;
}
