import type { WebhookPayload, WebhookType } from '../../state/effect-kinds.ts';

/** What a hook is told: as an outgoing webhook says it, with the id that repetitions share. */
export type HookEvent<T extends WebhookType = WebhookType> = WebhookPayload<T> & { id: string };

/** Functions of the host app by type of event. One that throws is called again later. */
export type Hooks = {
  readonly [T in WebhookType]?: (event: HookEvent<T>) => unknown;
};

/** Calls the hook of an event. Throws what it threw, or the reason of `signal`. */
export async function callHook(hooks: Hooks, event: HookEvent, signal: AbortSignal): Promise<void> {
  const hook = hooks[event.type] as ((event: HookEvent) => unknown) | undefined;
  if (!hook) return;
  signal.throwIfAborted();
  const givenUp = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  await Promise.race([hook(event), givenUp]);
}
