/**
 * The dashboard's client. Pages are whole without it; it keeps times and counts fresh, shows moves on the
 * chart as they happen, and adds a few keys. Text from the stream only ever becomes `textContent`.
 */

interface Move {
  id: number;
  subscriptionId: string;
  from: string;
  to: string;
  event: string;
}

interface Stats {
  counts: Record<string, number>;
  inbox: { waiting: number; failing: number; dead: number };
  clock: { now: number; advancing: boolean } | null;
}

const all = <E extends Element>(selector: string): E[] => [
  ...document.querySelectorAll<E>(selector),
];

const WHOLE = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });
const short = (value: number): string =>
  value < 100_000 ? WHOLE.format(value) : SHORT.format(value);

function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** When the content was read. */
let readAt = Date.now();

// Relative times: business time may stand still, so each page says which "now" its times count from.

const UNITS: [string, number][] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
];

function shortDuration(milliseconds: number): string {
  for (const [unit, size] of UNITS) {
    if (milliseconds >= size) return `${Math.floor(milliseconds / size)}${unit}`;
  }
  return '0s';
}

/** The test clock as the stream told it last; null where time is real. */
let testClock: number | null = null;

/** Ages count from the "now" that they were written with: the page's own runs on, a test clock moves when it is moved. */
function refreshTimes(): void {
  const main = document.querySelector<HTMLElement>('main[data-now]');
  if (!main) return;
  const rendered = Number(main.dataset['now']);
  const hasClock = document.querySelector('[data-clock]') !== null;
  for (const element of all<HTMLTimeElement>('time[data-ago]')) {
    const told = Number(element.dataset['ago']);
    // A part that was read later counts from its own page.
    const { rendered: own, readAt: since } = element.dataset;
    const isBusiness = hasClock && told !== Number(own ?? rendered);
    const elapsed = Date.now() - Number(since ?? readAt);
    const now = isBusiness ? (testClock ?? told) : told + elapsed;
    const distance = now - Date.parse(element.dateTime);
    if (distance >= 0 && distance < 2 * 365 * 86_400_000) {
      setText(element, `${shortDuration(distance)} ago`);
    }
  }
}

/** Exact times, which the server wrote in UTC, in the reader's own zone; UTC stays beside the pointer. */
function showLocalTimes(): void {
  const two = (value: number): string => String(value).padStart(2, '0');
  for (const element of all<HTMLTimeElement>('time[datetime]:not([data-ago], [data-local])')) {
    const at = new Date(element.dateTime);
    element.dataset['local'] = '';
    element.title = `${element.textContent ?? ''} UTC`;
    const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    setText(element, `${day} ${two(at.getHours())}:${two(at.getMinutes())}`);
  }
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  if (timeZone === 'UTC') return;
  for (const label of all<HTMLElement>('[data-zone]')) {
    setText(label, `times in ${timeZone}, in UTC beside the pointer`);
  }
}

// Live counts and moves.

function showStats(stats: Stats): void {
  for (const element of all<HTMLElement | SVGElement>('[data-count]')) {
    const text = short(stats.counts[element.dataset['count'] ?? ''] ?? 0);
    setText(element, text);
    const pill = document.querySelector(`[data-pill="${element.dataset['count']}"]`);
    if (element instanceof SVGElement) pill?.setAttribute('width', String(text.length * 7.6 + 12));
  }
  for (const element of all<HTMLElement>('[data-count-exact]')) {
    setText(element, WHOLE.format(stats.counts[element.dataset['countExact'] ?? ''] ?? 0));
  }
  for (const element of all<SVGElement>('[data-group-count]')) {
    const members = (element.dataset['groupCount'] ?? '').split(' ');
    setText(element, short(members.reduce((sum, name) => sum + (stats.counts[name] ?? 0), 0)));
  }
  const bad = stats.inbox.dead + stats.inbox.failing;
  for (const element of all<HTMLElement>('[data-inbox-bad]')) {
    setText(element, String(bad));
    element.hidden = bad === 0;
  }
  const { waiting, failing: failed, dead } = stats.inbox;
  // What failed waits as well; it is counted once.
  const inbox: Record<string, number> = { waiting: waiting - failed, failed, dead };
  for (const element of all<HTMLElement>('[data-inbox]')) {
    setText(element, short(inbox[element.dataset['inbox'] ?? ''] ?? 0));
  }
  const told = JSON.stringify(stats.inbox);
  if (lastInbox !== null && lastInbox !== told) followFigures();
  lastInbox = told;
  showClock(stats.clock);
}

