import type { LifecycleState } from '../../../state/types.ts';
import type { Arrow } from './chart-graph.ts';
import { SIZES, type ChartLayout, type PlacedEdge, type PlacedNode } from './chart-layout.ts';
import { shortCount, toneOf } from '../../http/pages/format.ts';
import { html, query, type Html } from '../../http/pages/html.ts';

/** What the chart shows on top of its layout. */
export interface ChartData {
  counts: Partial<Record<LifecycleState, number>>;
  /** How often each arrow was taken in the window. */
  traffic: (Arrow & { count: number })[];
  /** Words of the window, for the titles: `24 hours`. */
  window: string;
  /** The window's key, kept in links: `24h`. */
  windowKey: string;
  /** One subscription's way, if the chart is about one: its steps in order, and where it is now. */
  path?: { steps: Arrow[]; here: LifecycleState; mark?: string | null };
  /** How many in a state give no access because money came back. */
  restricted?: Partial<Record<LifecycleState, number>>;
}

const RADIUS = 7;
const TIP = 6;
/** Steps that are marked on one line: a subscription is renewed again and again. */
const MAX_MARKS = 3;

const arrowKey = (arrow: Arrow): string => `${arrow.from}>${arrow.to}>${arrow.event}`;

/** The state chart as SVG: boxes are links to their subscriptions, labels to who took the arrow. */
export function stateChart(layout: ChartLayout, data: ChartData): Html {
  const steps = data.path?.steps ?? [];
  return html`<svg
    class="chart${data.path ? ' quiet' : ''}"
    viewBox="0 0 ${layout.width} ${layout.height}"
    width="${layout.width}"
    height="${layout.height}"
    role="group"
    aria-label="State chart of the subscription lifecycle"
    data-chart
  >
    ${layout.groups.map((group) => groupBox(group, data))}
    ${layout.edges.map((edge) => edgeLine(edge, data))}
    ${layout.edges.map((edge) => edgeLabel(edge, data, steps))}
    ${steps.map((step, index) => strayStep(layout, step, index + 1))}
    ${layout.nodes.map((node) => (node.state === 'none' ? startDot(node) : stateBox(node, data)))}
    ${layout.nodes.map((node) => node.loops.map((event, row) => loopLine(node, { event, row }, data)))}
  </svg>`;
}

function groupBox(group: ChartLayout['groups'][number], data: ChartData): Html {
  const total = group.members.reduce((sum, state) => sum + (data.counts[state] ?? 0), 0);
  const members = group.members.join(' ');
  const title = html`<text class="group-title" x="${group.x + 14}" y="${group.y + 21}"
      >${group.title}</text
    >
    ${
      !data.path &&
      html`<text
        class="group-title"
        x="${group.x + group.width - 14}"
        y="${group.y + 21}"
        text-anchor="end"
        data-group-count="${members}"
        >${shortCount(total)}</text
      >`
    }`;
  return html`<g>
    <rect
      class="group"
      x="${group.x}"
      y="${group.y}"
      width="${group.width}"
      height="${group.height}"
      rx="10"
    />
    ${group.title !== null && title}
  </g>`;
}

function startDot(node: PlacedNode): Html {
  const x = node.x + node.width / 2;
  const y = node.y + node.height / 2;
  return html`<circle class="start" cx="${x}" cy="${y}" r="${node.width / 2 - 1}"
    ><title>No subscription yet</title></circle
  >`;
}

/** How many entered and left a state in the window; turning around on the spot is neither. */
function moves(state: LifecycleState, data: ChartData): { entered: number; left: number } {
  let entered = 0;
  let left = 0;
  for (const arrow of data.traffic) {
    if (arrow.from === arrow.to) continue;
    if (arrow.to === state) entered += arrow.count;
    if (arrow.from === state) left += arrow.count;
  }
  return { entered, left };
}

