/**
 * Lays out the state chart of the dashboard from the lifecycle machine and writes
 * `server/admin/pages/chart-layout.json`. Run it after the machine has changed: `npm run build:chart`.
 * A layout takes a second or more, so it is made here and never in a request.
 */
import { writeFileSync } from 'node:fs';
import Elk, { type ElkExtendedEdge, type ElkNode } from 'elkjs';
import { lifecycleShape } from '../server/admin/pages/lifecycle-shape.ts';
import { STATES } from '../state/states.ts';
import type { LifecycleState } from '../state/types.ts';
import { chartGraph, eventsOf, type ChartGraph } from '../server/admin/pages/chart-graph.ts';
import {
  labelSize,
  SIZES,
  type Box,
  type ChartLayout,
} from '../server/admin/pages/chart-layout.ts';

/** Found by trying some thousands of combinations: few crossings, short lines, no wider than a screen. */
const OPTIONS = {
  'elk.algorithm': 'layered',
  'elk.direction': 'DOWN',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.layered.edgeLabels.centerLabelPlacementStrategy': 'TAIL_LAYER',
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
  'elk.layered.cycleBreaking.strategy': 'MODEL_ORDER',
  'elk.layered.thoroughness': '100',
  'elk.layered.spacing.nodeNodeBetweenLayers': '15',
  'elk.layered.spacing.edgeNodeBetweenLayers': '10',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '8',
  'elk.spacing.nodeNode': '20',
  'elk.spacing.edgeNode': '12',
  'elk.spacing.edgeEdge': '9',
  'elk.spacing.edgeLabel': '2',
  'elk.padding': '[top=16,left=16,bottom=16,right=16]',
  'elk.randomSeed': '870',
};

function toElk(graph: ChartGraph): ElkNode {
  const node = (state: string): ElkNode => ({
    id: state,
    ...(state === 'none' ? SIZES.start : SIZES.node),
  });
  return {
    id: 'chart',
    layoutOptions: OPTIONS,
    children: inOrder(graph.states).flatMap((state) => {
      const group = graph.groups.find(({ members }) => members.includes(state));
      if (!group) return [node(state)];
      if (group.members[0] !== state) return [];
      return [
        {
          id: `group:${group.id}`,
          layoutOptions: { 'elk.padding': '[top=34,left=18,bottom=16,right=18]' },
          children: group.members.map((member) => node(member)),
        },
      ];
    }),
    edges: graph.edges.map((edge): ElkExtendedEdge => ({
      id: edge.id,
      sources: [edge.source],
      targets: [edge.target],
      labels: [
        {
          text: edge.id,
          ...labelSize(eventsOf(edge)),
          layoutOptions: { 'elk.edgeLabels.placement': 'CENTER' },
        },
      ],
    })),
  };
}

function inOrder(states: LifecycleState[]): LifecycleState[] {
  return states.toSorted((a, b) => STATES[a].order - STATES[b].order);
}

const round = (value: number): number => Math.round(value * 10) / 10;

/** Absolute origins of the root and of the groups: ELK places children relative to their parent. */
function origins(root: ElkNode): Map<string, { x: number; y: number }> {
  const found = new Map<string, { x: number; y: number }>([[root.id, { x: 0, y: 0 }]]);
  for (const child of root.children ?? [])
    found.set(child.id, { x: child.x ?? 0, y: child.y ?? 0 });
  return found;
}

function fromElk(root: ElkNode, graph: ChartGraph): ChartLayout {
  const origin = origins(root);
  const boxOf = (item: Partial<Box>, parent: string): Box => ({
    x: round((item.x ?? 0) + (origin.get(parent)?.x ?? 0)),
    y: round((item.y ?? 0) + (origin.get(parent)?.y ?? 0)),
    width: round(item.width ?? 0),
    height: round(item.height ?? 0),
  });
  const placed = new Map<string, Box>();
  for (const child of root.children ?? []) {
    placed.set(child.id, boxOf(child, root.id));
    for (const inner of child.children ?? []) placed.set(inner.id, boxOf(inner, child.id));
  }
  const box = (id: string): Box => {
    const found = placed.get(id);
    if (!found) throw new Error(`ELK did not place ${id}`);
    return found;
  };
  const routed = new Map((root.edges ?? []).map((edge) => [edge.id, edge]));
  return {
    width: Math.ceil(root.width ?? 0),
    height: Math.ceil(root.height ?? 0),
    nodes: graph.states.map((state) => ({ state, ...box(state) })),
    groups: graph.groups.map((group) => ({ ...group, ...box(`group:${group.id}`) })),
    edges: graph.edges.map((edge) => {
      const route = routed.get(edge.id);
      const section = route?.sections?.[0];
      if (!route || !section) throw new Error(`ELK did not route ${edge.id}`);
      const parent = (route as { container?: string }).container ?? root.id;
      const offset = origin.get(parent) ?? { x: 0, y: 0 };
      const corners = [section.startPoint, ...(section.bendPoints ?? []), section.endPoint];
      return {
        ...edge,
        points: corners.map(({ x, y }): [number, number] => [
          round(x + offset.x),
          round(y + offset.y),
        ]),
        label: { ...boxOf(route.labels?.[0] ?? {}, parent), events: eventsOf(edge) },
      };
    }),
  };
}

const graph = chartGraph(lifecycleShape());
const ElkLayout = Elk as unknown as new () => { layout: (graph: ElkNode) => Promise<ElkNode> };
const layout = fromElk(await new ElkLayout().layout(toElk(graph)), graph);
const file = new URL('../server/admin/pages/chart-layout.json', import.meta.url);
writeFileSync(file, `${JSON.stringify(layout, null, 2)}\n`);
console.log(`${graph.edges.length} lines between ${graph.states.length} states`);
