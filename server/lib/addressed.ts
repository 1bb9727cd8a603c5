import type { NewEffect } from '../../db/outbox.ts';
import type { Config } from '../config/config.ts';
import { HOOKS } from './hooks.ts';

type Told = Pick<Config, 'receivers' | 'hookEvents'>;

/** Every receiver by its name, the hooks of the host app among them. */
export function receiverNames({ receivers, hookEvents }: Told): string[] {
  const names = receivers.map(({ name }) => name);
  return hookEvents.length > 0 ? [...names, HOOKS] : names;
}

/**
 * Effects as they are stored: an outgoing webhook once for each receiver that wants it, so that none waits for another; not at
 * all where there is none.
 */
export function addressed<E extends NewEffect>(
  { receivers, hookEvents }: Told,
  effects: readonly E[],
): E[] {
  const all = [...receivers, { name: HOOKS, events: hookEvents }];
  return effects.flatMap((effect) => {
    const { kind } = effect;
    if (!kind.startsWith('webhook.')) return [effect];
    return all
      .filter(({ events }) => events.some((type) => kind === `webhook.${type}`))
      .map(({ name }) => (name === '' ? effect : { ...effect, receiver: name }));
  });
}
