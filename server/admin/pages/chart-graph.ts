import type { LifecycleEventType, LifecycleState } from '../../../state/types.ts';

/** One arrow of the machine. */
export interface Arrow {
  from: LifecycleState;
  to: LifecycleState;
  event: LifecycleEventType;
}

/** A box around states that share a group of the machine, or around those of its states that take the same way. */
export interface GraphGroup {
  id: string;
  /** Null for a box without a name. */
  title: string | null;
  members: LifecycleState[];
}

/** One line of the chart: all arrows between two places, which are states or whole groups. */
export interface GraphEdge {
  id: string;
  source: string;
  target: string;
  arrows: Arrow[];
}

export interface ChartGraph {
  states: LifecycleState[];
  /** Outer boxes before those inside them. */
  groups: GraphGroup[];
  edges: GraphEdge[];
  /** Arrows from a state to itself: they are written into its box. */
  loops: Arrow[];
}

/** What the chart is made from: the arrows of the machine and the states' groups. */
export interface MachineShape {
  states: readonly LifecycleState[];
  arrows: readonly Arrow[];
  groupOf: (state: LifecycleState) => string;
}

const groupNode = (id: string): string => `group:${id}`;

/**
 * Turns the machine into the lines of a chart. Arrows between the same two places become one line with several labels. A
 * line that every member of a group has to one outside state starts at the group's box, and what all but one member of a
 * group exchange with that one (every plan that runs can be canceled, and undone) runs to a box around them: that is what
 * keeps forty arrows readable.
 */
export function chartGraph(shape: MachineShape): ChartGraph {
  const outer = boxedGroups(shape);
  const inner = outer.flatMap((group) => exchanges(group, shape));
  const groups = [...outer, ...inner];
  const edges = new Map<string, GraphEdge>();
  for (const arrow of shape.arrows.filter(({ from, to }) => from !== to)) {
    const from = groups.find((group) => leavesAsOne(group, arrow, shape));
    const to = inner.find((group) => returnsToOne(group, arrow, shape));
    const [source, target] = [
      from ? groupNode(from.id) : arrow.from,
      to ? groupNode(to.id) : arrow.to,
    ];
    const id = `${source}>${target}`;
    const edge = edges.get(id) ?? { id, source, target, arrows: [] };
    edge.arrows.push({ from: arrow.from, to: arrow.to, event: arrow.event });
    edges.set(id, edge);
  }
  const loops = shape.arrows.filter(({ from, to }) => from === to);
  return {
    states: [...shape.states],
    groups,
    edges: [...edges.values()],
    loops: loops.map(({ from, to, event }) => ({ from, to, event })),
  };
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
    .map(([id, states]) => ({ id, title: id.replaceAll('_', ' '), members: states }));
}

const leads = (shape: MachineShape, from: LifecycleState, to: LifecycleState): boolean =>
  shape.arrows.some((arrow) => arrow.from === from && arrow.to === to);

/** The members of a group but one, when each of them leads to that one and is led back to. */
function exchanges({ id, members }: GraphGroup, shape: MachineShape): GraphGroup[] {
  return members.flatMap((state) => {
    const others = members.filter((member) => member !== state);
    const all = others.every((other) => leads(shape, other, state) && leads(shape, state, other));
    return all && others.length > 1
      ? [{ id: `${id}-but-${state}`, title: null, members: others }]
      : [];
  });
}

function leavesAsOne(group: GraphGroup, arrow: Arrow, shape: MachineShape): boolean {
  if (!group.members.includes(arrow.from) || group.members.includes(arrow.to)) return false;
  return group.members.every((member) => leads(shape, member, arrow.to));
}

function returnsToOne(group: GraphGroup, arrow: Arrow, shape: MachineShape): boolean {
  if (!group.members.includes(arrow.to) || group.members.includes(arrow.from)) return false;
  return group.members.every((member) => leads(shape, arrow.from, member));
}

/** The events on a line, each once, in the order of the machine. */
export function eventsOf(edge: GraphEdge): LifecycleEventType[] {
  return [...new Set(edge.arrows.map((arrow) => arrow.event))];
}