function stateBox(node: PlacedNode, data: ChartData): Html {
  const { state, x, y, width, height } = node;
  const tone = toneOf(state);
  const here = data.path?.here === state;
  const total = data.counts[state] ?? 0;
  const { entered, left } = moves(state, data);
  const text = shortCount(total);
  const restricted = data.restricted?.[state] ?? 0;
  const mark = here ? (data.path?.mark ?? null) : null;
  // The name of a link is its text, which the client keeps fresh; this only explains it.
  const words = data.path
    ? here && 'The state of this subscription'
    : `Subscriptions in it; how many entered and left in ${data.window}`;
  const numbers = html`<rect
      class="pill p-${tone}"
      x="${x + 18}"
      y="${y + 26}"
      width="${text.length * 7.6 + 12}"
      height="18"
      rx="5"
      data-pill="${state}"
    />
    <text class="number t-${tone}" x="${x + 24}" y="${y + 39}" data-count="${state}">${text}</text>
    <text class="moves" x="${x + width - 10}" y="${y + 39}" text-anchor="end">
      <tspan data-entered="${state}">${entered > 0 && `+${shortCount(entered)}`}</tspan>
      <tspan data-left="${state}">${left > 0 && `−${shortCount(left)}`}</tspan>
    </text>`;
  return html`<a
    class="node${here ? ' here' : ''}"
    href="/admin/subscriptions${query({ state })}"
    data-state="${state}"
  >
    ${words && html`<desc>${words}</desc>`}
    <rect class="box" x="${x}" y="${y}" width="${width}" height="${height}" rx="${RADIUS}" />
    <rect
      class="t-${tone}"
      x="${x + 7}"
      y="${y + 8}"
      width="3"
      height="${SIZES.node.height - 16}"
      rx="1.5"
    />
    <text
      class="name"
      x="${x + 18}"
      y="${data.path && mark === null ? y + SIZES.node.height / 2 + 5 : y + 20}"
      >${state}</text
    >
    ${mark !== null && html`<text class="number t-blocked" x="${x + 18}" y="${y + 39}">${mark}</text>`}
    ${!data.path && numbers}
    ${
      !data.path &&
      restricted > 0 &&
      html`<text class="number t-blocked" x="${x + 24 + text.length * 7.6 + 16}" y="${y + 39}"
        ><title>disputed or refunded: no access</title>↩ ${shortCount(restricted)}</text
      >`
    }
  </a>`;
}

/** An event that leaves a state as it is, in the state's box. */
function loopLine(
  { state, x, y, width }: PlacedNode,
  { event, row }: { event: Arrow['event']; row: number },
  data: ChartData,
): Html {
  const arrow: Arrow = { from: state, to: state, event };
  const line = y + SIZES.node.height + SIZES.loop * (row + 0.5) + 1;
  const numbers = stepsOn([arrow], data);
  return html`<g class="loop" data-arrows="${arrowKey(arrow)}">
    ${eventText({
      data,
      arrows: [arrow],
      left: x + 18,
      right: x + width - 8,
      y: line,
      before: '↻ ',
    })}
    ${numbers.map((number, index) => stepMark(number, x + width - 14 - index * 18, line - 4))}
  </g>`;
}

const isTakenBy = (arrows: readonly Arrow[], step: Arrow): boolean =>
  arrows.some((arrow) => arrowKey(arrow) === arrowKey(step));

/** How much of the traffic a line has: 0 for none, 3 for the busiest. */
function weightOf({ arrows }: PlacedEdge, { traffic }: ChartData): number {
  const most = Math.max(0, ...traffic.map(({ count }) => count));
  const own = traffic
    .filter((row) => isTakenBy(arrows, row))
    .reduce((sum, { count }) => sum + count, 0);
  return own === 0 ? 0 : 1 + Math.min(2, Math.floor((own / most) * 2.99));
}

/** The states that a line begins or ends at. */
function touchedBy({ arrows }: PlacedEdge): string {
  return [...new Set(arrows.flatMap(({ from, to }) => [from, to]))].join(' ');
}

function edgeLine(edge: PlacedEdge, data: ChartData): Html {
  const steps = data.path?.steps ?? [];
  const taken = edge.arrows.some((arrow) => isTakenBy(steps, arrow));
  const last = edge.points.at(-1) ?? [0, 0];
  const before = edge.points.at(-2) ?? last;
  const arrows = edge.arrows.map((arrow) => arrowKey(arrow)).join(' ');
  return html`<g
    class="edge${taken ? ' taken' : ''}"
    data-edge="${edge.id}"
    data-touches="${touchedBy(edge)}"
    ${!data.path && html`data-weight="${weightOf(edge, data)}"`}
    data-arrows="${arrows}"
  >
    <path class="wire" d="${roundedPath(edge.points)}" />
    <path class="tip" d="${tip(before, last)}" />
  </g>`;
}

/** The numbers of the steps along these arrows; of many, the last ones. */
function stepsOn(arrows: readonly Arrow[], { path }: ChartData): number[] {
  const numbers = (path?.steps ?? []).flatMap((step, index) =>
    isTakenBy(arrows, step) ? [index + 1] : [],
  );
  return numbers.slice(-MAX_MARKS);
}

