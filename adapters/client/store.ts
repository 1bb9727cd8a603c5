/** What a page knows of billing: one copy of the server's answers, for all that show it. */
import type { TenureClient } from '../client.ts';
import type { components, paths } from './api.ts';
import {
  SUBSCRIPTION_COMMANDS,
  type AnswerOf,
  type CommandAnswer,
  type CommandBody,
} from './commands.ts';

type ApiError = components['schemas']['Error']['error'];
/** What was refused, and why; `code` is for programs, `message` for people. `unreachable`: there was no answer. */
export interface Refusal extends Partial<Omit<ApiError, 'code'>> {
  code: ApiError['code'] | 'unreachable';
  message: string;
}
export type Subscription = NonNullable<
  AnswerOf<paths['/api/billing/subscription']['get']>['subscription']
>;
export interface Result<Data> {
  data?: Data;
  error?: Refusal;
}

/** An answer to a question about access. Until it is there nothing is allowed. */
export interface Access extends Partial<AnswerOf<paths['/api/billing/access']['get']>> {
  allowed: boolean;
  isLoading: boolean;
  error: Refusal | null;
}

const PATHS = {
  ...SUBSCRIPTION_COMMANDS,
  checkout: '/api/billing/checkout',
  portal: '/api/billing/portal',
  page: '/api/billing/page',
} as const;
type Name = keyof typeof PATHS;
/** Those that lead to another page. */
const LEAVING: ReadonlySet<Name> = new Set(['checkout', 'portal', 'page']);

/** `checkout`, `portal` and `page` leave for the address that they are given. */
export type Commands = {
  [Each in Name]: (
    body?: CommandBody<(typeof PATHS)[Each]>,
  ) => Promise<Result<CommandAnswer<(typeof PATHS)[Each]>>>;
};

export interface Snapshot {
  /** null: none, or not known yet. */
  subscription: Subscription | null;
  isLoading: boolean;
  /** Why the subscription could not be read. */
  error: Refusal | null;
  /** The command under way, so that its button can be disabled. */
  pending: Name | null;
  access: Readonly<Record<string, Access>>;
}

type Send = (
  path: string,
  init?: object,
) => Promise<{ data?: unknown; error?: { error?: Refusal } }>;

/** The browser's page, as far as it is needed. */
const page = globalThis as unknown as EventTarget & {
  document: EventTarget & { visibilityState: string };
  location: { assign: (url: string) => void };
};

/** An answer younger than this is not asked for again when the page comes back into view, in ms. */
const FRESH = 2_000;

export class BillingStore {
  readonly commands: Commands;
  private readonly get: Send;
  private readonly post: Send;
  private state: Snapshot = {
    subscription: null,
    isLoading: true,
    error: null,
    pending: null,
    access: {},
  };
  private readonly listeners = new Set<() => void>();
  private readonly running = new Map<string, Promise<Result<unknown>>>();
  /** Features asked about, with how many components ask. */
  private readonly watched = new Map<string, number>();
  private reading: Promise<void> | null = null;
  private readAt = -Infinity;

  constructor(client: TenureClient) {
    this.get = client.GET as unknown as Send;
    this.post = client.POST as unknown as Send;
    const names = Object.keys(PATHS) as Name[];
    this.commands = Object.fromEntries(
      names.map((name) => [name, (body?: object) => this.run(name, body)]),
    ) as unknown as Commands;
  }

  readonly snapshot = (): Snapshot => this.state;

