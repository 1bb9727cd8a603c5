import type Stripe from 'stripe';
import { randomText } from '../kernel/ids.ts';
import { listStored } from '../kernel/lists.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p, PAGE, paramsOf, type Values } from '../kernel/params.ts';
import type { Context } from '../kernel/context.ts';
import type { Registry } from '../kernel/registry.ts';
import { API_VERSIONS, EVENT_TYPES } from '../kernel/word-sets.ts';

const createParams = paramsOf<Stripe.WebhookEndpointCreateParams>()({
  url: p.required(p.str),
  enabled_events: p.required(p.arr(p.oneOf(EVENT_TYPES))),
  api_version: p.oneOf(API_VERSIONS),
  connect: p.bool,
  description: p.clearable(p.str),
  metadata: p.metadata,
});
const updateParams = paramsOf<Stripe.WebhookEndpointUpdateParams>()({
  url: p.str,
  enabled_events: p.arr(p.oneOf(EVENT_TYPES)),
  disabled: p.bool,
  description: p.clearable(p.str),
  metadata: p.metadata,
});

/** `/v1/webhook_endpoints` */
export function registerWebhookEndpoints(registry: Registry): void {
  registry.post('/v1/webhook_endpoints', createParams, create);
  registry.get('/v1/webhook_endpoints', { ...PAGE }, (ctx, page) => {
    const list = listStored(ctx, 'webhook_endpoint', { url: '/v1/webhook_endpoints', page });
    return { ...list, data: list.data.map(withoutSecret) };
  });
  registry.get('/v1/webhook_endpoints/:id', {}, (ctx, _params, path) =>
    withoutSecret(ctx.store.need('webhook_endpoint', path.id)),
  );
  registry.post('/v1/webhook_endpoints/:id', updateParams, (ctx, params, path) =>
    update(ctx, params, ctx.store.need('webhook_endpoint', path.id)),
  );
  registry.delete('/v1/webhook_endpoints/:id', {}, (ctx, _params, path) => {
    ctx.store.need('webhook_endpoint', path.id).status = 'disabled';
    return ctx.store.remove('webhook_endpoint', path.id);
  });
}

function create(ctx: Context, params: Values<typeof createParams>): Stripe.WebhookEndpoint {
  return ctx.add('webhook_endpoint', {
    id: ctx.store.newId('webhook_endpoint'),
    object: 'webhook_endpoint',
    api_version: params.api_version ?? null,
    application: null,
    created: ctx.now(),
    description: params.description ?? null,
    enabled_events: params.enabled_events,
    livemode: false,
    metadata: mergeMetadata({}, params.metadata),
    secret: `whsec_${randomText(32)}`,
    status: 'enabled',
    url: params.url,
  });
}

function update(
  ctx: Context,
  params: Values<typeof updateParams>,
  endpoint: Stripe.WebhookEndpoint,
): Stripe.WebhookEndpoint {
  const apply = () => {
    endpoint.url = params.url ?? endpoint.url;
    endpoint.enabled_events = params.enabled_events ?? endpoint.enabled_events;
    if (params.description !== undefined) endpoint.description = params.description;
    if (params.disabled !== undefined) endpoint.status = params.disabled ? 'disabled' : 'enabled';
    endpoint.metadata = mergeMetadata(endpoint.metadata, params.metadata);
  };
  return withoutSecret(ctx.update('webhook_endpoint', endpoint, { event: null, apply }));
}

/** The secret is shown once, when the endpoint is made. */
function withoutSecret(endpoint: Stripe.WebhookEndpoint): Stripe.WebhookEndpoint {
  const { secret: _secret, ...shown } = endpoint;
  return shown;
}
