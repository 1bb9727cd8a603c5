/** Asked for by `FULL=1`: the long tests at full size, as `.ci/run` runs them when it is given. */
const FULL = process.env['FULL'] === '1';

/** `TENURE_TEST_RUNS=10` makes ten times as many runs. */
export const RUNS = Number(process.env['TENURE_TEST_RUNS'] ?? 1);

/** Whether this run takes a sample of the long tests only. */
export const SAMPLED = !FULL && RUNS === 1;

/** How much a long test does: a sample, or all of it as often as asked for. */
export function sizeOf(size: { sample: number; full: number }): number {
  return SAMPLED ? size.sample : size.full * RUNS;
}
