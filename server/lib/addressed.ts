import type { NewEffect } from '../../db/outbox.ts';
import type { Config } from '../config/config.ts';

/**
 * Effects as they are stored: an outgoing webhook once for each receiver that wants it, so that none waits for another; not at
 * all where there is none.
 */
export function addressed<E extends NewEffect>(
  { receivers }: Pick<Config, 'receivers'>,
  effects: readonly E[],
): E[] {
  return effects.flatMap((effect) => {
    const { kind } = effect;
    if (!kind.startsWith('webhook.')) return [effect];
    return receivers
      .filter(({ events }) => events.some((type) => kind === `webhook.${type}`))
      .map(({ name }) => (name === '' ? effect : { ...effect, receiver: name }));
  });
}
