/** Something that is done again and again, sleeps while there is nothing to do, and can be woken. */
export interface Loop {
  start: () => void;
  wake: () => void;
  /** Resolves when the round under way has ended. */
  stop: () => Promise<void>;
}

export interface LoopSteps {
  /** Does a round of work; true when the next should follow at once. */
  round: () => Promise<boolean>;
  /** How long to sleep after a round without work, in ms, unless woken. */
  rest: () => Promise<number> | number;
  /** A round threw; the next follows after `afterError` ms. */
  failed: (error: unknown) => void;
  afterError: number;
}

/** Makes a loop; wake-ups that come while a round is under way are not lost. */
export function createLoop(steps: LoopSteps): Loop {
  const state = { running: false, woken: false };
  let ring: (() => void) | null = null;
  let ended: Promise<void> | null = null;

  async function sleepUntilWoken(ms: number): Promise<void> {
    if (state.woken || !state.running) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      ring = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    ring = null;
  }

  async function run(): Promise<void> {
    while (state.running) {
      state.woken = false;
      try {
        if (!(await steps.round())) await sleepUntilWoken(await steps.rest());
      } catch (error) {
        steps.failed(error);
        await sleepUntilWoken(steps.afterError);
      }
    }
  }

  return {
    start() {
      if (state.running) return;
      state.running = true;
      ended = run();
    },
    wake() {
      state.woken = true;
      ring?.();
    },
    async stop() {
      state.running = false;
      ring?.();
      await ended;
    },
  };
}
