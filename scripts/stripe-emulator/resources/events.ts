import type { Context } from '../kernel/context.ts';
import { resourceMissing } from '../kernel/errors.ts';
import { typeMatches, wireEvent, type EventRecord, type WireEvent } from '../kernel/events.ts';
import { pageOf } from '../kernel/lists.ts';
import { p, PAGE, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';

const listParams = {
  ...PAGE,
  created: p.timeRange,
  delivery_success: p.bool,
  type: p.str,
  types: p.arr(p.str),
};
const retryParams = { for_stripecli: p.harmless, webhook_endpoint: p.str, account: p.str };

/** `/v1/events`, and `retry`, which the CLI calls to resend one. */
export function registerEvents(registry: Registry): void {
  registry.get('/v1/events', listParams, list);
  registry.get('/v1/events/:id', {}, (ctx, _params, path) => wireEvent(need(ctx, path.id)));
  registry.post('/v1/events/:id/retry', retryParams, (ctx, params, path) => {
    const event = need(ctx, path.id);
    if (params.webhook_endpoint !== undefined) {
      ctx.account.webhooks.send(
        event,
        ctx.store.need('webhook_endpoint', params.webhook_endpoint, 'webhook_endpoint'),
      );
    } else {
      for (const listener of ctx.shared.eventListeners) listener(ctx.account, event);
    }
    return wireEvent(event);
  });
}

function need(ctx: Context, id: string): EventRecord {
  const event = ctx.account.eventsById.get(id);
  if (event === undefined) throw resourceMissing('event', id);
  return event;
}

function list(
  ctx: Context,
  params: Values<typeof listParams>,
): { object: 'list'; data: WireEvent[]; has_more: boolean; url: string } {
  const patterns = params.types ?? (params.type === undefined ? [] : [params.type]);
  const where = (event: EventRecord) =>
    (patterns.length === 0 || patterns.some((pattern) => typeMatches(pattern, event.type))) &&
    (params.delivery_success === undefined || params.delivery_success === event.delivered);
  const page = pageOf(newestFirst(ctx.account.events), {
    url: '/v1/events',
    page: params,
    kind: 'event',
    where,
  });
  return { object: 'list', data: page.data.map(wireEvent), has_more: page.has_more, url: page.url };
}

function* newestFirst(events: EventRecord[]): Generator<EventRecord> {
  for (let at = events.length - 1; at >= 0; at -= 1) {
    const event = events[at];
    if (event !== undefined) yield event;
  }
}
