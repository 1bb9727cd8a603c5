import type { EventRecord } from '../kernel/events.ts';
import { typeMatches, wireEvent } from '../kernel/events.ts';
import type { Delivery } from '../kernel/webhooks.ts';
import { html, type Markup } from '../pages/html.ts';
import { messagePage, type PageResponse } from '../pages/layout.ts';
import type { CliHub } from '../stripecli/hub.ts';
import { code, consolePage, json, link, moment, table, text, type View } from './frame.ts';

export const EVENT_HEADS = ['Type', 'Object', 'When', 'Deliveries', 'Event'];
const SHOWN = 100;

/** Rows of events, newest first as given. */
export function eventRows(view: View, events: readonly EventRecord[]): Markup[][] {
  return events.map((event) => [
    html`<a href="${link(view, `/console/events/${event.id}`)}">${event.type}</a>`,
    event.objectId === null
      ? text('')
      : html`<a href="${link(view, `/console/objects/${event.objectId}`)}"
          >${code(event.objectId)}</a
        >`,
    moment(event.created),
    event.delivered ? text('') : html`<span class="failed">pending</span>`,
    code(event.id),
  ]);
}

/** The newest events, by type if one is asked for. */
export function eventsPage(view: View): PageResponse {
  const pattern = view.query.get('type') ?? '';
  const found: EventRecord[] = [];
  for (let at = view.account.events.length - 1; at >= 0 && found.length < SHOWN; at -= 1) {
    const event = view.account.events[at];
    if (event !== undefined && (pattern === '' || typeMatches(pattern, event.type)))
      found.push(event);
  }
  return consolePage(view, {
    title: 'Events',
    current: '/console/events',
    body: html`<form method="get" action="/console/events" role="search">
        <input type="hidden" name="account" value="${view.account.id}" />
        <label for="type">Type</label>
        <input id="type" name="type" value="${pattern}" placeholder="customer.subscription.*" />
        <button type="submit">Show</button>
      </form>
      ${table('Events', EVENT_HEADS, eventRows(view, found))}`,
  });
}

/** One event with its deliveries, and a button that sends it again. */
export function eventPage(view: View, id: string): PageResponse {
  const event = view.account.eventsById.get(id);
  if (event === undefined)
    return messagePage('No such event', 'This account has no event with that id.', 404);
  const deliveries = view.account.webhooks.log.filter((delivery) => delivery.event.id === id);
  return consolePage(view, {
    title: event.type,
    current: '/console/events',
    body: html`<form
        class="buttons"
        method="post"
        action="${link(view, `/console/events/${id}/resend`)}"
      >
        <button type="submit">Send again</button>
      </form>
      <h2>Deliveries</h2>
      ${table('Deliveries', DELIVERY_HEADS, deliveryRows(view, deliveries))}
      ${json(wireEvent(event))}`,
  });
}

const DELIVERY_HEADS = ['Event', 'To', 'State', 'Tries', 'Last answer'];

function deliveryRows(view: View, deliveries: readonly Delivery[]): Markup[][] {
  return deliveries.map((delivery) => {
    const last = delivery.attempts.at(-1);
    const failed = delivery.state !== 'delivered' && last !== undefined;
    return [
      html`<a href="${link(view, `/console/events/${delivery.event.id}`)}"
        >${delivery.event.type}</a
      >`,
      text(delivery.endpoint.url),
      failed ? html`<span class="failed">${delivery.state}</span>` : text(delivery.state),
      text(delivery.attempts.length),
      text(last === undefined ? '' : (last.error ?? `${last.status ?? ''} in ${last.ms} ms`)),
    ];
  });
}

/** What went to webhook endpoints and through the CLI. */
export function deliveriesPage(view: View, hub: CliHub): PageResponse {
  const { account } = view;
  const viaCli = (hub.results.get(account) ?? []).toReversed().slice(0, SHOWN);
  return consolePage(view, {
    title: 'Deliveries',
    current: '/console/deliveries',
    body: html`${table('Deliveries', DELIVERY_HEADS, deliveryRows(view, account.webhooks.log.slice(-SHOWN).toReversed()))}
      <h2>Through the Stripe CLI</h2>
      ${table(
        'Through the Stripe CLI',
        ['Event', 'To', 'Status', 'When'],
        viaCli.map((result) => [
          html`<a href="${link(view, `/console/events/${result.event}`)}">${result.type}</a>`,
          text(result.url),
          result.status < 300
            ? text(result.status)
            : html`<span class="failed">${result.status}</span>`,
          moment(result.at / 1000),
        ]),
      )}`,
  });
}
