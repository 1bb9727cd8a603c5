import type Stripe from 'stripe';
import { isRelevant } from '../../server/webhooks/parse-event.ts';
import { beginLifecycle } from './lifecycle-driver.ts';
import type { EngineLab } from './engine-lab.ts';
import { randomFrom } from './random.ts';

/** What the emulator did and answered while one customer's subscriptions lived. */
export interface Tape {
  customerId: string;
  steps: TapeStep[];
}

export interface TapeStep {
  name: string;
  /** Those that change something here, in the order in which Stripe made them. */
  events: Stripe.Event[];
  /** What the API answered about each subscription after this step. */
  objects: Map<string, Stripe.Subscription>;
}

/**
 * Records lifecycles as the emulator plays them, over HTTP. A thousand runs can then be made against what it really
 * sent and answered, without playing each lifecycle a thousand times.
 */
export async function recordTapes(
  lab: EngineLab,
  options: { count: number; steps: number; seed: number },
): Promise<Tape[]> {
  const tapes: Tape[] = [];
  for (let i = 0; i < options.count; i += 1) {
    let mark = (await lab.stripe.events.list({ limit: 1 })).data[0]?.id ?? null;
    const lifecycle = await beginLifecycle(lab, randomFrom(options.seed + i));
    const steps: TapeStep[] = [];
    for (let step = 0; step < options.steps; step += 1) {
      const name = await lifecycle.step();
      const all = await lab.eventsSince(mark);
      mark = all.at(-1)?.id ?? mark;
      const events = all.filter((event) => isRelevant(event.type));
      const objects = new Map<string, Stripe.Subscription>();
      for (const id of lifecycle.subscriptionIds) {
        objects.set(id, await lab.gateway.retrieveSubscription(id));
      }
      steps.push({ name, events, objects });
    }
    tapes.push({ customerId: lifecycle.customerId, steps });
  }
  return tapes;
}
