import { hostUnderTest, type HostOptions } from './host.ts';
import { LESSONS } from './lessons.ts';
import { openStage, type StageOptions } from './stage.ts';

export interface ChaosOptions extends HostOptions, StageOptions {
  seed: number;
  /** Ids of lessons; null plays all. */
  only: readonly string[] | null;
}

export interface ChaosResult {
  lesson: string;
  promise: string;
  hint: string;
  passed: boolean;
  /** What was wrong; empty when it passed. */
  found: string[];
}

/** Plays every lesson at a webhook handler and asks it afterwards; resolves with what it got right and wrong. */
export async function runChaos(
  options: ChaosOptions,
  onResult: (result: ChaosResult) => void = () => undefined,
): Promise<ChaosResult[]> {
  const host = hostUnderTest(options);
  const stage = await openStage(options);
  const results: ChaosResult[] = [];
  try {
    const played = LESSONS.filter(({ id }) => options.only?.includes(id) ?? true);
    for (const { id: lesson, promise, hint, active, play } of played) {
      const life = await stage.life(lesson);
      const wrong = await play({ host, stage, life, seed: options.seed });
      await stage.calm();
      const found = wrong === null ? [] : [wrong];
      if ((await host.settles(life, active)) !== active) {
        const words = (is: boolean) => (is ? 'active' : 'not active');
        found.push(`The customer is ${words(active)} at Stripe, and ${words(!active)} here.`);
      }
      const result = { lesson, promise, hint, passed: found.length === 0, found };
      results.push(result);
      onResult(result);
    }
  } finally {
    await stage.leave();
  }
  return results;
}
