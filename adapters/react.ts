/** `tenure/react`: the subscription and the access of the user who is signed in, as hooks. Nothing here decides: the server does. */
import {
  createContext,
  createElement,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useState,
  useSyncExternalStore,
  type ReactElement,
  type ReactNode,
} from 'react';
import { createTenureClient, type TenureClient } from './client.ts';
import {
  BillingStore,
  type Access,
  type Commands,
  type Refusal,
  type Snapshot,
} from './client/store.ts';

export type { Access, Commands, Refusal, Result, Subscription } from './client/store.ts';

const Context = createContext<BillingStore | null>(null);

export interface BillingProviderProps {
  /** Where the API is and how users are known there; default: under `/api/billing` of this origin, by its cookies. */
  client?: TenureClient;
  children?: ReactNode;
}

/** One state of billing for all hooks below it. With `key={userId}` another user begins anew. */
export function BillingProvider({ client, children }: BillingProviderProps): ReactElement {
  const store = useMemo(
    () => new BillingStore(client ?? createTenureClient({ baseUrl: '' })),
    [client],
  );
  return createElement(Context.Provider, { value: store }, children);
}

export interface Billing extends Omit<Snapshot, 'access'>, Commands {
  /** Whether the server offers this now, e.g. `can('cancel')`. */
  can: (action: string) => boolean;
  /** Asks the server again. It is also asked when the page comes back into view. */
  refresh: () => Promise<void>;
}

/** The subscription, and what can be done with it. Commands never throw: what was refused is `error` of their result. */
export function useBilling(): Billing {
  const store = useStore();
  const { access: _access, ...state } = useSyncExternalStore(
    store.subscribe,
    store.snapshot,
    store.snapshot,
  );
  useEffect(() => void store.load(), [store]);
  const can = (action: string) => state.subscription?.actions.includes(action) ?? false;
  return { ...state, ...store.commands, can, refresh: store.refresh };
}

/** Whether the user may use the product, or a feature or what is left of a limit; refused until the server has answered. */
export function useAccess(feature?: string): Access {
  const store = useStore();
  const key = feature ?? '';
  const { access } = useSyncExternalStore(store.subscribe, store.snapshot, store.snapshot);
  useEffect(() => store.watchAccess(key), [store, key]);
  return access[key] ?? { allowed: false, isLoading: true, error: null };
}

export interface CheckoutReturn {
  isLoading: boolean;
  error: Refusal | null;
}

/**
 * For the page that Checkout leads back to: reads what was bought at once, instead of waiting for a webhook. `sessionId` is
 * `session_id` of its address.
 */
export function useCheckoutReturn(sessionId: string | null | undefined): CheckoutReturn {
  const store = useStore();
  const [done, setDone] = useState<{ of: string; error: Refusal | null } | null>(null);
  const sync = useCallback(async () => {
    if (!sessionId) return;
    const { error } = await store.sync(sessionId);
    setDone({ of: sessionId, error: error ?? null });
  }, [store, sessionId]);
  useEffect(() => void sync(), [sync]);
  const isLoading = Boolean(sessionId) && done?.of !== sessionId;
  return { isLoading, error: isLoading ? null : (done?.error ?? null) };
}

function useStore(): BillingStore {
  const store = useContext(Context);
  if (store === null) throw new Error('Billing hooks need a <BillingProvider> above them.');
  return store;
}
