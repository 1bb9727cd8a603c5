/**
 * Lays out the state chart of the dashboard from the lifecycle machine and writes
 * `server/admin/pages/chart-layout.json`. Run it after the machine has changed: `npm run build:chart`.
 * It takes a minute, so it is done here and never in a request.
 */
import { writeFileSync } from 'node:fs';
import { lifecycleShape } from '../server/admin/pages/lifecycle-shape.ts';
import { chartGraph, eventsOf, type GraphGroup } from '../server/admin/pages/chart-graph.ts';
import {
  labelSize,
  SIZES,
  type Box,
  type ChartLayout,
  type PlacedNode,
} from '../server/admin/pages/chart-layout.ts';
import { STEP, type Area } from './build-chart/grid.ts';
import { improve } from './build-chart/improve.ts';
import { BOARD, PADDING, PLACES } from './build-chart/places.ts';
import type { End } from './build-chart/route.ts';
import type { LifecycleState } from '../state/types.ts';

/** The best of a few seeds, by eye and by price. */
const SEARCH = { seed: 2, attempts: 2_500 };

const graph = chartGraph(lifecycleShape());

const inPixels = ({ x, y, width, height }: Area): Box => ({
  x: Math.round(x * STEP),
  y: Math.round(y * STEP),
  width: Math.round(width * STEP),
  height: Math.round(height * STEP),
});

function loopsOf(state: LifecycleState): PlacedNode['loops'] {
  return graph.loops.filter(({ from }) => from === state).map(({ event }) => event);
}

function areaOf(state: LifecycleState): Area {
  const { width, height } = state === 'none' ? SIZES.start : SIZES.node;
  const taller = height + loopsOf(state).length * SIZES.loop;
  return { ...PLACES[state], width: width / STEP, height: taller / STEP };
}

function around(group: GraphGroup): Area {
  const insideIt = graph.groups
    .filter((other) => other !== group && other.members.every((it) => group.members.includes(it)))
    .map((other) => around(other));
  const areas = [...group.members.map((state) => areaOf(state)), ...insideIt];
  const top = group.title === null ? PADDING.other : PADDING.top;
  const x = Math.min(...areas.map((area) => area.x)) - PADDING.other;
  const y = Math.min(...areas.map((area) => area.y)) - top;
  const right = Math.max(...areas.map((area) => area.x + area.width)) + PADDING.other;
  const bottom = Math.max(...areas.map((area) => area.y + area.height)) + PADDING.other;
  return { x, y, width: right - x, height: bottom - y };
}

function endOf(place: string): End {
  const group = graph.groups.find(({ id }) => place === `group:${id}`);
  if (group) return { ...around(group), isGroup: true };
  const state = graph.states.find((name) => name === place);
  if (!state) throw new Error(`No such place: ${place}`);
  return { ...areaOf(state), isGroup: false };
}

const boxes = graph.states.map((state) => areaOf(state));
const groups = graph.groups.map((group) => around(group));
const titles = graph.groups.flatMap(({ title }, index) => {
  const { x = 0, y = 0 } = groups[index] ?? {};
  return title === null ? [] : [{ x: x + 1, y: y + 1, width: 9, height: 2 }];
});
const wires = graph.edges.map((edge) => {
  const { width, height } = labelSize(eventsOf(edge));
  return {
    from: endOf(edge.source),
    to: endOf(edge.target),
    width: width / STEP,
    height: height / STEP,
  };
});
const drawn = improve({ ...BOARD, boxes, groups, texts: titles }, wires, {
  ...SEARCH,
  tell: (price) => process.stdout.write(`price ${Math.round(price)}\n`),
});

const layout: ChartLayout = {
  width: BOARD.columns * STEP,
  height: BOARD.rows * STEP,
  nodes: graph.states.map((state) => ({
    state,
    loops: loopsOf(state),
    ...inPixels(areaOf(state)),
  })),
  groups: graph.groups.map((group) => ({ ...group, ...inPixels(around(group)) })),
  edges: graph.edges.map((edge, index) => {
    const found = drawn[index];
    if (!found) throw new Error(`No line for ${edge.id}`);
    return {
      ...edge,
      points: found.line.map(([x, y]): [number, number] => [x * STEP, y * STEP]),
      label: { ...inPixels(found.label), events: eventsOf(edge) },
    };
  }),
};
const file = new URL('../server/admin/pages/chart-layout.json', import.meta.url);
writeFileSync(file, `${JSON.stringify(layout, null, 2)}\n`);
process.stdout.write(`${graph.edges.length} lines between ${graph.states.length} states\n`);