  readonly subscribe = (listener: () => void): (() => void) => {
    if (this.listeners.size === 0) this.listen('addEventListener');
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) this.listen('removeEventListener');
    };
  };

  /** Reads the subscription, unless that was done. */
  async load(): Promise<void> {
    if (this.readAt === -Infinity) await this.refresh();
  }

  readonly refresh = (): Promise<void> => {
    this.reading ??= this.read().finally(() => {
      this.reading = null;
    });
    return this.reading;
  };

  /** Keeps the answer about a feature ('' for the product) up to date until the function that it gives is called. */
  watchAccess(feature: string): () => void {
    const watchers = this.watched.get(feature) ?? 0;
    this.watched.set(feature, watchers + 1);
    if (watchers === 0) void this.readAccess(feature);
    return () => {
      const left = (this.watched.get(feature) ?? 1) - 1;
      if (left > 0) this.watched.set(feature, left);
      else this.watched.delete(feature);
    };
  }

  /** Reads a Checkout session, once however often it is asked. */
  sync(sessionId: string): Promise<Result<unknown>> {
    return this.once(`sync ${sessionId}`, async () => {
      const result = await this.send('/api/billing/checkout/sync', { sessionId });
      if (!result.error) await this.take(result.data);
      return result;
    });
  }

  /** A second click on the same button gets the answer of the first. */
  private run(name: Name, body: object = {}): Promise<Result<unknown>> {
    return this.once(`${name} ${JSON.stringify(body)}`, async () => {
      if (name === 'preview') return this.send(PATHS[name], body);
      this.set({ pending: name });
      const result = await this.send(PATHS[name], body);
      if (result.error || !LEAVING.has(name)) {
        if (!result.error) await this.take(result.data);
        this.set({ pending: null });
        return result;
      }
      page.location.assign((result.data as { url: string }).url);
      return result;
    });
  }

  private once(key: string, act: () => Promise<Result<unknown>>): Promise<Result<unknown>> {
    const running = this.running.get(key);
    if (running) return running;
    const started = act().finally(() => this.running.delete(key));
    this.running.set(key, started);
    return started;
  }

  /** Sends a command; where no answer came it is sent again under the same key, so that it is done once. */
  private async send(path: string, body: object): Promise<Result<unknown>> {
    const init = { body, params: { header: { 'Idempotency-Key': newKey() } } };
    const first = await this.ask(this.post, path, init);
    return first.error?.code === 'unreachable' ? this.ask(this.post, path, init) : first;
  }

  private async read(): Promise<void> {
    const [{ data, error }] = await Promise.all([
      this.ask(this.get, '/api/billing/subscription'),
      ...[...this.watched.keys()].map((feature) => this.readAccess(feature)),
    ]);
    this.readAt = Date.now();
    const known = error ? {} : { subscription: subscriptionIn(data) };
    this.set({ isLoading: false, error: error ?? null, ...known });
  }

  private async readAccess(feature: string): Promise<void> {
    const query = feature === '' ? {} : { feature };
    const { data, error } = await this.ask(this.get, '/api/billing/access', { params: { query } });
    const before = this.state.access[feature];
    // What was allowed stays so while the server cannot be reached; a refusal ends it.
    const keeps = error?.code === 'unreachable' && before?.allowed === true;
    const answer = data as Omit<Access, 'isLoading' | 'error'> | undefined;
    const now: Access = {
      allowed: keeps,
      ...(keeps ? before : answer),
      isLoading: false,
      error: error ?? null,
    };
    this.set({ access: { ...this.state.access, [feature]: now } });
  }

  /** What a command has answered is what is so now; access is asked for anew. */
  private async take(data: unknown): Promise<void> {
    if (typeof data === 'object' && data !== null && 'subscription' in data) {
      this.readAt = Date.now();
      this.set({ subscription: subscriptionIn(data), isLoading: false, error: null });
    }
    await Promise.all([...this.watched.keys()].map((feature) => this.readAccess(feature)));
  }

  private async ask(send: Send, path: string, init: object = {}): Promise<Result<unknown>> {
    try {
      const { data, error } = await send(path, init);
      if (error === undefined) return { data };
      const message = 'The answer is not one of Tenure: is the address right?';
      return { error: error.error ?? { code: 'unreachable', message } };
    } catch (error) {
      return { error: { code: 'unreachable', message: `No answer: ${String(error)}` } };
    }
  }

  private listen(act: 'addEventListener' | 'removeEventListener'): void {
    page.document[act]('visibilitychange', this.onShown);
    page[act]('pageshow', this.onPageShow);
  }

  private readonly onShown = (): void => {
    const isStale = Date.now() - this.readAt > FRESH;
    if (page.document.visibilityState === 'visible' && isStale) void this.refresh();
  };

  /** Back from Checkout by the browser's own button: the page is as it was left. */
  private readonly onPageShow = (event: Event): void => {
    if (!('persisted' in event) || event.persisted !== true) return;
    this.set({ pending: null });
    void this.refresh();
  };

  private set(news: Partial<Snapshot>): void {
    this.state = { ...this.state, ...news };
    for (const listener of this.listeners) listener();
  }
}

function subscriptionIn(data: unknown): Subscription | null {
  return (data as { subscription: Subscription | null }).subscription;
}

/** `crypto.randomUUID` is there in secure contexts only. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
