/** A piece of due work: which job, on which object, when (Unix seconds), on which clock (null = real time). */
export interface DueWork {
  at: number;
  clock: string | null;
  job: string;
  ref: string;
}
interface Entry extends DueWork {
  seq: number;
}

/** One time queue per clock, in order of time, then of scheduling. At most one entry for a (job, ref). */
export class Scheduler {
  private readonly heaps = new Map<string | null, Entry[]>();
  private readonly current = new Map<string, Entry>();
  private seq = 0;
  /** Told of each change, so that it can be taken back. */
  onChange: ((undo: () => void) => void) | null = null;

  /** Replaces what was scheduled for the same job and object. */
  set(work: DueWork): void {
    const entry = { ...work, seq: (this.seq += 1) };
    this.rememberUndo(key(work));
    this.current.set(key(work), entry);
    const heap = this.heaps.get(work.clock);
    if (heap === undefined) this.heaps.set(work.clock, [entry]);
    else push(heap, entry);
  }

  cancel(job: string, ref: string): void {
    this.rememberUndo(key({ job, ref }));
    this.current.delete(key({ job, ref }));
  }

  private rememberUndo(name: string): void {
    const previous = this.current.get(name);
    this.onChange?.(() => {
      if (previous === undefined) this.current.delete(name);
      else this.set(previous);
    });
  }

  /** When the job of this object is due, if it is scheduled. */
  dueAt(job: string, ref: string): number | undefined {
    return this.current.get(key({ job, ref }))?.at;
  }

  /** The next entry of a clock, without taking it. */
  peek(clock: string | null): DueWork | undefined {
    const heap = this.heaps.get(clock) ?? [];
    for (let top = heap[0]; top !== undefined; top = heap[0]) {
      if (this.current.get(key(top)) === top) return top;
      pop(heap);
    }
    return undefined;
  }

  /** Takes the next entry that is due at `until`. */
  takeDue(clock: string | null, until: number): DueWork | undefined {
    const top = this.peek(clock);
    if (top === undefined || top.at > until) return undefined;
    pop(this.heaps.get(clock) ?? []);
    this.current.delete(key(top));
    return top;
  }

  forgetClock(clock: string): void {
    for (const entry of this.heaps.get(clock) ?? [])
      if (this.current.get(key(entry)) === entry) this.current.delete(key(entry));
    this.heaps.delete(clock);
  }

  dump(): DueWork[] {
    return [...this.current.values()]
      .toSorted((a, b) => a.seq - b.seq)
      .map(({ at, clock, job, ref }) => ({ at, clock, job, ref }));
  }
}

function key(work: { job: string; ref: string }): string {
  return `${work.job} ${work.ref}`;
}

function before(a: Entry | undefined, b: Entry | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a.at < b.at || (a.at === b.at && a.seq < b.seq);
}

function swap(heap: Entry[], i: number, j: number): void {
  const a = heap[i];
  const b = heap[j];
  if (a === undefined || b === undefined) return;
  heap[i] = b;
  heap[j] = a;
}

function push(heap: Entry[], entry: Entry): void {
  heap.push(entry);
  for (let at = heap.length - 1; at > 0;) {
    const parent = (at - 1) >> 1;
    if (!before(heap[at], heap[parent])) return;
    swap(heap, at, parent);
    at = parent;
  }
}

function pop(heap: Entry[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  heap[0] = last;
  for (let at = 0; ;) {
    const left = 2 * at + 1;
    const right = left + 1;
    let least = at;
    if (before(heap[left], heap[least])) least = left;
    if (before(heap[right], heap[least])) least = right;
    if (least === at) return;
    swap(heap, at, least);
    at = least;
  }
}