/** What the stream told last of the inbox. */
let lastInbox: string | null = null;

function showClock(clock: Stats['clock']): void {
  if (!clock) return;
  testClock = clock.now;
  refreshTimes();
  const text = `${new Date(clock.now).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  for (const element of all<HTMLElement>('[data-clock]')) setText(element, text);
  for (const button of all<HTMLButtonElement>('form[action="/admin/time"] button')) {
    button.disabled = clock.advancing;
  }
}

function flash(element: Element | null): void {
  if (!element) return;
  element.classList.add('flash');
  setTimeout(() => element.classList.remove('flash'), 1800);
}

function showMove(move: Move): void {
  const key = `${move.from}>${move.to}>${move.event}`;
  const chart = document.querySelector('[data-chart]');
  if (chart && !chart.classList.contains('quiet')) {
    flash(chart.querySelector(`[data-arrows~="${CSS.escape(key)}"]`));
    flash(chart.querySelector(`[data-state="${CSS.escape(move.to)}"]`));
  }
  const shown = document.querySelector<HTMLElement>('[data-subscription]');
  if (shown?.dataset['subscription'] === move.subscriptionId) refreshContent();
  if (document.querySelector('[data-meanwhile]')) refreshContent();
  const fresh = document.querySelector<HTMLElement>('[data-fresh]');
  if (fresh) fresh.hidden = false;
  followFigures();
}

let following: ReturnType<typeof setTimeout> | undefined;
/** A busy stream would read the figures again and again. */
const FOLLOW_MS = 1_000;

/** The figures and lists that a move changes are read again; the chart has moved already. */
function followFigures(): void {
  if (!document.querySelector('[data-follow]')) return;
  following ??= setTimeout(() => {
    following = undefined;
    void replaceParts();
  }, FOLLOW_MS);
}

async function replaceParts(): Promise<void> {
  const next = await readAgain();
  if (!next) return;
  const rendered = next.querySelector<HTMLElement>('main')?.dataset['now'] ?? '';
  for (const element of next.querySelectorAll<HTMLElement>('time[data-ago]')) {
    element.dataset['rendered'] = rendered;
    element.dataset['readAt'] = String(Date.now());
  }
  for (const part of all<HTMLElement>('[data-follow]')) {
    // What the reader is choosing stays.
    if (part.querySelector('input:checked, :focus, details[open]')) continue;
    const fresh = next.querySelector(`[data-follow="${CSS.escape(part.dataset['follow'] ?? '')}"]`);
    if (fresh) part.replaceWith(document.adoptNode(fresh));
  }
  followTraffic(next);
  showLocalTimes();
}

/** What the chart tells of its period: a move may lie before it, when a test clock has leapt. */
function followTraffic(next: Document): void {
  for (const name of ['data-traffic', 'data-entered', 'data-left']) {
    for (const element of all<SVGElement>(`[${name}]`)) {
      const value = CSS.escape(element.getAttribute(name) ?? '');
      setText(element, next.querySelector(`[${name}="${value}"]`)?.textContent?.trim() ?? '');
    }
  }
  for (const line of all<SVGElement>('[data-edge]')) {
    const id = CSS.escape(line.dataset['edge'] ?? '');
    const weight = next.querySelector<SVGElement>(`[data-edge="${id}"]`)?.dataset['weight'];
    for (const part of all<SVGElement>(`[data-edge="${id}"], [data-label-of="${id}"]`)) {
      if (weight !== undefined) part.dataset['weight'] = weight;
    }
  }
}

let refreshing: ReturnType<typeof setTimeout> | undefined;

/** Reads this page again and puts its content in place, keeping the focus and the scroll position. */
function refreshContent(): void {
  clearTimeout(refreshing);
  refreshing = setTimeout(() => void replaceContent(), 250);
}

/** This page as it is now; null when it cannot be read. */
async function readAgain(): Promise<Document | null> {
  const response = await fetch(location.href, { headers: { accept: 'text/html' } });
  if (!response.ok || response.redirected) return null;
  return new DOMParser().parseFromString(await response.text(), 'text/html');
}

async function replaceContent(): Promise<void> {
  const next = await readAgain();
  const [from, to] = [next?.querySelector('main'), document.querySelector('main')];
  if (!from || !to) return;
  const focused = document.activeElement?.id;
  to.replaceWith(document.adoptNode(from));
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  readAt = Date.now();
  enhance();
}

// The stream: open while the tab is visible, closed while it is hidden.

function startStream(): void {
  const light = document.querySelector<HTMLElement>('[data-live]');
  if (!light) return;
  let source: EventSource | null = null;
  // From where the page was made: what happened since then is told as well.
  let lastId = document.querySelector<HTMLElement>('main')?.dataset['seen'] ?? '';
  const say = (state: string, text: string): void => {
    light.dataset['state'] = state;
    const label = light.querySelector('span');
    if (label) setText(label, text);
  };
  const open = (): void => {
    if (source) return;
    source = new EventSource(`/admin/api/stream${lastId === '' ? '' : `?after=${lastId}`}`);
    source.addEventListener('open', () => say('on', 'Streaming'));
    source.addEventListener('error', () => say('off', 'Reconnecting'));
    source.addEventListener('stats', (event: MessageEvent<string>) => {
      showStats(JSON.parse(event.data) as Stats);
    });
    source.addEventListener('reset', () => {
      lastId = '';
      refreshContent();
    });
    source.addEventListener('transition', (event: MessageEvent<string>) => {
      lastId = event.lastEventId;
      showMove(JSON.parse(event.data) as Move);
    });
  };
  const close = (): void => {
    source?.close();
    source = null;
    say('wait', 'Paused');
  };
  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
  addEventListener('pagehide', close);
  if (!document.hidden) open();
}

// Keys and small helps.

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

document.addEventListener('keydown', (event) => {
  const search = document.querySelector<HTMLInputElement>('#search');
  if (event.key === '/' && search && !isTyping(event.target)) {
    event.preventDefault();
    search.focus();
    search.select();
  }
  if (event.key === 'Escape' && event.target === search) search?.blur();
});

function enhance(): void {
  showLocalTimes();
  void loadParts();
  for (const button of all<HTMLButtonElement>('button[data-copy]')) {
    button.hidden = false;
    button.addEventListener('click', () => {
      const text = document.getElementById(button.dataset['copy'] ?? '')?.textContent ?? '';
      void navigator.clipboard.writeText(text).then(() => setText(button, 'Copied'));
    });
  }
  for (const label of all<HTMLElement>('[data-select-all]')) {
    label.hidden = false;
    label.querySelector('input')?.addEventListener('change', (event) => {
      const { checked } = event.target as HTMLInputElement;
      const boxes = label.closest('form')?.querySelectorAll<HTMLInputElement>('input[name="id"]');
      for (const box of boxes ?? []) box.checked = checked;
    });
  }
}

/** Links to parts of this page that would keep it waiting are followed once the page is there. */
async function loadParts(): Promise<void> {
  for (const link of all<HTMLAnchorElement>('a[data-load]')) {
    const id = link.dataset['load'] ?? '';
    const response = await fetch(link.href, { headers: { accept: 'text/html' } });
    if (!response.ok || response.redirected) continue;
    const page = new DOMParser().parseFromString(await response.text(), 'text/html');
    const part = page.getElementById(id);
    if (part) document.getElementById(id)?.replaceWith(document.adoptNode(part));
  }
  showLocalTimes();
}

/** What was just done is told once: neither a reload nor a copied address repeats it. */
function forgetNotice(): void {
  const url = new URL(location.href);
  if (!url.searchParams.has('did')) return;
  for (const name of ['did', 'n']) url.searchParams.delete(name);
  history.replaceState(history.state, '', url);
}

forgetNotice();
enhance();
startStream();
setInterval(refreshTimes, 15_000);
