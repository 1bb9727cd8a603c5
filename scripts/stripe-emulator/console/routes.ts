import { readFileSync } from 'node:fs';
import type { Account } from '../kernel/account.ts';
import type { Emulator } from '../kernel/emulator.ts';
import { ApiError, invalidRequest } from '../kernel/errors.ts';
import { RawAnswer, type RawRequest, type Registry } from '../kernel/registry.ts';
import { messagePage, redirectTo, type PageResponse } from '../pages/layout.ts';
import { addInterval } from '../schedules/phases.ts';
import type { CliHub } from '../stripecli/hub.ts';
import { deliveriesPage, eventPage, eventsPage } from './events.ts';
import { link, type View } from './frame.ts';
import { objectPage, objectsPage } from './objects.ts';
import { overview } from './overview.ts';
import { faultsPage, requestPage, requestsPage } from './requests.ts';

const USUAL_KEY = 'sk_test_tenure_local';

/** The console at `/`: objects, events, deliveries, requests, and buttons that advance test clocks. */
export function registerConsole(registry: Registry, emulator: Emulator, hub: CliHub): void {
  const get = (path: string, show: (view: View, id: string) => PageResponse) => {
    registry.raw('GET', path, (request) => shown(emulator, request, show));
  };
  const post = (path: string, act: (view: View, id: string, request: RawRequest) => string) => {
    registry.raw('POST', path, (request) =>
      shown(emulator, request, (view, id) => {
        refuseStrangers(request);
        return redirectTo(act(view, id, request));
      }),
    );
  };
  get('/', (view) => overview(view, hub));
  get('/console/objects', objectsPage);
  get('/console/objects/:id', objectPage);
  get('/console/events', eventsPage);
  get('/console/events/:id', eventPage);
  get('/console/deliveries', (view) => deliveriesPage(view, hub));
  get('/console/requests', requestsPage);
  get('/test/logs/:id', requestPage);
  get('/console/faults', faultsPage);
  post('/console/clocks/:id/advance', advanceClock);
  post('/console/events/:id/resend', (view, id) => {
    resend(view, id);
    return link(view, `/console/events/${id}`);
  });
  const css = new URL('console.css', import.meta.url);
  registry.raw('GET', '/_pages/console.css', () => {
    const headers = { 'Content-Type': 'text/css; charset=utf-8', 'Cache-Control': 'no-cache' };
    return new RawAnswer(200, headers, readFileSync(css));
  });
}

function shown(
  emulator: Emulator,
  request: RawRequest,
  show: (view: View, id: string) => PageResponse,
): RawAnswer {
  const view = { emulator, account: accountOf(emulator, request), query: request.url.searchParams };
  try {
    return answer(show(view, request.path['id'] ?? ''));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return answer(messagePage('That did not work', error.message, error.status));
  }
}

function answer(page: PageResponse): RawAnswer {
  return new RawAnswer(page.status, page.headers, page.body);
}

/** The account in the address, that of the request or object in the path, the usual one. */
function accountOf(emulator: Emulator, request: RawRequest): Account {
  const wanted = request.url.searchParams.get('account');
  const id = request.path['id'];
  for (const account of emulator.accounts.values()) {
    if (account.id === wanted) return account;
    const logged =
      wanted === null &&
      id?.startsWith('req_') === true &&
      account.requests.some((call) => call.id === id);
    if (logged) return account;
  }
  return emulator.accountOf(USUAL_KEY);
}

/** A page from elsewhere in the browser must not press these buttons. (The pages send no referrer, so `Origin` is null.) */
function refuseStrangers(request: RawRequest): void {
  const site = request.headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return;
  throw invalidRequest('This form was sent from another site.', { status: 403 });
}

const STEPS = {
  hour: ['hour', 1],
  day: ['day', 1],
  week: ['week', 1],
  month: ['month', 1],
  year: ['year', 1],
} as const;

function advanceClock(view: View, id: string, request: RawRequest): string {
  const by = new URLSearchParams(request.body.toString('utf8')).get('by') ?? '';
  const step = Object.entries(STEPS).find(([name]) => name === by)?.[1];
  if (step === undefined) throw invalidRequest('Choose by how much to advance.');
  const clock = view.account.store.need('test_helpers.test_clock', id);
  const [interval, count] = step;
  const until =
    interval === 'hour'
      ? clock.frozen_time + 3600
      : addInterval(clock.frozen_time, interval, count);
  callApi(view, `/v1/test_helpers/test_clocks/${id}/advance`, { frozen_time: String(until) });
  return link(view, '/');
}

/** To the endpoints that want it, and to every connected CLI. */
function resend(view: View, id: string): void {
  const event = view.account.eventsById.get(id);
  if (event === undefined) throw invalidRequest('No such event.', { status: 404 });
  view.account.webhooks.dispatch(event, view.account.store.of('webhook_endpoint').values());
  callApi(view, `/v1/events/${id}/retry`, { for_stripecli: 'true' });
}

/** A button does what the API call does. */
function callApi(view: View, path: string, params: Record<string, string>): void {
  const found = view.emulator.registry.match('POST', path);
  if (found === null || found.route.kind !== 'api') throw new Error(`no route ${path}`);
  void found.route.prepare(params, found.path)(view.emulator.context(view.account));
}
