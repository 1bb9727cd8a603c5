import type { LifecycleEventType, LifecycleState } from '../../../state/types.ts';

/** One arrow of the machine. */
export interface Arrow {
  from: LifecycleState;
  to: LifecycleState;
  event: LifecycleEventType;
}

/** A box around states that share a group of the machine. */
export interface GraphGroup {
  id: string;
  members: LifecycleState[];
}

/** One line of the chart: all arrows between two places. It starts at a state or at a whole group. */
export interface GraphEdge {
  id: string;
  source: string;
  target: LifecycleState;
  arrows: Arrow[];
}

export interface ChartGraph {
  states: LifecycleState[];
  groups: GraphGroup[];
  edges: GraphEdge[];
}

/** What the chart is made from: the arrows of the machine and the states' groups. */
export interface MachineShape {
  states: readonly LifecycleState[];
  arrows: readonly Arrow[];
  groupOf: (state: LifecycleState) => string;
}

const groupNode = (id: string): string => `group:${id}`;

/**
 * Turns the machine into the lines of a chart. Arrows between the same two states become one line
 * with several labels, and a line that every member of a group has to one outside state starts at
 * the group's box: that is what keeps forty arrows readable.
 */
export function chartGraph(shape: MachineShape): ChartGraph {
  const groups = boxedGroups(shape);
  const edges = new Map<string, GraphEdge>();
  for (const arrow of shape.arrows) {
    const group = groups.find((candidate) => leavesAsOne(candidate, arrow, shape));
    const source = group ? groupNode(group.id) : arrow.from;
    const id = `${source}>${arrow.to}`;
    const edge = edges.get(id) ?? { id, source, target: arrow.to, arrows: [] };
    edge.arrows.push({ from: arrow.from, to: arrow.to, event: arrow.event });
    edges.set(id, edge);
  }
  return { states: [...shape.states], groups, edges: [...edges.values()] };
}

/**
 * Groups of at least two states with arrows among themselves get a box. Not the group of the first
 * state: a box around where everything starts would sit in the way of every line.
 */
function boxedGroups(shape: MachineShape): GraphGroup[] {
  const members = new Map<string, LifecycleState[]>();
  for (const state of shape.states) {
    const group = shape.groupOf(state);
    members.set(group, [...(members.get(group) ?? []), state]);
  }
  return [...members]
    .filter(([, states]) => !states.includes(shape.states[0] ?? 'none'))
    .filter(([, states]) =>
      shape.arrows.some(
        ({ from, to }) => from !== to && states.includes(from) && states.includes(to),
      ),
    )
    .map(([id, states]) => ({ id, members: states }));
}

function leavesAsOne(group: GraphGroup, arrow: Arrow, shape: MachineShape): boolean {
  if (!group.members.includes(arrow.from) || group.members.includes(arrow.to)) return false;
  return group.members.every((member) =>
    shape.arrows.some(({ from, to }) => from === member && to === arrow.to),
  );
}

/** The events on a line, each once, in the order of the machine. */
export function eventsOf(edge: GraphEdge): LifecycleEventType[] {
  return [...new Set(edge.arrows.map((arrow) => arrow.event))];
}
