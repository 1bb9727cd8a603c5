import { html, type Markup } from '../pages/html.ts';
import type { PageResponse } from '../pages/layout.ts';
import type { CliHub } from '../stripecli/hub.ts';
import { code, consolePage, link, moment, table, text, type View } from './frame.ts';
import { eventRows, EVENT_HEADS } from './events.ts';

const KINDS = [
  'customer',
  'subscription',
  'invoice',
  'payment_intent',
  'checkout.session',
  'price',
] as const;
const STEPS = [
  ['hour', '1 hour'],
  ['day', '1 day'],
  ['week', '1 week'],
  ['month', '1 month'],
  ['year', '1 year'],
] as const;

/** What a person sees first: how much there is, the test clocks, the newest events. */
export function overview(view: View, hub: CliHub): PageResponse {
  const { account } = view;
  const tiles = KINDS.map((kind) => {
    const count = account.store.of(kind).size;
    return html`<li>
      <strong>${count}</strong> <a href="${link(view, `/console/objects?kind=${kind}`)}">${kind}</a>
    </li>`;
  });
  const endpoints = account.store.of('webhook_endpoint').size;
  const cli = hub.connectedTo(account);
  return consolePage(view, {
    title: 'Overview',
    current: '/',
    body: html`<ul class="tiles">
        ${tiles}
      </ul>
      ${otherAccounts(view)}
      <h2>Test clocks</h2>
      ${clocks(view)}
      <h2>Newest events</h2>
      ${table('Newest events', EVENT_HEADS, eventRows(view, account.events.slice(-10).toReversed()))}
      <p class="muted">
        ${endpoints} webhook ${endpoints === 1 ? 'endpoint' : 'endpoints'}, ${cli} connected Stripe
        ${cli === 1 ? 'CLI' : 'CLIs'}. The API key of this account: ${code(account.key)}
      </p>`,
  });
}

function otherAccounts(view: View): Markup | null {
  const others = [...view.emulator.accounts.values()].filter((account) => account !== view.account);
  if (others.length === 0) return null;
  const links = others.map((account) => html`<a href="/?account=${account.id}">${account.id}</a> `);
  return html`<p>Other accounts: ${links}</p>`;
}

function clocks(view: View): Markup {
  const rows = [...view.account.store.of('test_helpers.test_clock').newestFirst()]
    .slice(0, 20)
    .map((clock) => {
      const customers = view.account.store.by('customer', 'test_clock', clock.id).length;
      return [
        html`<a href="${link(view, `/console/objects/${clock.id}`)}">${code(clock.id)}</a>`,
        text(clock.name ?? ''),
        moment(clock.frozen_time),
        text(clock.status),
        text(customers),
        advanceForm(view, clock.id),
      ];
    });
  return table('Test clocks', ['Clock', 'Name', 'Now', 'Status', 'Customers', 'Advance'], rows);
}

function advanceForm(view: View, clock: string): Markup {
  return html`<form
    class="buttons"
    method="post"
    action="${link(view, `/console/clocks/${clock}/advance`)}"
  >
    ${STEPS.map(([value, label]) => html`<button name="by" value="${value}" aria-label="Advance by ${label}">${label}</button>`)}
  </form>`;
}
