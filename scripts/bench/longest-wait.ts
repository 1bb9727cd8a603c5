/** How a caller fared who calls all the time, one call after the other. */
export interface Waits {
  calls: number;
  /** ms */
  longest: number;
}

/** Calls for as long as some work takes; rejects when the work or a call does. */
export async function waitsDuring(
  work: Promise<unknown>,
  call: (n: number) => Promise<unknown>,
): Promise<Waits> {
  const waits: Waits = { calls: 0, longest: 0 };
  const working = new AbortController();
  const calling = async () => {
    while (!working.signal.aborted) {
      const started = performance.now();
      await call(waits.calls);
      waits.calls += 1;
      waits.longest = Math.max(waits.longest, performance.now() - started);
    }
  };
  await Promise.all([work.finally(() => working.abort()), calling()]);
  return waits;
}
