import {
  chartLayout,
  SIZES,
  type PlacedEdge,
  type PlacedNode,
} from '../../server/admin/pages/chart-layout.ts';
import { html, type Html } from '../../server/http/pages/html.ts';
import { STATES } from '../../state/states.ts';

const MARGIN = 12;

/** Colours of its own, light and dark: the picture stands in documents, where no style sheet of ours is. */
const STYLE = `
  svg { --page: #ffffff; --line: #8a92a3; --text: #14161c; --muted: #565d6b; --soft: #f2f3f6; color-scheme: light dark }
  @media (prefers-color-scheme: dark) {
    svg { --page: #0f1117; --line: #6b7386; --text: #eceef3; --muted: #a0a7b6; --soft: #1a1d27 }
  }
  text { font: 11px ui-monospace, Menlo, Consolas, monospace; fill: var(--text) }
  .page, .label { fill: var(--page) }
  .group { fill: none; stroke: var(--line); stroke-dasharray: 4 4 }
  .node { fill: var(--soft); stroke: var(--line) }
  .name { font-size: 13px; font-weight: 600; text-anchor: middle; dominant-baseline: central }
  .line { fill: none; stroke: var(--line); stroke-width: 1.4 }
  .event, .title { fill: var(--muted) }
  .tip, .start { fill: var(--line) }
`;

/** The state chart of the dashboard as a picture that stands alone. */
export function lifecycleDiagram(): string {
  const { width, height, groups, edges, nodes } = chartLayout;
  const box = `${-MARGIN} ${-MARGIN} ${width + 2 * MARGIN} ${height + 2 * MARGIN}`;
  const svg = html`<svg
    xmlns="http://www.w3.org/2000/svg"
    viewBox="${box}"
    width="${width + 2 * MARGIN}"
    role="img"
    aria-labelledby="title"
  >
    <title id="title">
      The lifecycle of a subscription: its states, and the events that lead from one to another
    </title>
    <style>
      ${STYLE}
    </style>
    <defs>
      <marker
        id="tip"
        viewBox="0 0 8 8"
        refX="7"
        refY="4"
        markerWidth="7"
        markerHeight="7"
        orient="auto-start-reverse"
      >
        <path class="tip" d="M0 0L8 4L0 8z" />
      </marker>
    </defs>
    <rect
      class="page"
      x="${-MARGIN}"
      y="${-MARGIN}"
      width="${width + 2 * MARGIN}"
      height="${height + 2 * MARGIN}"
    />
    ${groups.map(
      ({ title, ...at }) =>
        html`<rect
            class="group"
            x="${at.x}"
            y="${at.y}"
            width="${at.width}"
            height="${at.height}"
            rx="10"
          />
          <text class="title" x="${at.x + 14}" y="${at.y + 21}">${title}</text> `,
    )}${edges.map((edge) => lineOf(edge))}${edges.map((edge) => labelOf(edge))}${nodes.map((node) => nodeOf(node))}
  </svg> `;
  return svg.markup;
}

function lineOf({ points }: PlacedEdge): Html {
  const path = points.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${x} ${y}`).join('');
  return html`<path class="line" d="${path}" marker-end="url(#tip)" /> `;
}

function labelOf({ label }: PlacedEdge): Html {
  // The dashboard keeps room for counts behind the names; here there are none.
  const width = label.width - SIZES.countWidth;
  const x = label.x + SIZES.countWidth / 2;
  return html`<rect
      class="label"
      x="${x}"
      y="${label.y}"
      width="${width}"
      height="${label.height}"
    />
    ${label.events.map(
      (event, index) =>
        html`<text
          class="event"
          x="${x + SIZES.labelPadding}"
          y="${label.y + 14 + index * SIZES.labelLine}"
          >${event}</text
        > `,
    )}`;
}

function nodeOf(node: PlacedNode): Html {
  const { state, loops, x, y, width, height } = node;
  if (state === 'none') {
    return html`<circle class="start" cx="${x + width / 2}" cy="${y + height / 2}" r="6"
      ><title>No subscription yet</title></circle
    > `;
  }
  const { description } = STATES[state];
  return html`<g
    ><title>${description}</title
    ><rect class="node" x="${x}" y="${y}" width="${width}" height="${height}" rx="8" />
    <text class="name" x="${x + width / 2}" y="${y + SIZES.node.height / 2}">${state}</text>
    ${loops.map(
      (event, row) =>
        html`<text
          class="event"
          x="${x + 12}"
          y="${y + SIZES.node.height + SIZES.loop * (row + 0.5) + 1}"
          >↻ ${event}</text
        > `,
    )}</g
  > `;
}
