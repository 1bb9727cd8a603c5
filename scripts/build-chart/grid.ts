/** The raster on which the chart is laid out: boxes, lines and labels that are placed, by grid point. */

/** Pixels between two grid points: lines are never closer to each other. */
export const STEP = 8;

/** A rectangle in grid points; its far edges belong to it. */
export interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

export type GridPoint = readonly [x: number, y: number];

/** A line through grid points: from corner to corner. */
export type Line = GridPoint[];

/** The straight pieces of a line. */
export function piecesOf(line: Line): { from: GridPoint; to: GridPoint }[] {
  return line.slice(1).flatMap((to, index) => {
    const from = line[index];
    return from ? [{ from, to }] : [];
  });
}

/** Lines turn around boxes at this distance, in grid points. */
const CLEARANCE = 1;

export class Grid {
  readonly columns: number;
  readonly rows: number;
  /** Points inside a box or beside it. */
  readonly blocked: Uint8Array;
  /** Who runs horizontally and vertically through a point: the line's number, 0 for none. */
  readonly horizontal: Int16Array;
  readonly vertical: Int16Array;
  /** How many labels lie on a point. */
  readonly labels: Uint8Array;
  /** Edges of groups, which lines cross and never follow. */
  readonly alongTop: Uint8Array;
  readonly alongSide: Uint8Array;

  constructor(size: { columns: number; rows: number }) {
    this.columns = size.columns;
    this.rows = size.rows;
    const points = this.columns * this.rows;
    this.blocked = new Uint8Array(points);
    this.horizontal = new Int16Array(points);
    this.vertical = new Int16Array(points);
    this.labels = new Uint8Array(points);
    this.alongTop = new Uint8Array(points);
    this.alongSide = new Uint8Array(points);
  }

  at(x: number, y: number): number {
    return y * this.columns + x;
  }

  contains(x: number, y: number): boolean {
    return x >= 0 && y >= 0 && x < this.columns && y < this.rows;
  }

  addBox(box: Area): void {
    for (let y = box.y - CLEARANCE; y <= box.y + box.height + CLEARANCE; y += 1) {
      for (let x = box.x - CLEARANCE; x <= box.x + box.width + CLEARANCE; x += 1) {
        if (this.contains(x, y)) this.blocked[this.at(x, y)] = 1;
      }
    }
  }

  addGroup(group: Area): void {
    for (const near of [-1, 0, 1]) {
      for (const y of [group.y + near, group.y + group.height + near]) {
        for (let x = group.x; x <= group.x + group.width; x += 1) {
          if (this.contains(x, y)) this.alongTop[this.at(x, y)] = 1;
        }
      }
      for (const x of [group.x + near, group.x + group.width + near]) {
        for (let y = group.y; y <= group.y + group.height; y += 1) {
          if (this.contains(x, y)) this.alongSide[this.at(x, y)] = 1;
        }
      }
    }
  }

  /** Draws a line with its number, or takes it away with 0. */
  draw(line: Line, number: number): void {
    for (const { from, to } of piecesOf(line)) {
      const used = from[1] === to[1] ? this.horizontal : this.vertical;
      for (const [x, y] of pointsBetween(from, to)) used[this.at(x, y)] = number;
    }
  }

  /** Counts a label in (1) or out (-1). */
  mark(label: Area, by: 1 | -1): void {
    for (const point of this.pointsOf(label)) this.labels[point] = (this.labels[point] ?? 0) + by;
  }

  /** The grid points that a rectangle touches. */
  *pointsOf({ x, y, width, height }: Area): Iterable<number> {
    for (let row = Math.max(0, Math.ceil(y)); row <= y + height && row < this.rows; row += 1) {
      for (
        let column = Math.max(0, Math.ceil(x));
        column <= x + width && column < this.columns;
        column += 1
      ) {
        yield this.at(column, row);
      }
    }
  }
}

/** All grid points from one corner to the next, both included. */
export function* pointsBetween(from: GridPoint, to: GridPoint): Iterable<GridPoint> {
  const [dx, dy] = [Math.sign(to[0] - from[0]), Math.sign(to[1] - from[1])];
  let [x, y] = from;
  yield [x, y];
  while (x !== to[0] || y !== to[1]) {
    x += dx;
    y += dy;
    yield [x, y];
  }
}

export function overlaps(a: Area, b: Area, gap = 0): boolean {
  return (
    a.x < b.x + b.width + gap &&
    b.x < a.x + a.width + gap &&
    a.y < b.y + b.height + gap &&
    b.y < a.y + a.height + gap
  );
}
