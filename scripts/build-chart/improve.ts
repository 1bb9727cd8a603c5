/** Finds a good drawing by taking lines out and routing them anew, again and again. */
import { Grid, piecesOf, type Area, type Line } from './grid.ts';
import { placeLabel } from './place-label.ts';
import { COSTS, route, type End } from './route.ts';

export interface Wire {
  from: End;
  to: End;
  /** Of its label, in grid points. */
  width: number;
  height: number;
}

export interface Drawn {
  line: Line;
  label: Area;
  price: number;
}

export interface Board {
  columns: number;
  rows: number;
  boxes: readonly Area[];
  groups: readonly Area[];
  /** Texts that stand already. */
  texts: readonly Area[];
}

const NO_WAY = 4_000;
const NO_LABEL = 1_500;

/** The drawing of all wires after this many attempts; the seed makes it the same every time. */
export function improve(board: Board, wires: readonly Wire[], options: Options): Drawn[] {
  const drawing = new Drawing(board, wires);
  const random = numbersFrom(options.seed);
  const all = wires.map((_, index) => index);
  drawing.redraw(shuffled(all, random), random);
  let best = { price: drawing.price(), drawn: drawing.copy() };
  let current = best;
  for (let attempt = 0; attempt < options.attempts; attempt += 1) {
    const heat = 40 * (1 - attempt / options.attempts) ** 2;
    drawing.redraw(shuffled(all, random).slice(0, 1 + Math.floor(random() * 5)), random);
    const price = drawing.price();
    if (price <= current.price + heat * random()) {
      current = { price, drawn: drawing.copy() };
      if (price < best.price) best = current;
    } else drawing.restore(current.drawn);
  }
  options.tell?.(best.price);
  return best.drawn.map((drawn, index) => {
    if (!drawn?.label) throw new Error(`No room for line ${index}: change the places of the boxes`);
    return { line: drawn.line, label: drawn.label, price: drawn.price };
  });
}

export interface Options {
  seed: number;
  attempts: number;
  tell?: (price: number) => void;
}

type Attempt = { line: Line; label: Area | null; price: number } | null;

class Drawing {
  readonly #grid: Grid;
  readonly #board: Board;
  readonly #wires: readonly Wire[];
  #drawn: Attempt[];

  constructor(board: Board, wires: readonly Wire[]) {
    this.#board = board;
    this.#wires = wires;
    this.#drawn = wires.map(() => null);
    this.#grid = new Grid(board);
    for (const box of board.boxes) this.#grid.addBox(box);
    for (const group of board.groups) this.#grid.addGroup(group);
    for (const text of board.texts) this.#grid.mark(text, 1);
  }

  copy(): Attempt[] {
    return [...this.#drawn];
  }

  restore(drawn: readonly Attempt[]): void {
    for (const index of drawn.keys()) if (this.#drawn[index] !== drawn[index]) this.#erase(index);
    for (const [index, attempt] of drawn.entries()) {
      if (this.#drawn[index] !== attempt && attempt) this.#put(index, attempt);
    }
  }

  /** Draws these lines anew, in this order; each may be kept out of a place that it would run through otherwise. */
  redraw(order: readonly number[], random: () => number): void {
    for (const index of order) this.#erase(index);
    for (const index of order) {
      const wire = this.#wires[index];
      const detour = this.#detour(random);
      if (detour) this.#grid.mark(detour, 1);
      const line = wire && route(this.#grid, wire.from, wire.to);
      if (detour) this.#grid.mark(detour, -1);
      if (!wire || !line) continue;
      this.#grid.draw(line, index + 1);
      this.#put(index, { line, label: null, price: 0 });
    }
    for (const index of order) this.#label(index);
  }

  #detour(random: () => number): Area | null {
    if (random() < 0.5) return null;
    const [width, height] = [8 + random() * 24, 8 + random() * 24];
    const x = random() * this.#board.columns - width / 2;
    return { x, y: random() * this.#board.rows - height / 2, width, height };
  }

  #label(index: number): void {
    const [wire, attempt] = [this.#wires[index], this.#drawn[index]];
    if (!wire || !attempt) return;
    const labels = this.#drawn.flatMap((drawn) => drawn?.label ?? []);
    const found = placeLabel(
      { grid: this.#grid, boxes: this.#board.boxes, labels: [...labels, ...this.#board.texts] },
      attempt.line,
      { number: index + 1, width: wire.width, height: wire.height },
    );
    this.#drawn[index] = {
      line: attempt.line,
      label: found?.area ?? null,
      price: found?.price ?? NO_LABEL,
    };
    if (found) this.#grid.mark(found.area, 1);
  }

  #put(index: number, attempt: NonNullable<Attempt>): void {
    this.#drawn[index] = attempt;
    this.#grid.draw(attempt.line, index + 1);
    if (attempt.label) this.#grid.mark(attempt.label, 1);
  }

  #erase(index: number): void {
    const attempt = this.#drawn[index];
    if (!attempt) return;
    this.#drawn[index] = null;
    this.#grid.draw(attempt.line, 0);
    if (attempt.label) this.#grid.mark(attempt.label, -1);
  }

  price(): number {
    let price = this.#covered();
    for (const attempt of this.#drawn)
      price += attempt ? attempt.price + lengthOf(attempt.line) : NO_WAY;
    return price + this.#crossings() * COSTS.crossing;
  }

  #crossings(): number {
    const { horizontal, vertical } = this.#grid;
    let crossings = 0;
    for (let point = 0; point < horizontal.length; point += 1) {
      if (horizontal[point] && vertical[point] && horizontal[point] !== vertical[point])
        crossings += 1;
    }
    return crossings;
  }

  /** Lines that run under the labels of others. */
  #covered(): number {
    let price = 0;
    for (const [index, attempt] of this.#drawn.entries()) {
      if (!attempt?.label) continue;
      const under = new Set<number>();
      for (const point of this.#grid.pointsOf(attempt.label)) {
        for (const used of [this.#grid.horizontal[point], this.#grid.vertical[point]]) {
          if (used && used !== index + 1) under.add(used);
        }
      }
      price += under.size * 60;
    }
    return price;
  }
}

function lengthOf(line: Line): number {
  let length = (line.length - 2) * COSTS.corner;
  for (const { from, to } of piecesOf(line)) {
    length += (Math.abs(from[0] - to[0]) + Math.abs(from[1] - to[1])) * COSTS.step;
  }
  return length;
}

function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

function shuffled(items: readonly number[], random: () => number): number[] {
  return items
    .map((item) => ({ item, order: random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
