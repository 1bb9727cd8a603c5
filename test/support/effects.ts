import type { Effect } from '../../state/effect-kinds.ts';

/** An effect of any kind, as another release may have stored it: the compiler allows only the kinds of this one. */
export function effectOfAnyRelease(kind: string, objectId: string, payload: object = {}): Effect {
  return { objectId, kind, payload } as Effect;
}