function edgeLabel(edge: PlacedEdge, data: ChartData, steps: Arrow[]): Html {
  const taken = edge.arrows.some((arrow) => isTakenBy(steps, arrow));
  // Without counts there is no room for them.
  const less = data.path ? SIZES.countWidth : 0;
  const label = { ...edge.label, x: edge.label.x + less / 2, width: edge.label.width - less };
  return html`<g
    class="edge${taken ? ' taken' : ''}"
    data-touches="${touchedBy(edge)}"
    data-label-of="${edge.id}"
    ${!data.path && html`data-weight="${weightOf(edge, data)}"`}
  >
    <rect
      class="label-box"
      x="${label.x}"
      y="${label.y}"
      width="${label.width}"
      height="${label.height}"
      rx="5"
    />
    ${label.events.map((event, line) =>
      eventText({
        data,
        arrows: edge.arrows.filter((arrow) => arrow.event === event),
        left: label.x + SIZES.labelPadding,
        right: label.x + label.width - SIZES.labelPadding,
        y: label.y + 2 + SIZES.labelLine * (line + 0.5) + 3.5,
      }),
    )}
    ${stepsOn(edge.arrows, data).map((number, index) => stepMark(number, label.x - 3 + index * 18, Math.max(10, label.y - 2)))}
  </g>`;
}

interface EventText {
  data: ChartData;
  /** Arrows of one event, which go the same way. */
  arrows: Arrow[];
  left: number;
  right: number;
  y: number;
  before?: string;
}

/** The name of an event with how often it happened: a link to whom it happened to. */
function eventText({ data, arrows, left, right, y, before = '' }: EventText): Html {
  const event = arrows[0]?.event ?? '';
  const from = [...new Set(arrows.map((arrow) => arrow.from))];
  const to = [...new Set(arrows.map((arrow) => arrow.to))];
  const taken = arrows.some((arrow) => isTakenBy(data.path?.steps ?? [], arrow));
  const times = data.traffic
    .filter((row) => isTakenBy(arrows, row))
    .reduce((sum, row) => sum + row.count, 0);
  const href = `/admin/transitions${query({
    from: from.join(','),
    to: to.length === 1 ? to[0] : undefined,
    event,
    window: data.windowKey,
  })}`;
  return html`<a class="arrow${taken ? ' taken' : ''}" href="${href}">
    <desc>${from.join(', ')} to ${to.join(', ')}</desc>
    <text class="label-text" x="${left}" y="${y}">${before}${event}</text>
    ${
      !data.path &&
      html`<text
        class="label-count"
        x="${right}"
        y="${y}"
        text-anchor="end"
        data-traffic="${arrows.map((arrow) => arrowKey(arrow)).join(' ')}"
        >${times > 0 && shortCount(times)}</text
      >`
    }
  </a>`;
}

/** A step that the machine does not have: a dashed line straight from state to state. */
function strayStep(layout: ChartLayout, step: Arrow, number: number): Html | null {
  const drawn = step.from === step.to || layout.edges.some(({ arrows }) => isTakenBy(arrows, step));
  const from = layout.nodes.find((node) => node.state === step.from);
  const to = layout.nodes.find((node) => node.state === step.to);
  if (drawn || !from || !to) return null;
  const [x1, y1] = [from.x + from.width / 2, from.y + from.height / 2];
  const [x2, y2] = [to.x + to.width / 2, to.y + to.height / 2];
  return html`<g class="edge taken">
    <path class="wire stray" d="M${x1} ${y1}L${x2} ${y2}" />
    ${stepMark(number, (x1 + x2) / 2, (y1 + y2) / 2)}
  </g>`;
}

function stepMark(number: number, x: number, y: number): Html {
  return html`<g class="step"
    ><circle cx="${x}" cy="${y}" r="9" /><text x="${x}" y="${y + 4}">${number}</text></g
  >`;
}

type Point = readonly [x: number, y: number];

function toward(from: Point, to: Point, distance: number): Point {
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]) || 1;
  const part = Math.min(distance, length / 2) / length;
  return [from[0] + (to[0] - from[0]) * part, from[1] + (to[1] - from[1]) * part];
}

/** A line through the corners with rounded bends. */
function roundedPath(points: readonly Point[]): string {
  const text = ([x, y]: Point): string => `${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}`;
  const first = points[0];
  if (!first) return '';
  let path = `M${text(first)}`;
  for (let index = 1; index < points.length - 1; index += 1) {
    const corner = points[index] ?? first;
    const enter = toward(corner, points[index - 1] ?? corner, RADIUS);
    const leave = toward(corner, points[index + 1] ?? corner, RADIUS);
    path += `L${text(enter)}Q${text(corner)} ${text(leave)}`;
  }
  return `${path}L${text(points.at(-1) ?? first)}`;
}

/** The arrowhead at `end`, coming from `before`. */
function tip(before: Point, end: Point): string {
  const length = Math.hypot(end[0] - before[0], end[1] - before[1]) || 1;
  const [dx, dy] = [(end[0] - before[0]) / length, (end[1] - before[1]) / length];
  const [x, y] = [end[0] - dx * TIP, end[1] - dy * TIP];
  const half = TIP * 0.55;
  const round = (value: number): number => Math.round(value * 10) / 10;
  return `M${round(end[0])} ${round(end[1])}L${round(x - dy * half)} ${round(y + dx * half)}L${round(x + dy * half)} ${round(y - dx * half)}Z`;
}
