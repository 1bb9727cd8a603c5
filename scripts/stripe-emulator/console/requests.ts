import { rulesOf } from '../faults/delivery.ts';
import type { RequestLog } from '../kernel/request-log.ts';
import { html, type Markup } from '../pages/html.ts';
import { messagePage, type PageResponse } from '../pages/layout.ts';
import { code, consolePage, json, link, moment, table, text, type View } from './frame.ts';

const SHOWN = 200;

/** The newest API calls. */
export function requestsPage(view: View): PageResponse {
  const calls = view.account.requests.slice(-SHOWN).toReversed();
  return consolePage(view, {
    title: 'Requests',
    current: '/console/requests',
    body: table(
      'Requests',
      ['Call', 'Status', 'Took', 'When', 'Request'],
      calls.map((call) => row(view, call)),
    ),
  });
}

function row(view: View, call: RequestLog): Markup[] {
  return [
    html`<a href="${link(view, `/test/logs/${call.id}`)}">${call.method} ${call.path}</a>`,
    call.status < 400 ? text(call.status) : html`<span class="failed">${call.status}</span>`,
    text(`${call.ms} ms`),
    moment(call.created),
    code(call.id),
  ];
}

/** One API call: what was sent, what was answered. The address is the one in an error's `request_log_url`. */
export function requestPage(view: View, id: string): PageResponse {
  const call = view.account.requests.find((entry) => entry.id === id);
  if (call === undefined)
    return messagePage('No such request', 'The request log no longer has it.', 404);
  const { responseBody, requestBody, ...facts } = call;
  return consolePage(view, {
    title: `${call.method} ${call.path}`,
    current: '/console/requests',
    body: html`${json(facts)}
      <h2>Sent</h2>
      ${json(requestBody === '' ? call.query : Object.fromEntries(new URLSearchParams(requestBody)))}
      <h2>Answered</h2>
      ${json(readable(responseBody))}`,
  });
}

function readable(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body; // a long answer is kept cut
  }
}

/** The faults that are switched on. */
export function faultsPage(view: View): PageResponse {
  const rows = rulesOf(view.account)
    .list()
    .map(({ id, type, seen, struck, ...rest }) => [
      text(type),
      code(JSON.stringify(rest)),
      text(`${struck} of ${seen}`),
      code(id),
    ]);
  return consolePage(view, {
    title: 'Faults',
    current: '/console/faults',
    body: html`<p class="muted">
        Faults are added by ${code('POST /_emulator/faults')}; the guide of the emulator lists them.
        Off by default.
      </p>
      ${table('Faults', ['Type', 'How', 'Struck', 'Id'], rows)}`,
  });
}
