/** Deliveries that nobody waits for: whether they pour in now. */
export interface Flood {
  /** A delivery was stored. */
  add: () => void;
  /** How long it goes on at least, in ms, when nothing more comes; 0 when there is none. */
  left: () => number;
}

/** More than so many within some 70 ms are a flood: that is 400 in a second. */
const MANY = 30;

/** The count halves in so many ms. */
const HALF = 50;

/** After so long without a delivery a flood is over, in ms. */
const QUIET = 30;

/**
 * A flood is on while more than some four hundred deliveries a second come in, and until none has come for a moment. What
 * is being stored counts as coming: a disk that hesitates is no end.
 */
export function createFlood(isStoring: () => boolean): Flood {
  let count = 0;
  let last = 0;
  return {
    add() {
      const now = performance.now();
      count = count * 2 ** ((last - now) / HALF) + 1;
      last = now;
    },
    left() {
      if (count <= MANY) return 0;
      return isStoring() ? QUIET : Math.max(0, QUIET - (performance.now() - last));
    },
  };
}
