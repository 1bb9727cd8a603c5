import { PREFIXES, type ObjectName } from '../kernel/objects.ts';
import { html, type Markup } from '../pages/html.ts';
import { messagePage, type PageResponse } from '../pages/layout.ts';
import { at, isShape, type Shape } from '../versions/shapes.ts';
import { plain } from '../kernel/context.ts';
import { code, consolePage, json, link, moment, table, text, type View } from './frame.ts';
import { EVENT_HEADS, eventRows } from './events.ts';

const SHOWN = 100;

function isKind(name: string): name is ObjectName {
  return Object.hasOwn(PREFIXES, name) && name !== '_note';
}

/** All kinds with their numbers, or the newest objects of one kind. */
export function objectsPage(view: View): PageResponse {
  const kind = view.query.get('kind') ?? '';
  return consolePage(view, {
    title: isKind(kind) ? kind : 'Objects',
    current: '/console/objects',
    body: isKind(kind) ? newest(view, kind) : kinds(view),
  });
}

function kinds(view: View): Markup {
  const tiles = Object.keys(PREFIXES)
    .filter(isKind)
    .map((kind) => ({ kind, count: view.account.store.of(kind).size }))
    .filter(({ count }) => count > 0)
    .map(
      ({ kind, count }) =>
        html`<li>
          <strong>${count}</strong>
          <a href="${link(view, `/console/objects?kind=${kind}`)}">${kind}</a>
        </li>`,
    );
  return tiles.length === 0
    ? html`<p class="muted">Nothing yet.</p>`
    : html`<ul class="tiles">
        ${tiles}
      </ul>`;
}

function newest(view: View, kind: ObjectName): Markup {
  const rows: Markup[][] = [];
  for (const object of view.account.store.of(kind).newestFirst()) {
    if (rows.length === SHOWN) break;
    const shape = plain(object);
    if (isShape(shape)) rows.push(row(view, shape));
  }
  return table(kind, ['Id', 'Status', 'Customer', 'What', 'Created'], rows);
}

function row(view: View, shape: Shape): Markup[] {
  const customer = shape['customer'];
  const created = shape['created'];
  return [
    html`<a href="${link(view, `/console/objects/${String(shape['id'])}`)}"
      >${code(String(shape['id']))}</a
    >`,
    text(firstText(shape['status'], shape['active'] === false ? 'inactive' : undefined)),
    typeof customer === 'string'
      ? html`<a href="${link(view, `/console/objects/${customer}`)}">${code(customer)}</a>`
      : text(''),
    text(describe(shape)),
    typeof created === 'number' ? moment(created) : text(''),
  ];
}

function describe(shape: Shape): string {
  const amount = [
    shape['amount_due'],
    shape['amount'],
    shape['unit_amount'],
    shape['amount_total'],
  ].find((value) => typeof value === 'number');
  const money = amount === undefined ? '' : `${amount} ${firstText(shape['currency'])}`;
  const name = firstText(
    shape['name'],
    shape['email'],
    shape['nickname'],
    shape['code'],
    at(shape, 'card')['last4'],
    shape['description'],
  );
  return [name, money].filter((part) => part !== '').join(' · ');
}

function firstText(...values: unknown[]): string {
  for (const value of values) if (typeof value === 'string' && value !== '') return value;
  return '';
}

/** One object as the API shows it, with the events that it had. */
export function objectPage(view: View, id: string): PageResponse {
  const found = view.account.store.resolve(id);
  if (found === undefined)
    return messagePage('No such object', 'This account has no object with that id.', 404);
  const events = view.account.events
    .filter((event) => event.objectId === id)
    .slice(-SHOWN)
    .toReversed();
  return consolePage(view, {
    title: id,
    current: '/console/objects',
    body: html`${json(plain(found))}
      <h2>Its events</h2>
      ${table('Its events', EVENT_HEADS, eventRows(view, events))}`,
  });
}
