/** Beyond, something is wrong with a clock: lines of the history, signatures and tokens are dated by it. */
export const SKEW_WARNING_MS = 5_000;

/**
 * How far this machine is ahead of a clock that was read between the two, in ms; negative when it is behind, 0 where the
 * question itself took longer than that. `resolutionMs`: how coarse the other clock is.
 */
export function clockSkew(
  here: { asked: number; answered: number },
  there: number,
  resolutionMs: number,
): number {
  if (here.answered < there) return here.answered - there;
  return Math.max(0, here.asked - (there + resolutionMs));
}
