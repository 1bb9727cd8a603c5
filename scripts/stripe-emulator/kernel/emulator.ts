import type { Services } from '../contracts.ts';
import { Account } from './account.ts';
import { Context, type EventListener, type Shared } from './context.ts';
import { invalidApiKey } from './errors.ts';
import type { Registry } from './registry.ts';
import type { RequestLog } from './request-log.ts';

/** What a fault does to one API call. */
export interface RequestFault {
  /** Wait before the call is handled. */
  delayMs?: number;
  /** Answer this instead of handling the call. */
  answer?: { status: number; headers: Record<string, string>; body: string };
  /** Answer this although the call was handled. */
  instead?: { status: number; headers: Record<string, string>; body: string };
  /** Keep the finished answer back for so long: it then tells the past. */
  holdMs?: number;
  /** Close the socket: before handling the call, after it (the work is done, the answer is lost), or within the answer. */
  cut?: 'before' | 'after' | 'mid_body';
  /** Rewrites the answer's JSON text (stale reads). */
  rewrite?: (body: string) => string;
}
export interface RequestFacts {
  method: string;
  path: string;
  requestId: string;
  idempotencyKey: string | null;
}

/** The switches and listeners that other parts of the emulator hang on to. */
export interface Hooks {
  /** Asked before each authenticated call. */
  fault: ((account: Account, request: RequestFacts) => RequestFault | undefined) | null;
  /** Gives what shows objects in an API version; undefined: as they are stored. */
  renderer:
    | ((account: Account, version: string) => ((value: unknown) => unknown) | undefined)
    | null;
  onRequestLogged: ((account: Account, entry: RequestLog) => void)[];
  onEvent: EventListener[];
  /** Told of each account that comes up, new or from the file. */
  onAccount: ((account: Account) => void)[];
  /** An error that is the emulator's own fault. */
  onBug: (error: unknown) => void;
}

const LONGEST_TIMER_MS = 2_000_000_000;
const KEY_FORM = /^(sk|rk|rkcs)_test_[0-9A-Za-z_]+$/;

/** All accounts of one running emulator. */
export class Emulator {
  readonly accounts = new Map<string, Account>();
  readonly registry: Registry;
  readonly shared: Shared;
  readonly hooks: Hooks;
  private readonly retrySchedule: readonly number[];
  private readonly timers = new Map<Account, NodeJS.Timeout>();
  private readonly onNewAccount: (ctx: Context) => void;
  private closed = false;

  constructor(parts: {
    registry: Registry;
    services: Services;
    retrySchedule: readonly number[];
    onNewAccount: (ctx: Context) => void;
  }) {
    this.registry = parts.registry;
    this.retrySchedule = parts.retrySchedule;
    this.onNewAccount = parts.onNewAccount;
    const onEvent: EventListener[] = [];
    this.hooks = {
      fault: null,
      renderer: null,
      onRequestLogged: [],
      onEvent,
      onAccount: [],
      onBug: (error) => console.error(error),
    };
    this.shared = {
      services: parts.services,
      eventListeners: onEvent,
      baseUrl: '',
      publicUrl: null,
      wake: (account) => this.wake(account),
    };
  }

  /** The account of an API key; test keys make theirs on first use, anything else is a 401. */
  accountOf(key: string | null): Account {
    if (key === null || !KEY_FORM.test(key)) throw invalidApiKey(key);
    const known = this.accounts.get(key);
    if (known !== undefined) return known;
    const account = this.adopt(new Account(key, this.retrySchedule));
    this.onNewAccount(this.context(account));
    return account;
  }

  adopt(account: Account): Account {
    this.accounts.set(account.key, account);
    for (const listener of this.hooks.onAccount) listener(account);
    return account;
  }

  newAccount(key: string): Account {
    return new Account(key, this.retrySchedule);
  }

  /** A context for work outside an API call: pages, due work. */
  context(account: Account): Context {
    return new Context(account, this.shared);
  }

  /** The account that holds an object, for pages whose address carries only the object's id. */
  accountHolding(id: string): Account | undefined {
    for (const account of this.accounts.values())
      if (account.store.resolve(id) !== undefined) return account;
    return undefined;
  }

  /** Runs the due work of one clock up to a moment, with pauses for the event loop; false if the emulator stops meanwhile. */
  async runClock(account: Account, clock: string, until: number): Promise<boolean> {
    const { store } = account;
    let begun = performance.now();
    for (
      let work = account.scheduler.takeDue(clock, until);
      work !== undefined;
      work = account.scheduler.takeDue(clock, until)
    ) {
      this.runJob(account, work);
      if (performance.now() - begun > 25) {
        await new Promise((resolve) => setImmediate(resolve));
        begun = performance.now();
        // What is left is in the file, or the account was emptied.
        if (this.closed || account.store !== store) return false;
      }
    }
    return true;
  }

  /** Runs what is due in real time, then sets the timer for what comes next. */
  wake(account: Account): void {
    if (this.closed) return;
    clearTimeout(this.timers.get(account));
    const next = account.scheduler.peek(null);
    if (next === undefined) return;
    const wait = Math.min(Math.max(next.at * 1000 - Date.now(), 0), LONGEST_TIMER_MS);
    const timer = setTimeout(() => this.runRealTime(account), wait);
    timer.unref();
    this.timers.set(account, timer);
  }

  close(): void {
    this.closed = true;
    for (const timer of this.timers.values()) clearTimeout(timer);
    for (const account of this.accounts.values()) account.webhooks.close();
  }

  private runRealTime(account: Account): void {
    const now = Math.floor(Date.now() / 1000);
    for (
      let work = account.scheduler.takeDue(null, now);
      work !== undefined;
      work = account.scheduler.takeDue(null, now)
    )
      this.runJob(account, work);
    this.wake(account);
  }

  private runJob(
    account: Account,
    work: { at: number; clock: string | null; job: string; ref: string },
  ): void {
    const job = this.registry.jobNamed(work.job);
    if (job === undefined) throw new Error(`no job named ${work.job}`);
    account.at(work.at, work.clock, () => {
      try {
        job(this.context(account), work.ref);
      } catch (error) {
        this.hooks.onBug(error); // one broken subscription must not stop the clock of all others
      }
    });
  }
}
