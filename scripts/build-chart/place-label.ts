/** A place for a label on its line, clear of boxes, other labels and other lines. */
import { overlaps, piecesOf, pointsBetween, type Area, type Grid, type Line } from './grid.ts';

/** What a label rather avoids. */
const COSTS = { line: 60, own: 14, offCentre: 3, groupEdge: 2 } as const;
/** How far along the label its line may pass. */
const ANCHORS = [0.5, 0.35, 0.65, 0.2, 0.8, 0.08, 0.92];

export interface Surroundings {
  grid: Grid;
  boxes: readonly Area[];
  labels: readonly Area[];
}

export interface PlacedLabel {
  area: Area;
  price: number;
}

/** The best place; null when each one covers a box or another label. */
export function placeLabel(
  { grid, boxes, labels }: Surroundings,
  line: Line,
  own: { number: number; width: number; height: number },
): PlacedLabel | null {
  let best: PlacedLabel | null = null;
  for (const { area, price } of candidates(line, own)) {
    if (best && price >= best.price) continue;
    if (area.x < 0.25 || area.y < 0.25) continue;
    if (area.x + area.width > grid.columns - 1.25 || area.y + area.height > grid.rows - 1.25)
      continue;
    if (boxes.some((box) => overlaps(area, box, 0.5))) continue;
    if (labels.some((label) => overlaps(area, label, 0.4))) continue;
    const total = price + covered(grid, area, own.number);
    if (!best || total < best.price) best = { area, price: total };
  }
  return best;
}

function* candidates(
  line: Line,
  { width, height }: { width: number; height: number },
): Iterable<PlacedLabel> {
  for (const { from, to } of piecesOf(line)) {
    const isLast = to === line.at(-1);
    const points = [...pointsBetween(from, to)];
    const horizontal = from[1] === to[1];
    // The tip and a piece before it stay in sight.
    const reach = horizontal ? width / 2 : height / 2;
    for (const [position, [x, y]] of points.entries()) {
      if (position < 1 || position > points.length - 2) continue;
      if (isLast && points.length - 1 - position < reach + 1.5) continue;
      if (horizontal) {
        const hidden =
          Math.max(0, reach - position) + Math.max(0, reach - (points.length - position));
        yield {
          area: { x: x - width / 2, y: y - height / 2, width, height },
          price: hidden > 0 ? 10 + hidden * 2 : 0,
        };
        continue;
      }
      for (const anchor of ANCHORS) {
        yield {
          area: { x: x - width * anchor, y: y - height / 2, width, height },
          price: Math.abs(anchor - 0.5) * 10 * COSTS.offCentre + Math.max(0, reach - position) * 4,
        };
      }
    }
  }
}

/** What lies under a label. */
function covered(grid: Grid, area: Area, number: number): number {
  const others = new Set<number>();
  let price = 0;
  const wider = {
    x: area.x - 0.3,
    y: area.y - 0.3,
    width: area.width + 0.6,
    height: area.height + 0.6,
  };
  for (const point of grid.pointsOf(wider)) {
    for (const used of [grid.horizontal[point], grid.vertical[point]]) {
      if (used && used !== number) others.add(used);
    }
    if (grid.alongTop[point] || grid.alongSide[point]) price += COSTS.groupEdge / 10;
  }
  return price + others.size * COSTS.line;
}
