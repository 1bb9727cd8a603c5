import type { LifecycleEventType, LifecycleState } from '../../../state/types.ts';
import type { GraphEdge } from './chart-graph.ts';
import layout from './chart-layout.json' with { type: 'json' };

/** Where things are on the chart, in SVG units. Written by `npm run build:chart`, never by hand. */
export interface ChartLayout {
  width: number;
  height: number;
  nodes: PlacedNode[];
  groups: PlacedGroup[];
  edges: PlacedEdge[];
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface PlacedNode extends Box {
  state: LifecycleState;
  /** Events that leave it where it is, written into its box. */
  loops: LifecycleEventType[];
}

export interface PlacedGroup extends Box {
  id: string;
  title: string | null;
  members: LifecycleState[];
}

export interface PlacedEdge extends GraphEdge {
  /** Corners of the line, from its source to its tip. */
  points: [x: number, y: number][];
  label: Box & { events: LifecycleEventType[] };
}

export const chartLayout = layout as unknown as ChartLayout;

/** Sizes that the layout and the drawing share. */
export const SIZES = {
  node: { width: 152, height: 48 },
  start: { width: 16, height: 16 },
  /** Room in a box for an event that leaves the state as it is. */
  loop: 16,
  labelLine: 16,
  labelPadding: 6,
  /** Width of one character of the labels' 11 px monospace font. */
  character: 6.7,
  /** Room for the count behind an event's name. */
  countWidth: 30,
} as const;

/** The size of the label that names these events, one line each. */
export function labelSize(events: readonly string[]): { width: number; height: number } {
  const longest = Math.max(...events.map((event) => event.length));
  return {
    width: Math.ceil(longest * SIZES.character + SIZES.countWidth + SIZES.labelPadding * 2),
    height: events.length * SIZES.labelLine + 4,
  };
}
