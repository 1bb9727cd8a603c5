/** Where the boxes stand, in grid points: chosen by eye, so that most lines are short. The lines are found. */
import type { LifecycleState } from '../../state/types.ts';

export const BOARD = { columns: 114, rows: 80 };

export const PLACES: Readonly<Record<LifecycleState, { x: number; y: number }>> = {
  none: { x: 35, y: 1 },
  incomplete: { x: 2, y: 10 },
  trialing: { x: 26, y: 10 },
  active: { x: 60, y: 10 },
  downgrading: { x: 60, y: 32 },
  cancel_pending: { x: 31, y: 49 },
  past_due: { x: 91, y: 24 },
  unpaid: { x: 91, y: 42 },
  paused: { x: 2, y: 44 },
  canceled: { x: 40, y: 73 },
};

/** Room between a group's edge and its members; the title stands at the top. */
export const PADDING = { top: 4, other: 2 };
