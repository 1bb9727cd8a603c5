/** The way of one line from box to box over the grid: short, with few corners, crossings and labels in between. */
import type { Area, Grid, GridPoint, Line } from './grid.ts';

/** What a line avoids, in the length that it rather runs around. */
export const COSTS = {
  step: 2,
  corner: 12,
  crossing: 20,
  /** A point beside a line that runs the same way. */
  beside: 1,
  label: 16,
  alongGroup: 30,
} as const;

/** A box or a group that lines begin and end at. */
export interface End extends Area {
  isGroup: boolean;
}

const DIRECTIONS: readonly GridPoint[] = [
  [0, -1],
  [1, 0],
  [0, 1],
  [-1, 0],
];

interface Port {
  /** On the edge of the box. */
  foot: GridPoint;
  /** Where the search begins or ends, straight out of the foot. */
  point: GridPoint;
  /** From the box outwards. */
  direction: number;
}

/** How far a line runs straight out of a box, in grid points. */
const STUB = { box: 2, group: 1 };

/** Places on the four sides where no line begins or ends yet. */
function portsOf(grid: Grid, end: End): Port[] {
  const ports: Port[] = [];
  const stub = end.isGroup ? STUB.group : STUB.box;
  const add = (x: number, y: number, direction: number): void => {
    const [dx, dy] = DIRECTIONS[direction] ?? [0, 0];
    const used = dx === 0 ? grid.vertical : grid.horizontal;
    const point: GridPoint = [x + dx * stub, y + dy * stub];
    if (!grid.contains(...point)) return;
    for (let out = 0; out < stub; out += 1) {
      const at = grid.at(x + dx * out, y + dy * out);
      if (used[at] !== 0) return;
    }
    ports.push({ foot: [x, y], point, direction });
  };
  const corner = Math.min(2, end.width / 2);
  for (let x = end.x + corner; x <= end.x + end.width - corner; x += 1) {
    add(x, end.y, 0);
    add(x, end.y + end.height, 2);
  }
  for (let y = end.y + 1; y <= end.y + end.height - 1; y += 1) {
    add(end.x + end.width, y, 1);
    add(end.x, y, 3);
  }
  return ports;
}

/** The cheapest line; null when there is none. */
export function route(grid: Grid, from: End, to: End): Line | null {
  const states = grid.columns * grid.rows * 4;
  const cost = new Int32Array(states).fill(-1);
  const before = new Int32Array(states).fill(-1);
  const feet = new Map<number, GridPoint>();
  const goals = new Map<number, GridPoint>();
  const queue: number[][] = [];
  const push = (state: number, price: number, previous: number): void => {
    const known = cost[state] ?? -1;
    if (known !== -1 && known <= price) return;
    cost[state] = price;
    before[state] = previous;
    (queue[price] ??= []).push(state);
  };
  for (const { foot, point, direction } of portsOf(grid, from)) {
    const state = grid.at(...point) * 4 + direction;
    if (!isFree(grid, point, direction)) continue;
    feet.set(state, foot);
    push(state, 0, -1);
  }
  for (const { foot, point, direction } of portsOf(grid, to)) {
    goals.set(grid.at(...point) * 4 + ((direction + 2) % 4), foot);
  }
  for (let price = 0; price < queue.length; price += 1) {
    for (const state of queue[price] ?? []) {
      if (cost[state] !== price) continue;
      const goal = goals.get(state);
      if (goal) return traced(grid, { state, goal, before, feet });
      expand(grid, state, (next, more) => push(next, price + more, state));
    }
  }
  return null;
}

function expand(grid: Grid, state: number, push: (state: number, price: number) => void): void {
  const [direction, point] = [state % 4, Math.floor(state / 4)];
  const [x, y] = [point % grid.columns, Math.floor(point / grid.columns)];
  for (const turn of [0, 1, 3]) {
    const next = (direction + turn) % 4;
    const [dx, dy] = DIRECTIONS[next] ?? [0, 0];
    if (!grid.contains(x + dx, y + dy)) continue;
    // A corner lies on both ways of its point.
    if (turn !== 0 && !isFree(grid, [x, y], next)) continue;
    if (turn !== 0 && (grid.horizontal[point] !== 0 || grid.vertical[point] !== 0)) continue;
    if (!isFree(grid, [x + dx, y + dy], next)) continue;
    const price = COSTS.step + (turn === 0 ? 0 : COSTS.corner);
    push(grid.at(x + dx, y + dy) * 4 + next, price + priceOf(grid, [x + dx, y + dy], next));
  }
}

function isFree(grid: Grid, [x, y]: GridPoint, direction: number): boolean {
  const point = grid.at(x, y);
  const used = direction % 2 === 0 ? grid.vertical : grid.horizontal;
  return grid.blocked[point] === 0 && used[point] === 0;
}

function priceOf(grid: Grid, [x, y]: GridPoint, direction: number): number {
  const point = grid.at(x, y);
  const vertically = direction % 2 === 0;
  const [same, other] = vertically
    ? [grid.vertical, grid.horizontal]
    : [grid.horizontal, grid.vertical];
  const [left, right] = vertically
    ? [point - 1, point + 1]
    : [point - grid.columns, point + grid.columns];
  const along = vertically ? grid.alongSide : grid.alongTop;
  return (
    (other[point] === 0 ? 0 : COSTS.crossing) +
    (same[left] || same[right] ? COSTS.beside : 0) +
    (grid.labels[point] === 0 ? 0 : COSTS.label) +
    (along[point] === 0 ? 0 : COSTS.alongGroup)
  );
}

interface Found {
  state: number;
  goal: GridPoint;
  before: Int32Array;
  feet: Map<number, GridPoint>;
}

/** The corners of the way that was found, from foot to foot. */
function traced(grid: Grid, found: Found): Line {
  const points: GridPoint[] = [found.goal];
  let state = found.state;
  for (; ; state = found.before[state] ?? -1) {
    const point = Math.floor(state / 4);
    points.push([point % grid.columns, Math.floor(point / grid.columns)]);
    if (found.before[state] === -1) break;
  }
  points.push(found.feet.get(state) ?? [0, 0]);
  points.reverse();
  return points.filter((point, index) => {
    const [last, next] = [points[index - 1], points[index + 1]];
    if (!last || !next) return true;
    return !(
      (last[0] === point[0] && point[0] === next[0]) ||
      (last[1] === point[1] && point[1] === next[1])
    );
  });
}
